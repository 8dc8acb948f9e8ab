"""A model is refused unless its rules make sense, in one line that names what does not.

- Chances are probabilities, rates are not negative, and what becomes of one meeting adds up to at most 1.
- States and classes are those of the model, and everybody can come to every state.
- In pairwise contact it matters who calls; in others it does not.
"""

from dataclasses import replace

import numpy as np
import pytest
from tests.logs import refusal

from counterpoint.spread.models.model import PAIRWISE, Contact, Joint, Model, Rule, Spontaneous


def _model(*rules: Rule, **said) -> Model:
    parts = {"states": ("S", "I", "R"), "source": "I", "active": ("I",), "given": ("R",)} | said
    return Model("test", rules=(Contact("S", "I", {"I": 0.5}), *rules), **parts)


@pytest.mark.parametrize("chance", [1.5, -0.1, float("nan"), float("inf")])
def test_a_probability_outside_0_and_1_is_refused_by_the_name_of_its_rule(chance):
    assert f"I meeting I becomes R with probability {chance:g}; it must lie in" in refusal(
        lambda: _model(Contact("I", "I", {"R": chance}))
    )
    assert f"I alone becomes R with probability {chance:g}; it must lie in" in refusal(
        lambda: _model(Spontaneous("I", {"R": chance}))
    )
    assert f"I calling I becomes R and R with probability {chance:g}; it must lie in" in refusal(
        lambda: _model(Joint("I", "I", {("R", "R"): chance}), contact="asynchronous")
    )


def test_in_continuous_time_what_people_do_alone_is_a_rate_and_may_exceed_1():
    model = _model(Spontaneous("I", {"R": 7.0}), contact="asynchronous")
    assert model.spontaneous_chances[0, 1, 2] == 7
    assert "I alone becomes R with probability 7; it must lie in" in refusal(lambda: model.with_contact("broadcast"))


@pytest.mark.parametrize("rate", [-1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate):
    assert f"I alone becomes R at rate {rate:g}; it must be 0 or more" in refusal(
        lambda: _model(Spontaneous("I", {"R": rate}), contact="asynchronous")
    )


def test_probabilities_of_one_meeting_that_exceed_1_together_are_refused():
    assert "what I meeting I becomes has probabilities that exceed 1 together" in refusal(
        lambda: _model(Contact("I", "I", {"R": 0.6, "S": 0.6}))
    )
    assert "what S meeting I becomes has probabilities that exceed 1 together" in refusal(
        lambda: _model(Contact("S", "I", {"R": 0.6}))
    )
    assert "what I alone becomes has probabilities that exceed 1 together" in refusal(
        lambda: _model(Spontaneous("I", {"R": 0.6, "S": 0.6}))
    )
    assert "what I meeting I becomes has probabilities that exceed 1 together" in refusal(
        lambda: _model(Joint("I", "I", {("R", "R"): 0.6, ("S", "S"): 0.6}), contact="pairwise")
    )


def test_rules_of_different_classes_do_not_add_up():
    model = Model(
        "test",
        ("S", "I", "D"),
        (Contact("S", "I", {"I": 0.9}, who="ordinary"), Contact("S", "I", {"D": 0.9}, who="checker")),
        source="I",
        active=("I",),
        classes={"checker": 0.3},
    )
    np.testing.assert_array_equal(model.contact_chances[0, :, 0, 1], [[0, 0.9, 0], [0, 0, 0.9]])


@pytest.mark.parametrize(
    "rule",
    [
        Contact("X", "I", {"R": 0.1}),
        Contact("I", "X", {"R": 0.1}),
        Contact("I", "I", {"X": 0.1}),
        Spontaneous("I", {"X": 0.1}),
    ],
)
def test_a_rule_of_a_state_that_the_model_has_not_is_refused(rule):
    assert "test has no state 'X'; known: S, I, R" in refusal(lambda: _model(rule))


@pytest.mark.parametrize("said", [{"source": "X"}, {"active": ("I", "X")}, {"given": ("X",)}])
def test_a_source_or_active_or_given_state_that_the_model_has_not_is_refused(said):
    assert "test has no state 'X'" in refusal(lambda: _model(Spontaneous("I", {"R": 0.1}), **said))


def test_a_class_that_the_model_has_not_is_refused_with_the_nearest():
    assert "test has no class 'cheker'; did you mean 'checker'?" in refusal(
        lambda: _model(Contact("I", "I", {"R": 0.1}, who="cheker"), classes={"checker": 0.2})
    )


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_of_a_class_that_is_none_is_refused(share):
    assert f"the share of checker is {share:g}; it must lie in" in refusal(lambda: _model(classes={"checker": share}))


def test_classes_that_exceed_everybody_or_are_named_as_the_rest_are_refused():
    assert "exceed 1 together" in refusal(lambda: _model(classes={"checker": 0.6, "elder": 0.6}))
    assert "'ordinary'" in refusal(lambda: _model(classes={"ordinary": 0.5}))


def test_a_state_that_no_rule_leads_to_is_refused_unless_somebody_is_put_into_it():
    assert "nobody can come to the state 'R': no rule leads there" in refusal(lambda: _model(given=()))
    assert _model(given=("R",)).states == ("S", "I", "R")
    assert _model(Spontaneous("I", {"R": 0.1}), given=()).states == ("S", "I", "R")


@pytest.mark.parametrize("states", [("S",), ("S", "S"), tuple("ABCDEFGHIJKLMNOP")])
def test_too_few_or_too_many_states_or_two_of_one_name_are_refused(states):
    assert "2 to 15 states with different names" in refusal(lambda: Model("test", states, (), states[0], active=()))


@pytest.mark.parametrize("contact", ["broadcast", "active-pull", "pull"])
def test_two_change_together_only_in_pairwise_contact(contact):
    model = _model(Joint("I", "I", {("R", "R"): 0.5}), contact="asynchronous")
    assert model.with_contact("pairwise").contact == "pairwise"
    assert f"two change together only in pairwise contact, not '{contact}'" in refusal(
        lambda: model.with_contact(contact)
    )


def test_an_unknown_contact_is_refused_with_the_nearest():
    assert "no contact 'brodcast'; did you mean 'broadcast'?" in refusal(lambda: replace(_model(), contact="brodcast"))


@pytest.mark.parametrize("contact", ["broadcast", "active-pull", "pull", "pairwise", "asynchronous"])
def test_who_calls_matters_in_pairwise_contact_and_in_no_other(contact):
    """A post that persuades its reader persuades them whether it is said of the poster or of the reader.

    Those who do not post (here R) can be met, and looked at, but not heard.
    """
    model = _model(Contact("I", "R", {"R": 0.3}, side="called"), Contact("I", "I", {"R": 0.2}, side="caller"))
    caller, called = model.with_contact(contact).contact_chances[:, 0, 1, :, 2]
    if contact in PAIRWISE:
        np.testing.assert_array_equal([caller, called], [[0, 0.2, 0], [0, 0, 0.3]])
    else:
        np.testing.assert_array_equal(caller, [0, 0.2, 0.3 if contact == "pull" else 0])
