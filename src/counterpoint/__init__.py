"""Counterpoint: who leaves a music platform, what each should hear next, how a rumour spreads there, who began it.

The public names below are loaded when they are first used, so that `import counterpoint` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names as below, for type checkers and editors
    # ruff: noqa: F401
    from counterpoint.churn.cohorts import Cohorts as Cohorts
    from counterpoint.churn.cohorts import cohorts as churn_cohorts
    from counterpoint.churn.estimator import ChurnModel as ChurnModel
    from counterpoint.churn.estimator import judge_table as judge_table
    from counterpoint.churn.evaluate import Evaluation as Evaluation
    from counterpoint.churn.evaluate import evaluate as evaluate_churn
    from counterpoint.churn.likes import Likes as Likes
    from counterpoint.churn.likes import likes as churn_likes
    from counterpoint.churn.retention_offers import Plan as Plan
    from counterpoint.churn.score import Scores as Scores
    from counterpoint.churn.score import outcome_of as offers_outcome
    from counterpoint.churn.score import score as score_churn
    from counterpoint.churn.songs import Songs as Songs
    from counterpoint.churn.songs import songs as churn_songs
    from counterpoint.churn.train import Trained as Trained
    from counterpoint.churn.train import train as train_churn
    from counterpoint.errors import CounterpointError as CounterpointError
    from counterpoint.events.formats import Format as Format
    from counterpoint.events.formats import load as load_format
    from counterpoint.events.ingest import Taken as Taken
    from counterpoint.events.ingest import ingest as ingest
    from counterpoint.events.ledger import FileLedger as FileLedger
    from counterpoint.events.overview import Overview as Overview
    from counterpoint.events.overview import overview as overview
    from counterpoint.networks.graph import Network as Network
    from counterpoint.networks.readers import read as read_network
    from counterpoint.networks.recipe import network as network
    from counterpoint.platform.workspace_report import write_report as write_report
    from counterpoint.recommend.evaluate import evaluate as evaluate_recommenders
    from counterpoint.recommend.evaluate import evaluate_table as judge_interactions
    from counterpoint.recommend.recommender import Recommender as Recommender
    from counterpoint.recommend.train import train as train_recommender
    from counterpoint.snapshots.session import ListenerTable, listener_table
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
    from counterpoint.synthetic.platform import invent as invent
    from counterpoint.trace.evaluation import DetectorEvaluation as DetectorEvaluation
    from counterpoint.trace.evaluation import evaluate as evaluate_detectors
    from counterpoint.trace.localization import locate as locate_source
    from counterpoint.trace.observation import Observation as Observation
    from counterpoint.trace.problem import Problem as TracingProblem
    from counterpoint.trace.suspects import Suspects as Suspects

__version__ = "0.1.0"

_PUBLIC: dict[str, tuple[str, str]] = {
    "ChurnModel": ("churn.estimator", "ChurnModel"),
    "Cohorts": ("churn.cohorts", "Cohorts"),
    "CounterpointError": ("errors", "CounterpointError"),
    "Estimate": ("stats.intervals", "Estimate"),
    "Evaluation": ("churn.evaluate", "Evaluation"),
    "FileLedger": ("events.ledger", "FileLedger"),
    "Format": ("events.formats", "Format"),
    "ListenerTable": ("snapshots.session", "ListenerTable"),
    "Likes": ("churn.likes", "Likes"),
    "Overview": ("events.overview", "Overview"),
    "Plan": ("churn.retention_offers", "Plan"),
    "Scores": ("churn.score", "Scores"),
    "Snapshot": ("snapshots.snapshot", "Snapshot"),
    "Songs": ("churn.songs", "Songs"),
    "Taken": ("events.ingest", "Taken"),
    "Trained": ("churn.train", "Trained"),
    "churn_cohorts": ("churn.cohorts", "cohorts"),
    "churn_likes": ("churn.likes", "likes"),
    "churn_songs": ("churn.songs", "songs"),
    "evaluate_churn": ("churn.evaluate", "evaluate"),
    "ingest": ("events.ingest", "ingest"),
    "judge_table": ("churn.estimator", "judge_table"),
    "listener_table": ("snapshots.session", "listener_table"),
    "load_format": ("events.formats", "load"),
    "Platform": ("synthetic.platform", "Platform"),
    "invent": ("synthetic.platform", "invent"),
    "offers_outcome": ("churn.score", "outcome_of"),
    "overview": ("events.overview", "overview"),
    "open_workspace": ("storage.workspace", "open_workspace"),
    "Recommender": ("recommend.recommender", "Recommender"),
    "evaluate_recommenders": ("recommend.evaluate", "evaluate"),
    "judge_interactions": ("recommend.evaluate", "evaluate_table"),
    "train_recommender": ("recommend.train", "train"),
    "write_report": ("platform.workspace_report", "write_report"),
    "score_churn": ("churn.score", "score"),
    "train_churn": ("churn.train", "train"),
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
    "network": ("networks.recipe", "network"),
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
