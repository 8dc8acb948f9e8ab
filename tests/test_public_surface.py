"""The public names are these, each can be had, and having one costs no other."""

import counterpoint

PUBLIC = [
    "Block",
    "BootstrapSettings",
    "Change",
    "ChurnEvaluation",
    "ChurnModel",
    "Cohorts",
    "Contact",
    "CounterpointError",
    "DetectorEvaluation",
    "Estimate",
    "EvaluationSettings",
    "FileLedger",
    "Format",
    "Joint",
    "LikeComparison",
    "ListenerTable",
    "Model",
    "Network",
    "Observation",
    "OfferPlan",
    "Offers",
    "Outbreaks",
    "Overview",
    "Plant",
    "Platform",
    "Prebunk",
    "Recommender",
    "Scores",
    "Snapshot",
    "SongsBeforeLeaving",
    "Spontaneous",
    "Suspects",
    "TableSettings",
    "TracingProblem",
    "TrainedChurnModel",
    "__version__",
    "compare_likes",
    "evaluate_churn",
    "evaluate_detectors",
    "evaluate_interactions",
    "evaluate_recommenders",
    "evaluate_table",
    "follow_cohorts",
    "ingest",
    "IngestReport",
    "generate_platform",
    "listener_table",
    "load_format",
    "locate_source",
    "mean_field",
    "measure_offers",
    "network",
    "open_workspace",
    "overview",
    "plan_offers",
    "read_network",
    "rumour_model",
    "score_churn",
    "simulate",
    "songs_before_leaving",
    "thresholds",
    "train_churn",
    "train_recommender",
    "write_report",
]


def test_the_public_surface_is_what_was_agreed():
    assert sorted(counterpoint.__all__) == sorted(PUBLIC)


def test_every_public_name_can_be_had_and_is_documented():
    for name in counterpoint.__all__:
        value = getattr(counterpoint, name)
        assert name == "__version__" or value.__doc__


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(counterpoint, "nonsense")
