"""SIDR: susceptible, infected, denied, removed (Chen, Y. X. et al. 2021), and the readings of its rules.

The paper gives parameters and results; what its abstract leaves open is a reading, and every reading has a name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from counterpoint.errors import CounterpointError
from counterpoint.spread.models.model import Contact, Model, Rule, Spontaneous

PAPER: Final = "Chen, Y. X. et al. (2021). Detecting rumor dissemination and sources with SIDR model. Data Analysis and Knowledge Discovery 5(1)."  # noqa: E501
CHECKER: Final = "checker"


@dataclass(frozen=True)
class Chances:
    """The parameters, by the paper's names.

    t      : share of potential fact checkers
    alpha1 : P(S -> I) when S meets I
    alpha2 : P(S -> D) when a checker in S meets I
    beta   : P(I stays I) when I meets I
    theta  : P(I -> D) when I meets D
    gamma1 : P(D stays D) when D meets I
    gamma2 : P(D stays D) when D meets D
    forget : P(I -> R) and P(D -> R) in a step by themselves

    Raises CounterpointError for one that is no probability.
    """

    t: float = 0.2
    alpha1: float = 0.4
    alpha2: float = 0.3
    beta: float = 0.4
    theta: float = 0.5
    gamma1: float = 0.4
    gamma2: float = 0.4
    forget: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name != "forget" and not 0 <= value <= 1:  # forgetting is a rate in continuous time: Model looks at it
                raise CounterpointError(f"sidr: {name} is {value:g}; it must lie in [0, 1]")


EVENTS: Final[Mapping[str, Chances]] = {
    "jiangsu": Chances(),
    "fur-collar": Chances(alpha1=0.2, beta=0.2, theta=0.6, gamma1=0.1, gamma2=0.1),
}
"""The paper's two events on Weibo, early 2020: medical supplies detained; fur collars that a virus sticks to."""


def sidr(chances: Chances = EVENTS["jiangsu"]) -> Model:
    """Return the model as we read it: being a checker is a person's own, and a post reaches every neighbour.

    >>> sidr().class_names
    ('ordinary', 'checker')
    """
    rules = (
        Contact("S", "I", {"I": chances.alpha1}, who="ordinary"),
        Contact("S", "I", {"D": chances.alpha2}, who=CHECKER),
        *_spread(chances),
    )
    return _model("sidr", rules, chances, "Being a potential fact checker is a person's own; the source is none.")


def checkers_believe(chances: Chances = EVENTS["jiangsu"]) -> Model:
    """Return the reading in which a checker may also believe: S becomes I with alpha1 or D with alpha2."""
    # What exceeds 1 together is shared in proportion.
    whole = max(1.0, chances.alpha1 + chances.alpha2)
    rules = (
        Contact("S", "I", {"I": chances.alpha1}, who="ordinary"),
        Contact("S", "I", {"I": chances.alpha1 / whole, "D": chances.alpha2 / whole}, who=CHECKER),
        *_spread(chances),
    )
    return _model("sidr-both", rules, chances, "A checker may also believe.")


def unconvinced_leave(chances: Chances = EVENTS["jiangsu"]) -> Model:
    """Return the reading in which S who meets I and is not convinced is removed."""
    rules = (
        Contact("S", "I", {"I": chances.alpha1, "R": 1 - chances.alpha1}, who="ordinary"),
        Contact("S", "I", {"D": chances.alpha2, "R": 1 - chances.alpha2}, who=CHECKER),
        *_spread(chances),
    )
    return _model("sidr-remove", rules, chances, "Who meets the rumour and is not convinced is removed.")


def only_checkers_turn(chances: Chances = EVENTS["jiangsu"]) -> Model:
    """Return the reading in which a checker may also believe, and none but checkers go from I to D."""
    first, second, *rest = checkers_believe(chances).rules
    turned = (replace(rule, who=CHECKER) if isinstance(rule, Contact) and _turns(rule) else rule for rule in rest)
    reading = "A checker may also believe; only checkers turn to D."
    return _model("sidr-theta", (first, second, *turned), chances, reading)


READINGS: Final[Mapping[str, Callable[[Chances], Model]]] = {
    "sidr": sidr,
    "sidr-both": checkers_believe,
    "sidr-remove": unconvinced_leave,
    "sidr-theta": only_checkers_turn,
    "sidr-active-pull": lambda chances: replace(sidr(chances), name="sidr-active-pull", contact="active-pull"),
    "sidr-pull": lambda chances: replace(sidr(chances), name="sidr-pull", contact="pull"),
    "sidr-pairwise": lambda chances: replace(sidr(chances), name="sidr-pairwise", contact="pairwise"),
    "sidr-asynchronous": lambda chances: replace(sidr(chances), name="sidr-asynchronous", contact="asynchronous"),
}
"""Every reading by its name."""


def _spread(chances: Chances) -> tuple[Rule, ...]:
    return (
        Contact("I", "I", {"R": 1 - chances.beta}),
        Contact("I", "D", {"D": chances.theta}),
        Contact("D", "I", {"R": 1 - chances.gamma1}),
        Contact("D", "D", {"R": 1 - chances.gamma2}),
        Spontaneous("I", {"R": chances.forget}),
        Spontaneous("D", {"R": chances.forget}),
    )


def _turns(rule: Contact) -> bool:
    return (rule.state, rule.met) == ("I", "D")


def _model(name: str, rules: tuple[Rule, ...], chances: Chances, reading: str) -> Model:
    return Model(
        name,
        ("S", "I", "D", "R"),
        rules,
        source="I",
        active=("I", "D"),
        classes={CHECKER: chances.t},
        about=f"{PAPER} {reading}",
    )
