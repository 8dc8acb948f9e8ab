"""Counterpoint: who leaves a music platform, what each should hear next, how a rumour spreads there, who began it.

The public names below are loaded when they are first used, so that `import counterpoint` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names as below, for type checkers and editors
    # ruff: noqa: F401
    from counterpoint.errors import CounterpointError as CounterpointError
    from counterpoint.evaluate.intervals import Estimate as Estimate
    from counterpoint.listeners.churn.act import Plan as Plan
    from counterpoint.listeners.churn.cohorts import Cohorts as Cohorts
    from counterpoint.listeners.churn.cohorts import cohorts as churn_cohorts
    from counterpoint.listeners.churn.evaluate import Evaluation as Evaluation
    from counterpoint.listeners.churn.evaluate import evaluate as evaluate_churn
    from counterpoint.listeners.churn.likes import Likes as Likes
    from counterpoint.listeners.churn.likes import likes as churn_likes
    from counterpoint.listeners.churn.own import ChurnModel as ChurnModel
    from counterpoint.listeners.churn.own import judge_table as judge_table
    from counterpoint.listeners.churn.score import Scores as Scores
    from counterpoint.listeners.churn.score import outcome_of as offers_outcome
    from counterpoint.listeners.churn.score import score as score_churn
    from counterpoint.listeners.churn.snapshot import Snapshot as Snapshot
    from counterpoint.listeners.churn.songs import Songs as Songs
    from counterpoint.listeners.churn.songs import songs as churn_songs
    from counterpoint.listeners.churn.table import ListenerTable, listener_table
    from counterpoint.listeners.churn.train import Trained as Trained
    from counterpoint.listeners.churn.train import train as train_churn
    from counterpoint.listeners.events.formats import Format as Format
    from counterpoint.listeners.events.formats import load as load_format
    from counterpoint.listeners.events.ingest import Taken as Taken
    from counterpoint.listeners.events.ingest import ingest as ingest
    from counterpoint.listeners.events.invented.platform import Platform as Platform
    from counterpoint.listeners.events.invented.platform import invent as invent
    from counterpoint.listeners.events.ledger import FileLedger as FileLedger
    from counterpoint.listeners.events.overview import Overview as Overview
    from counterpoint.listeners.events.overview import overview as overview
    from counterpoint.listeners.insight.report import write_report as write_report
    from counterpoint.listeners.recommend.evaluate import evaluate as evaluate_recommenders
    from counterpoint.listeners.recommend.evaluate import evaluate_table as judge_interactions
    from counterpoint.listeners.recommend.recommender import Recommender as Recommender
    from counterpoint.listeners.recommend.train import train as train_recommender
    from counterpoint.rumours.meanfield import mean_field as mean_field
    from counterpoint.rumours.meanfield import thresholds as thresholds
    from counterpoint.rumours.models.model import Alone as Alone
    from counterpoint.rumours.models.model import Both as Both
    from counterpoint.rumours.models.model import Meet as Meet
    from counterpoint.rumours.models.model import Model as Model
    from counterpoint.rumours.models.presets import model as rumour_model
    from counterpoint.rumours.network.network import Network as Network
    from counterpoint.rumours.network.read import read as read_network
    from counterpoint.rumours.network.recipe import network as network
    from counterpoint.rumours.outbreak import Outbreaks as Outbreaks
    from counterpoint.rumours.schedule import Block as Block
    from counterpoint.rumours.schedule import Change as Change
    from counterpoint.rumours.schedule import Plant as Plant
    from counterpoint.rumours.schedule import Prebunk as Prebunk
    from counterpoint.rumours.simulate import simulate as simulate
    from counterpoint.rumours.trace.evaluate import judge as judge_tracing
    from counterpoint.rumours.trace.observed import Observed as Observed
    from counterpoint.rumours.trace.suspects import Suspects as Suspects
    from counterpoint.rumours.trace.trace import trace as trace
    from counterpoint.tables.workspace import reading as reading

__version__ = "0.1.0"

_PUBLIC: dict[str, tuple[str, str]] = {
    "ChurnModel": ("listeners.churn.own", "ChurnModel"),
    "Cohorts": ("listeners.churn.cohorts", "Cohorts"),
    "CounterpointError": ("errors", "CounterpointError"),
    "Estimate": ("evaluate.intervals", "Estimate"),
    "Evaluation": ("listeners.churn.evaluate", "Evaluation"),
    "FileLedger": ("listeners.events.ledger", "FileLedger"),
    "Format": ("listeners.events.formats", "Format"),
    "ListenerTable": ("listeners.churn.table", "ListenerTable"),
    "Likes": ("listeners.churn.likes", "Likes"),
    "Overview": ("listeners.events.overview", "Overview"),
    "Plan": ("listeners.churn.act", "Plan"),
    "Scores": ("listeners.churn.score", "Scores"),
    "Snapshot": ("listeners.churn.snapshot", "Snapshot"),
    "Songs": ("listeners.churn.songs", "Songs"),
    "Taken": ("listeners.events.ingest", "Taken"),
    "Trained": ("listeners.churn.train", "Trained"),
    "churn_cohorts": ("listeners.churn.cohorts", "cohorts"),
    "churn_likes": ("listeners.churn.likes", "likes"),
    "churn_songs": ("listeners.churn.songs", "songs"),
    "evaluate_churn": ("listeners.churn.evaluate", "evaluate"),
    "ingest": ("listeners.events.ingest", "ingest"),
    "judge_table": ("listeners.churn.own", "judge_table"),
    "listener_table": ("listeners.churn.table", "listener_table"),
    "load_format": ("listeners.events.formats", "load"),
    "Platform": ("listeners.events.invented.platform", "Platform"),
    "invent": ("listeners.events.invented.platform", "invent"),
    "offers_outcome": ("listeners.churn.score", "outcome_of"),
    "overview": ("listeners.events.overview", "overview"),
    "reading": ("tables.workspace", "reading"),
    "Recommender": ("listeners.recommend.recommender", "Recommender"),
    "evaluate_recommenders": ("listeners.recommend.evaluate", "evaluate"),
    "judge_interactions": ("listeners.recommend.evaluate", "evaluate_table"),
    "train_recommender": ("listeners.recommend.train", "train"),
    "write_report": ("listeners.insight.report", "write_report"),
    "score_churn": ("listeners.churn.score", "score"),
    "train_churn": ("listeners.churn.train", "train"),
    "Alone": ("rumours.models.model", "Alone"),
    "Block": ("rumours.schedule", "Block"),
    "Both": ("rumours.models.model", "Both"),
    "Change": ("rumours.schedule", "Change"),
    "Meet": ("rumours.models.model", "Meet"),
    "Model": ("rumours.models.model", "Model"),
    "Network": ("rumours.network.network", "Network"),
    "Outbreaks": ("rumours.outbreak", "Outbreaks"),
    "Plant": ("rumours.schedule", "Plant"),
    "Prebunk": ("rumours.schedule", "Prebunk"),
    "mean_field": ("rumours.meanfield", "mean_field"),
    "thresholds": ("rumours.meanfield", "thresholds"),
    "network": ("rumours.network.recipe", "network"),
    "read_network": ("rumours.network.read", "read"),
    "rumour_model": ("rumours.models.presets", "model"),
    "simulate": ("rumours.simulate", "simulate"),
    "Observed": ("rumours.trace.observed", "Observed"),
    "Suspects": ("rumours.trace.suspects", "Suspects"),
    "judge_tracing": ("rumours.trace.evaluate", "judge"),
    "trace": ("rumours.trace.trace", "trace"),
}
__all__ = ["__version__", *_PUBLIC]  # noqa: PLE0604  the keys are strings


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'counterpoint' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    return getattr(import_module(f"counterpoint.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
