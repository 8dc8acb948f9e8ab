"""Counterpoint: who is about to leave a music platform, and why; from raw logs, dirt and all, to a ranked list.

The public names below are loaded when they are first used, so that `import counterpoint` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names as below, for type checkers and editors
    # ruff: noqa: F401
    from counterpoint.errors import CounterpointError as CounterpointError
    from counterpoint.evaluate.intervals import Estimate as Estimate
    from counterpoint.listeners.churn.evaluate import Evaluation as Evaluation
    from counterpoint.listeners.churn.evaluate import evaluate as evaluate_churn
    from counterpoint.listeners.churn.score import Scores as Scores
    from counterpoint.listeners.churn.score import score as score_churn
    from counterpoint.listeners.churn.snapshot import Snapshot as Snapshot
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
    from counterpoint.listeners.insight import write_report as write_report
    from counterpoint.tables.workspace import reading as reading

__version__ = "0.1.0"

_PUBLIC: dict[str, tuple[str, str]] = {
    "CounterpointError": ("errors", "CounterpointError"),
    "Estimate": ("evaluate.intervals", "Estimate"),
    "Evaluation": ("listeners.churn.evaluate", "Evaluation"),
    "FileLedger": ("listeners.events.ledger", "FileLedger"),
    "Format": ("listeners.events.formats", "Format"),
    "ListenerTable": ("listeners.churn.table", "ListenerTable"),
    "Overview": ("listeners.events.overview", "Overview"),
    "Scores": ("listeners.churn.score", "Scores"),
    "Snapshot": ("listeners.churn.snapshot", "Snapshot"),
    "Taken": ("listeners.events.ingest", "Taken"),
    "Trained": ("listeners.churn.train", "Trained"),
    "evaluate_churn": ("listeners.churn.evaluate", "evaluate"),
    "ingest": ("listeners.events.ingest", "ingest"),
    "listener_table": ("listeners.churn.table", "listener_table"),
    "load_format": ("listeners.events.formats", "load"),
    "Platform": ("listeners.events.invented.platform", "Platform"),
    "invent": ("listeners.events.invented.platform", "invent"),
    "overview": ("listeners.events.overview", "overview"),
    "reading": ("tables.workspace", "reading"),
    "write_report": ("listeners.insight", "write_report"),
    "score_churn": ("listeners.churn.score", "score"),
    "train_churn": ("listeners.churn.train", "train"),
}
__all__ = ["__version__", *_PUBLIC]  # noqa: PLE0604  the keys are strings


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'counterpoint' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    return getattr(import_module(f"counterpoint.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
