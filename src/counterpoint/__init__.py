"""Counterpoint: who leaves a music platform, what each should hear next, how a rumour spreads there, who began it.

The public names below are loaded when they are first used, so that `import counterpoint` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names as below, for type checkers and editors
    # ruff: noqa: F401
    from counterpoint.churn.cohorts import Cohorts as Cohorts
    from counterpoint.churn.cohorts import follow_cohorts as follow_cohorts
    from counterpoint.churn.estimator import BootstrapSettings as BootstrapSettings
    from counterpoint.churn.estimator import ChurnModel as ChurnModel
    from counterpoint.churn.estimator import evaluate_table as evaluate_table
    from counterpoint.churn.evaluation import ChurnEvaluation as ChurnEvaluation
    from counterpoint.churn.evaluation import EvaluationSettings as EvaluationSettings
    from counterpoint.churn.evaluation import evaluate as evaluate_churn
    from counterpoint.churn.feature_table import TableSettings as TableSettings
    from counterpoint.churn.feature_table import listener_table as listener_table
    from counterpoint.churn.leaving_songs import SongsBeforeLeaving as SongsBeforeLeaving
    from counterpoint.churn.leaving_songs import songs_before_leaving as songs_before_leaving
    from counterpoint.churn.likes import LikeComparison as LikeComparison
    from counterpoint.churn.likes import compare_likes as compare_likes
    from counterpoint.churn.offers import Offers as Offers
    from counterpoint.churn.offers import measure_offers as measure_offers
    from counterpoint.churn.offers import plan_offers as plan_offers
    from counterpoint.churn.retention_offers import OfferPlan as OfferPlan
    from counterpoint.churn.scoring import Scores as Scores
    from counterpoint.churn.scoring import score as score_churn
    from counterpoint.churn.training import TrainedChurnModel as TrainedChurnModel
    from counterpoint.churn.training import train as train_churn
    from counterpoint.errors import CounterpointError as CounterpointError
    from counterpoint.events.formats import Format as Format
    from counterpoint.events.formats import load_format as load_format
    from counterpoint.events.ingestion import IngestReport as IngestReport
    from counterpoint.events.ingestion import ingest as ingest
    from counterpoint.events.ledger import FileLedger as FileLedger
    from counterpoint.events.log_overview import Overview as Overview
    from counterpoint.events.log_overview import overview as overview
    from counterpoint.networks.graph import Network as Network
    from counterpoint.networks.readers import read as read_network
    from counterpoint.networks.recipes import network as network
    from counterpoint.platform.workspace_report import write_report as write_report
    from counterpoint.recommend.evaluation import evaluate as evaluate_recommenders
    from counterpoint.recommend.evaluation import evaluate_interactions as evaluate_interactions
    from counterpoint.recommend.recommender import Recommender as Recommender
    from counterpoint.recommend.training import train as train_recommender
    from counterpoint.snapshots.listener_table import ListenerTable as ListenerTable
    from counterpoint.snapshots.snapshot import Snapshot as Snapshot
    from counterpoint.spread.interventions import Block as Block
    from counterpoint.spread.interventions import Change as Change
    from counterpoint.spread.interventions import Plant as Plant
    from counterpoint.spread.interventions import Prebunk as Prebunk
    from counterpoint.spread.mean_field_theory import mean_field as mean_field
    from counterpoint.spread.mean_field_theory import thresholds as thresholds
    from counterpoint.spread.models.model import Contact as Contact
    from counterpoint.spread.models.model import Joint as Joint
    from counterpoint.spread.models.model import Model as Model
    from counterpoint.spread.models.model import Spontaneous as Spontaneous
    from counterpoint.spread.models.presets import model as rumour_model
    from counterpoint.spread.outbreaks import Outbreaks as Outbreaks
    from counterpoint.spread.simulation import simulate as simulate
    from counterpoint.stats.intervals import Estimate as Estimate
    from counterpoint.storage.workspace import open_workspace as open_workspace
    from counterpoint.synthetic.platform import Platform as Platform
    from counterpoint.synthetic.platform import generate as generate_platform
    from counterpoint.trace.evaluation import DetectorEvaluation as DetectorEvaluation
    from counterpoint.trace.evaluation import evaluate as evaluate_detectors
    from counterpoint.trace.localization import locate as locate_source
    from counterpoint.trace.observation import Observation as Observation
    from counterpoint.trace.problem import Problem as TracingProblem
    from counterpoint.trace.suspects import Suspects as Suspects

__version__ = "0.1.0"

_PUBLIC: dict[str, tuple[str, str]] = {
    "BootstrapSettings": ("churn.estimator", "BootstrapSettings"),
    "ChurnModel": ("churn.estimator", "ChurnModel"),
    "Cohorts": ("churn.cohorts", "Cohorts"),
    "CounterpointError": ("errors", "CounterpointError"),
    "Estimate": ("stats.intervals", "Estimate"),
    "ChurnEvaluation": ("churn.evaluation", "ChurnEvaluation"),
    "FileLedger": ("events.ledger", "FileLedger"),
    "Format": ("events.formats", "Format"),
    "ListenerTable": ("snapshots.listener_table", "ListenerTable"),
    "LikeComparison": ("churn.likes", "LikeComparison"),
    "Overview": ("events.log_overview", "Overview"),
    "EvaluationSettings": ("churn.evaluation", "EvaluationSettings"),
    "TableSettings": ("churn.feature_table", "TableSettings"),
    "plan_offers": ("churn.offers", "plan_offers"),
    "Offers": ("churn.offers", "Offers"),
    "OfferPlan": ("churn.retention_offers", "OfferPlan"),
    "Scores": ("churn.scoring", "Scores"),
    "Snapshot": ("snapshots.snapshot", "Snapshot"),
    "SongsBeforeLeaving": ("churn.leaving_songs", "SongsBeforeLeaving"),
    "IngestReport": ("events.ingestion", "IngestReport"),
    "TrainedChurnModel": ("churn.training", "TrainedChurnModel"),
    "follow_cohorts": ("churn.cohorts", "follow_cohorts"),
    "compare_likes": ("churn.likes", "compare_likes"),
    "songs_before_leaving": ("churn.leaving_songs", "songs_before_leaving"),
    "evaluate_churn": ("churn.evaluation", "evaluate"),
    "ingest": ("events.ingestion", "ingest"),
    "evaluate_table": ("churn.estimator", "evaluate_table"),
    "listener_table": ("churn.feature_table", "listener_table"),
    "load_format": ("events.formats", "load_format"),
    "Platform": ("synthetic.platform", "Platform"),
    "generate_platform": ("synthetic.platform", "generate"),
    "measure_offers": ("churn.offers", "measure_offers"),
    "overview": ("events.log_overview", "overview"),
    "open_workspace": ("storage.workspace", "open_workspace"),
    "Recommender": ("recommend.recommender", "Recommender"),
    "evaluate_interactions": ("recommend.evaluation", "evaluate_interactions"),
    "evaluate_recommenders": ("recommend.evaluation", "evaluate"),
    "train_recommender": ("recommend.training", "train"),
    "write_report": ("platform.workspace_report", "write_report"),
    "score_churn": ("churn.scoring", "score"),
    "train_churn": ("churn.training", "train"),
    "Spontaneous": ("spread.models.model", "Spontaneous"),
    "Block": ("spread.interventions", "Block"),
    "Joint": ("spread.models.model", "Joint"),
    "Change": ("spread.interventions", "Change"),
    "Contact": ("spread.models.model", "Contact"),
    "Model": ("spread.models.model", "Model"),
    "Network": ("networks.graph", "Network"),
    "Outbreaks": ("spread.outbreaks", "Outbreaks"),
    "Plant": ("spread.interventions", "Plant"),
    "Prebunk": ("spread.interventions", "Prebunk"),
    "mean_field": ("spread.mean_field_theory", "mean_field"),
    "thresholds": ("spread.mean_field_theory", "thresholds"),
    "network": ("networks.recipes", "network"),
    "read_network": ("networks.readers", "read"),
    "rumour_model": ("spread.models.presets", "model"),
    "simulate": ("spread.simulation", "simulate"),
    "DetectorEvaluation": ("trace.evaluation", "DetectorEvaluation"),
    "Observation": ("trace.observation", "Observation"),
    "Suspects": ("trace.suspects", "Suspects"),
    "TracingProblem": ("trace.problem", "Problem"),
    "evaluate_detectors": ("trace.evaluation", "evaluate"),
    "locate_source": ("trace.localization", "locate"),
}
__all__ = ["__version__", *_PUBLIC]  # noqa: PLE0604  the keys are strings


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'counterpoint' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    return getattr(import_module(f"counterpoint.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
