"""What a model of spreading is: states, classes of people, and rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError, suggestion

ContactScheme = Literal["broadcast", "active-pull", "pull", "pairwise", "asynchronous"]
CONTACT_SCHEMES: Final[Mapping[str, str]] = {
    "broadcast": "a post reaches every neighbour in the step; of several that would change somebody one, any, does",
    "active-pull": "everybody takes one contact a step, with any one of the neighbours who post",
    "pull": "everybody looks at any one neighbour a step, and sees the state of those who do not post too",
    "pairwise": "everybody who posts meets any one neighbour a step, and both may change",
    "asynchronous": "the same one at a time, in continuous time: everybody who posts meets somebody at rate 1",
}
"""Who acts on whom in a step; all but the last by the states at the step's start.

broadcast    : as in the independent cascade (Kempe, Kleinberg & Tardos 2003)
pull         : as in pull rumour spreading (Karp, Schindelhauer, Shenker & Voecking 2000)
active-pull  : the same, among those who post
pairwise     : a partner a step, as in push gossip (Demers et al. 1987)
asynchronous : the same by Gillespie's (1977) algorithm, as in Daley & Kendall (1965)
"""
PAIRWISE: Final = ("pairwise", "asynchronous")
MOST_STATES: Final = 15
SIDES: Final = {"either": (0, 1), "caller": (0,), "called": (1,)}
ORDINARY: Final = "ordinary"
SLACK: Final = 1e-9  # by which a sum of probabilities may exceed 1


@dataclass(frozen=True)
class Contact:
    """Somebody in `state` who meets one in `met` changes to other states with these probabilities, or stays.

    who  : the class of people it holds for; None: all
    side : in pairwise contact, whether it holds for who calls, for who is called, or for either; in others it does
           not matter
    """

    state: str
    met: str
    becomes: Mapping[str, float]
    who: str | None = None
    side: Literal["either", "caller", "called"] = "either"


@dataclass(frozen=True)
class Spontaneous:
    """Somebody in `state` whom no contact changes in a step changes by themselves with these probabilities.

    With contact "asynchronous" they are rates.
    """

    state: str
    becomes: Mapping[str, float]
    who: str | None = None


@dataclass(frozen=True)
class Joint:
    """When one in the first state calls one in the second, both change together; for pairwise contact only."""

    caller: str
    called: str
    becomes: Mapping[tuple[str, str], float]


Rule = Contact | Spontaneous | Joint


@dataclass(frozen=True)
class Model:
    """States, the first of which everybody begins in, and the rules by which they change.

    source  : the state that a rumour's source is in
    active  : the states whose people post, or call
    classes : shares of people other than ordinary ones, drawn anew for every run; a source is ordinary
    contact : how people meet, one of CONTACT_SCHEMES
    given   : states that no rule leads to, but that somebody may be put into
    about   : where the model is from, or how it reads its source

    Raises CounterpointError for a probability that is none, probabilities of one meeting that exceed 1 together, a
    name that is no state's, a change into the state one is in, two rules for one meeting, and a state that nobody can
    come to.

    >>> model = Model("SI", ("S", "I"), (Contact("S", "I", {"I": 1.5}),), source="I", active=("I",))
    Traceback (most recent call last):
    counterpoint.errors.CounterpointError: SI: S meeting I becomes I with probability 1.5; it must lie in [0, 1]
    """

    name: str
    states: tuple[str, ...]
    rules: tuple[Rule, ...]
    source: str
    active: tuple[str, ...]
    classes: Mapping[str, float] = field(default_factory=dict)
    contact: ContactScheme = "broadcast"
    given: tuple[str, ...] = ()
    about: str = ""

    def __post_init__(self) -> None:
        self._check_names()
        for rule in self.rules:
            self._check_chances(rule)
        self._check_sums()
        self._check_meetings()
        self._check_reached()

    def with_contact(self, contact: ContactScheme) -> Self:
        """Return the same model with another way to meet."""
        return replace(self, contact=contact)

    def number(self, state: str) -> int:
        """Return the number of a state; raises CounterpointError if there is none of this name."""
        if state not in self.states:
            raise CounterpointError(f"{self.name} has no state {state!r}; {suggestion(state, self.states)}")
        return self.states.index(state)

    def class_number(self, name: str) -> int:
        """Return the number of a class of people, 0 for ordinary ones; raises CounterpointError if there is none."""
        if name not in self.class_names:
            raise CounterpointError(f"{self.name} has no class {name!r}; {suggestion(name, self.class_names)}")
        return self.class_names.index(name)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes of people, ordinary ones first."""
        return (ORDINARY, *self.classes)

    @cached_property
    def contact_chances(self) -> NDArray[np.float64]:
        """P(becomes k | class c in state s meets one in state j), [2, c, s, j, k]: as who looks or calls; as called.

        In broadcast and active-pull nobody meets those who do not post.
        """
        shape = (2, len(self.class_names), *[len(self.states)] * 3)
        chances = np.zeros(shape)
        for rule in self.rules:
            if isinstance(rule, Contact):
                sides = SIDES[rule.side if self.contact in PAIRWISE else "either"]
                for side, kind, (state, chance) in product(sides, self._classes_of(rule.who), rule.becomes.items()):
                    chances[side, kind, self.number(rule.state), self.number(rule.met), self.number(state)] += chance
        if self.contact in ("broadcast", "active-pull"):
            chances[:, :, :, [state not in self.active for state in self.states]] = 0.0
        return chances

    @cached_property
    def spontaneous_chances(self) -> NDArray[np.float64]:
        """P(becomes k | class c in state s, not changed by a contact), [c, s, k]."""
        chances = np.zeros((len(self.class_names), *[len(self.states)] * 2))
        for rule in self.rules:
            if isinstance(rule, Spontaneous):
                for kind, (state, chance) in product(self._classes_of(rule.who), rule.becomes.items()):
                    chances[kind, self.number(rule.state), self.number(state)] += chance
        return chances

    @cached_property
    def joint_chances(self) -> NDArray[np.float64]:
        """P(becomes k and l together | s calls j), [s, j, k, l]."""
        chances = np.zeros([len(self.states)] * 4)
        for rule in self.rules:
            if isinstance(rule, Joint):
                for (one, other), chance in rule.becomes.items():
                    places = (self.number(each) for each in (rule.caller, rule.called, one, other))
                    chances[tuple(places)] += chance
        return chances

    def _classes_of(self, who: str | None) -> range | tuple[int, ...]:
        return range(len(self.class_names)) if who is None else (self.class_number(who),)

    def _check_names(self) -> None:
        if not 2 <= len(self.states) <= MOST_STATES or len(set(self.states)) < len(self.states):
            raise CounterpointError(f"{self.name}: 2 to {MOST_STATES} states with different names, got {self.states}")
        for state in (self.source, *self.active, *self.given):
            self.number(state)
        if self.contact not in CONTACT_SCHEMES:
            raise CounterpointError(f"no contact {self.contact!r}; {suggestion(self.contact, CONTACT_SCHEMES)}")
        if len(self.classes) > MOST_STATES:
            raise CounterpointError(f"{self.name}: at most {MOST_STATES} classes, got {len(self.classes)}")
        for name, share in self.classes.items():
            if not 0 <= share <= 1:
                raise CounterpointError(f"{self.name}: the share of {name} is {share:g}; it must lie in [0, 1]")
        if ORDINARY in self.classes or sum(self.classes.values()) > 1 + SLACK:
            raise CounterpointError(f"{self.name}: the shares of the classes beside {ORDINARY!r} exceed 1 together")
        if self.contact not in PAIRWISE and any(isinstance(rule, Joint) for rule in self.rules):
            raise CounterpointError(f"{self.name}: two change together only in pairwise contact, not {self.contact!r}")

    def _check_chances(self, rule: Rule) -> None:
        rate = isinstance(rule, Spontaneous) and self.contact == "asynchronous"
        for state, chance in rule.becomes.items():
            if not 0 <= chance <= 1 and not (rate and 1 < chance < np.inf):  # also a nan
                into = state if isinstance(state, str) else " and ".join(state)
                word, right = ("at rate", "be 0 or more") if rate else ("with probability", "lie in [0, 1]")
                raise CounterpointError(
                    f"{self.name}: {_rule_name(rule)} becomes {into} {word} {chance:g}; it must {right}"
                )

    def _check_sums(self) -> None:
        met = np.maximum(self.contact_chances.sum(-1).max((0, 1)), self.joint_chances.sum((-1, -2)))
        over = [f"{self.states[one]} meeting {self.states[other]}" for one, other in np.argwhere(met > 1 + SLACK)]
        if self.contact != "asynchronous":
            over += [
                f"{self.states[one]} alone"
                for (one,) in np.argwhere(self.spontaneous_chances.sum(-1).max(0) > 1 + SLACK)
            ]
        if over:
            raise CounterpointError(f"{self.name}: what {over[0]} becomes has probabilities that exceed 1 together")

    def _check_meetings(self) -> None:
        for rule in self.rules:
            unchanged = (rule.caller, rule.called) if isinstance(rule, Joint) else rule.state
            if unchanged in rule.becomes:
                raise CounterpointError(
                    f"{self.name}: {_rule_name(rule)} becomes what it is; leave that out: it is the rest"
                )
        for one, other in np.argwhere(self.joint_chances.sum((-1, -2)) > 0):
            if self.contact_chances[0, :, one, other].any() or self.contact_chances[1, :, other, one].any():
                raise CounterpointError(
                    f"{self.name}: {self.states[one]} calling {self.states[other]} changes both together and one alone;"
                    " a meeting has one rule or the other"
                )

    def _check_reached(self) -> None:
        reached = {self.states[0], self.source, *self.given}
        for rule in self.rules:
            for into in rule.becomes:
                reached |= {into} if isinstance(into, str) else set(into)
        if lost := [state for state in self.states if state not in reached]:
            raise CounterpointError(f"{self.name}: nobody can come to the state {lost[0]!r}: no rule leads there")


def _rule_name(rule: Rule) -> str:
    match rule:
        case Contact(state, met):
            return f"{state} meeting {met}"
        case Spontaneous(state):
            return f"{state} alone"
        case Joint(caller, called):
            return f"{caller} calling {called}"
