"""The public names are these, each can be had, and all that one takes or returns is public too."""

import dataclasses
import inspect
import itertools
import pkgutil
import subprocess
import sys
import typing
from importlib import import_module
from pathlib import Path

import pytest

import counterpoint

REFERENCE = (Path(__file__).parents[1] / "docs" / "reference.md").read_text(encoding="utf-8")
SURFACE = {
    "counterpoint": """
        ChurnModel CounterpointError Estimate Network Observation OfferPlan Outbreaks Platform Recommender
        Snapshot churn evaluate_churn evaluate_detectors evaluate_interactions evaluate_recommenders events
        generate_platform ingest listener_table locate_source network networks open_workspace plan_offers
        read_network recommend rumour_model score_churn simulate snapshots spread stats storage synthetic
        trace train_churn train_recommender write_report
    """,
    "events": """
        ActivityBin Cleaning DEFAULT_RULES FileFormat FileLedger Format IngestReport LearnedNumber Log
        Overview PUBLISHED_RULES Rule RuleSet Slice Source ValueProblem ingest load_format overview
    """,
    "snapshots": """
        CleaningReport Feature LastDay ListenerTable RuleEffect Sample Snapshot Span WindowTotal last_snapshot
        report_cleaning
    """,
    "churn": """
        BootstrapSettings CalibrationError ChurnEvaluation ChurnEvaluationSettings ChurnModel CohortChurn
        CohortSurvival Cohorts ComparisonSettings CrossFitted Examples FeatureImportance FittedModel
        LikeComparison MatchedDays MissingnessCheck ModelKind OfferCosts OfferPlan Offers PermutationSettings
        PredictorEvaluation SafestTrait Scores SongsBeforeLeaving SplitEvaluation TableSettings
        TrainedChurnModel Uplift check_missingness compare_likes evaluate evaluate_table follow_cohorts
        listener_table measure_offers offers_for plan_offers score songs_before_leaving train
    """,
    "recommend": """
        EvaluationWindow Interactions ItemSimilarityModel Lifts ListModel RankedLists RankingEvaluation
        Recommender RecommenderEvaluation RecommenderEvaluationSettings RefinementEffect Request
        SparkAlsSettings Styles TrainedRecommender TrainingSettings evaluate evaluate_interactions
        latest_snapshot train write_songs write_songs_on_spark
    """,
    "networks": """
        Dropped Network ReadNetwork ReadReport barabasi_albert complete erdos_renyi from_igraph from_networkx
        from_object from_scipy from_table network power_law power_law_cluster read read_with_report ring star
        to_networkx watts_strogatz
    """,
    "spread": """
        Block Change Contact Joint MODELS MeanField Model Outbreaks Plant Prebunk RunOptions RunSettings
        Spontaneous Threshold final_size mean_field model simulate thresholds
    """,
    "trace": """
        Detector DetectorEvaluation METHODS Observation Problem Snapshots Suspects detector evaluate locate
    """,
    "synthetic": """
        GeneratedLogs Platform generate
    """,
    "stats": """
        CalibrationBin Estimate Reach Step
    """,
    "storage": """
        Folder SparkSession WorkspaceView open_workspace
    """,
}
SPACES = [name for name in SURFACE if name != "counterpoint"]
PUBLIC = [(space, name) for space in SPACES for name in SURFACE[space].split()]


def _space(name):
    return counterpoint if name == "counterpoint" else getattr(counterpoint, name)


@pytest.mark.parametrize("space", SURFACE)
def test_the_names_of_a_namespace_are_what_was_agreed(space):
    assert sorted(_space(space).__all__) == sorted(SURFACE[space].split())
    assert dir(_space(space)) == sorted(SURFACE[space].split())


@pytest.mark.parametrize("space", SURFACE)
def test_every_public_name_can_be_had_and_is_documented(space):
    assert _space(space).__doc__
    for name in SURFACE[space].split():
        value = getattr(_space(space), name)
        assert not callable(value) or value.__doc__, name


def test_a_name_at_the_top_is_one_of_a_namespace():
    public = {id(getattr(_space(space), name)) for space, name in PUBLIC}
    alone = {name for name in SURFACE["counterpoint"].split() if name not in SPACES}
    assert {name for name in alone if id(getattr(counterpoint, name)) not in public} == {
        "CounterpointError",
        "write_report",
    }


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(counterpoint, "nonsense")
    assert not hasattr(counterpoint.churn, "nonsense")


@pytest.mark.parametrize("space", SURFACE)
def test_no_public_name_is_that_of_a_module_beside_it(space):
    package = _space(space)
    modules = {each.name for each in pkgutil.iter_modules(package.__path__)}
    assert modules & set(package.__all__) == (set(SPACES) if space == "counterpoint" else set())


def _hints(value):
    """Yield the type hints of a function; of a class those of its fields, and of its public methods."""
    if not inspect.isclass(value):
        if inspect.isfunction(value):
            yield typing.get_type_hints(value)
        return
    if dataclasses.is_dataclass(value):
        public = {field.name for field in dataclasses.fields(value) if not field.name.startswith("_")}
        yield {name: hint for name, hint in typing.get_type_hints(value).items() if name in public}
    for name, member in vars(value).items():
        function = getattr(member, "__func__", None) or getattr(member, "fget", None) or getattr(member, "func", member)
        if inspect.isfunction(function) and not name.startswith("_"):
            yield typing.get_type_hints(function)


def _classes(hint):
    """Yield the classes of ours that a hint names, however deep."""
    if isinstance(hint, type) and not typing.get_args(hint) and hint.__module__.startswith("counterpoint"):
        yield hint
    for part in hint if isinstance(hint, list) else typing.get_args(hint):
        yield from _classes(part)


@pytest.mark.parametrize("space", SPACES)
def test_what_a_public_name_takes_or_returns_is_public(space):
    public = {getattr(_space(place), name) for place, name in PUBLIC if callable(getattr(_space(place), name))}
    values = [getattr(_space(space), name) for name in SURFACE[space].split()]
    named = {each for value in values for hints in _hints(value) for hint in hints.values() for each in _classes(hint)}
    assert sorted(f"{each.__module__}.{each.__name__}" for each in named - public) == []


@pytest.mark.parametrize("space", SURFACE)
def test_every_public_name_is_in_the_reference(space):
    prefix = "counterpoint" if space == "counterpoint" else f"counterpoint.{space}"
    names = [name for name in SURFACE[space].split() if space != "counterpoint"]
    listed = {line.removeprefix("::: ").strip() for line in REFERENCE.splitlines() if line.startswith("::: ")}
    assert [name for name in names if f"{prefix}.{name}" not in listed] == []


def test_having_one_name_costs_no_other():
    code = (
        "import sys, counterpoint; counterpoint.churn, counterpoint.Snapshot;"
        "print([m for m in ('duckdb', 'sklearn', 'lightgbm', 'numba', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_stub_declares_each_name_once():
    for space in SURFACE:
        names = import_module("counterpoint" if space == "counterpoint" else f"counterpoint.{space}").__all__
        assert len(names) == len(set(names))


def test_no_two_public_classes_have_one_name():
    classes = {getattr(_space(space), name) for space, name in PUBLIC if isinstance(getattr(_space(space), name), type)}
    names = sorted(each.__name__ for each in classes)
    assert [one for one, other in itertools.pairwise(names) if one == other] == []
