"""Every model has a name, and its parameters have; a wrong one is refused with the nearest.

- Every table is one of probabilities, by every way to meet, and its states can be come to from its beginning.
- Every model says where it is from, and a reading says that it is one.
- Every parameter matters.
"""

import math

import numpy as np
import pytest
from tests.logs import refusal

from counterpoint.spread.models.model import CONTACT_SCHEMES, PAIRWISE, Joint
from counterpoint.spread.models.presets import MODELS, model
from counterpoint.spread.models.sidr import EVENTS, READINGS

EVERY = pytest.mark.parametrize("name", MODELS)


@EVERY
def test_a_table_holds_probabilities_that_add_up_to_at_most_1_however_people_meet(name):
    pairs = any(isinstance(rule, Joint) for rule in model(name).rules)
    for contact in PAIRWISE if pairs else CONTACT_SCHEMES:
        built = model(name).with_contact(contact)
        for sums in (
            built.contact_chances.sum(-1),
            built.joint_chances.sum((-1, -2)),
            built.spontaneous_chances.sum(-1),
        ):
            assert np.all((sums >= 0) & (sums <= 1 + 1e-9))


@EVERY
def test_every_state_is_come_to_from_ignorant_people_and_those_put_among_them(name):
    built = model(name)
    posts = [built.number(state) for state in built.active]
    come_to = {0, built.number(built.source), *map(built.number, built.given)}
    for _ in built.states:
        for s in sorted(come_to):
            come_to |= set(np.flatnonzero(built.spontaneous_chances[:, s].sum(0)))
            for j in sorted(come_to):
                if j in posts or s in posts:
                    come_to |= set(np.flatnonzero(built.contact_chances[:, :, s, j].sum((0, 1))))
                    come_to |= {int(k) for pair in np.argwhere(built.joint_chances[s, j]) for k in pair}
    assert len(come_to) == len(built.states)


@EVERY
def test_only_those_who_have_heard_post_and_the_ignorant_do_not(name):
    built = model(name)
    assert built.source in built.active
    assert built.states[0] not in built.active


@EVERY
def test_nobody_changes_without_meeting_anybody_who_posts_unless_they_have_heard(name):
    built = model(name)
    assert not built.spontaneous_chances[:, 0].any()
    silent = [number for number, state in enumerate(built.states) if state not in built.active]
    assert not built.contact_chances[:, :, 0, silent].any()


@EVERY
def test_a_model_says_where_it_is_from(name):
    about = model(name).about
    assert any(f"({year})" in about for year in range(1920, 2030))
    assert about.endswith(".")


@pytest.mark.parametrize("name", ["siraru", "2si2r", "icsar"])
def test_a_reading_says_that_it_is_one(name):
    assert "A reading:" in model(name).about


@EVERY
def test_every_parameter_matters(name):
    usual = model(name)
    for parameter in _chances(name):
        other = model(name, **{parameter: 0.011})
        tables = zip(
            (usual.contact_chances, usual.spontaneous_chances, usual.joint_chances),
            (other.contact_chances, other.spontaneous_chances, other.joint_chances),
            strict=True,
        )
        assert usual.classes != other.classes or any(not np.array_equal(one, two) for one, two in tables), parameter


@EVERY
@pytest.mark.parametrize("value", [-0.5, math.nan, math.inf])
def test_a_value_that_is_no_probability_is_refused_in_every_parameter(name, value):
    for parameter in _chances(name):
        assert "it must " in refusal(lambda chance=parameter: model(name, **{chance: value})), parameter


@EVERY
def test_a_model_with_all_its_parameters_said_is_the_model(name):
    assert model(name, **MODELS[name].parameters) == model(name)
    assert model(name).name == name


def test_an_unknown_model_is_refused_with_the_nearest():
    assert "no model 'siir'; did you mean 'sir'?" in refusal(lambda: model("siir"))


def test_an_unknown_parameter_is_refused_with_the_nearest():
    assert "sirs has no parameter 'recovr'; did you mean 'recover'?" in refusal(lambda: model("sirs", recovr=0.1))
    assert "sidr-active-pull has no parameter 'gamma'; did you mean 'gamma" in refusal(
        lambda: model("sidr-active-pull", gamma=0.1)
    )


def test_an_unknown_event_is_refused_with_the_nearest():
    assert "no event 'fur-colar'; did you mean 'fur-collar'?" in refusal(lambda: model("sidr", event="fur-colar"))


def test_a_parameter_that_is_no_number_is_refused():
    assert "sir: spread is 'high'; it must be a number" in refusal(lambda: model("sir", spread="high"))


@pytest.mark.parametrize("name", READINGS)
@pytest.mark.parametrize("event", EVENTS)
def test_a_reading_of_sidr_takes_an_event_and_what_differs_from_it(name, event):
    assert model(name, event=event) == READINGS[name](EVENTS[event])
    assert model(name, event=event, t=0.35).classes == {"checker": 0.35}


def _chances(name: str) -> list[str]:
    return [parameter for parameter in MODELS[name].parameters if parameter != "event"]
