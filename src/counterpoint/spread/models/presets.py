"""Every model by its name, with its parameters."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from inspect import signature
from numbers import Real
from typing import Final

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.spread.models import epidemics, rumour
from counterpoint.spread.models.model import Model
from counterpoint.spread.models.sidr import EVENTS, READINGS, Chances

EVENT: Final = "jiangsu"


@dataclass(frozen=True)
class Preset:
    """A model's builder, and its parameters by name with what they are if nothing is said."""

    build: Callable[..., Model]
    parameters: Mapping[str, float | str]


def model(name: str, /, **parameters: float | str) -> Model:
    """Return the model of this name; a parameter that is not named keeps its default.

    The readings of SIDR take `event`, one of the paper's two, and what differs from its parameters.
    Raises CounterpointError for a name of no model, parameter or event, and for a value that makes no sense.

    >>> model("sir", spread=0.05).contact_chances[0, 0, 0, 1]
    array([0.  , 0.05, 0.  ])
    >>> model("sidr", event="fur-collar").classes
    {'checker': 0.2}
    >>> model("sir", spred=0.05)
    Traceback (most recent call last):
    counterpoint.errors.CounterpointError: sir has no parameter 'spred'; did you mean 'spread'?
    """
    if name not in MODELS:
        raise CounterpointError(f"no model {name!r}; {suggestion(name, MODELS)}")
    preset = MODELS[name]
    for parameter, value in parameters.items():
        if parameter not in preset.parameters:
            raise CounterpointError(
                f"{name} has no parameter {parameter!r}; {suggestion(parameter, preset.parameters)}"
            )
        if parameter != "event" and not isinstance(value, Real):
            raise CounterpointError(f"{name}: {parameter} is {value!r}; it must be a number")
    return preset.build(**parameters)


def _by_signature(build: Callable[..., Model]) -> Preset:
    return Preset(build, {name: parameter.default for name, parameter in signature(build).parameters.items()})


def _by_event(build: Callable[[Chances], Model]) -> Preset:
    return Preset(partial(_of_event, build), {"event": EVENT, **asdict(EVENTS[EVENT])})


def _of_event(build: Callable[[Chances], Model], event: str = EVENT, **chances: float) -> Model:
    if event not in EVENTS:
        raise CounterpointError(f"no event {event!r}; {suggestion(event, EVENTS)}")
    return build(replace(EVENTS[event], **chances))


MODELS: Final[Mapping[str, Preset]] = {
    **{name: _by_event(build) for name, build in READINGS.items()},
    "si": _by_signature(epidemics.si),
    "sis": _by_signature(epidemics.sis),
    "sir": _by_signature(epidemics.sir),
    "sirs": _by_signature(epidemics.sirs),
    "seir": _by_signature(epidemics.seir),
    "cascade": _by_signature(epidemics.cascade),
    "daley-kendall": _by_signature(rumour.daley_kendall),
    "maki-thompson": _by_signature(rumour.maki_thompson),
    "sihr": _by_signature(rumour.sihr),
    "sicr": _by_signature(rumour.sicr),
    "siraru": _by_signature(rumour.siraru),
    "2si2r": _by_signature(rumour.two_rumours),
    "icsar": _by_signature(rumour.icsar),
}
"""Every model by its name: SIDR's readings first."""
