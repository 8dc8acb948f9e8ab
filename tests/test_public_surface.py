"""The public names are these, each can be had, and having one costs no other."""

import counterpoint

PUBLIC = [
    "Spontaneous",
    "Block",
    "Joint",
    "Change",
    "ChurnModel",
    "Cohorts",
    "CounterpointError",
    "DetectorEvaluation",
    "Estimate",
    "Evaluation",
    "FileLedger",
    "Format",
    "Likes",
    "ListenerTable",
    "Contact",
    "Model",
    "Network",
    "Observation",
    "Outbreaks",
    "Overview",
    "Plan",
    "Plant",
    "Platform",
    "Prebunk",
    "Recommender",
    "Scores",
    "Snapshot",
    "Songs",
    "Suspects",
    "Taken",
    "TracingProblem",
    "Trained",
    "__version__",
    "churn_cohorts",
    "churn_likes",
    "churn_songs",
    "evaluate_churn",
    "evaluate_detectors",
    "evaluate_recommenders",
    "ingest",
    "invent",
    "judge_interactions",
    "judge_table",
    "listener_table",
    "load_format",
    "locate_source",
    "mean_field",
    "network",
    "offers_outcome",
    "open_workspace",
    "overview",
    "read_network",
    "rumour_model",
    "score_churn",
    "simulate",
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
