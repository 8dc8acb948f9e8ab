"""The textbook models of epidemics, by posts that reach every neighbour.

States go by the same letters in all models: S has not met the rumour, E knows it but does not spread it yet, I spreads
it, R no longer does. Chances are of one contact (`spread`, `stifle`) or of one step (the others; with contact
"asynchronous" they are rates, where everybody who posts calls somebody at rate 1).
"""

from typing import Final

from counterpoint.spread.models.model import Contact, Model, Spontaneous

EPIDEMICS: Final = "Pastor-Satorras, R. et al. (2015). Epidemic processes in complex networks. Rev. Mod. Phys. 87."
KERMACK: Final = (
    "Kermack, W. O. & McKendrick, A. G. (1927). A contribution to the mathematical theory of epidemics. "
    "Proc. R. Soc. A 115."
)
KEMPE: Final = (
    "Goldenberg, J., Libai, B. & Muller, E. (2001). Talk of the network. Marketing Letters 12; "
    "Kempe, D., Kleinberg, J. & Tardos, E. (2003). Maximizing the spread of influence through a social network. KDD."
)


def si(*, spread: float = 0.1) -> Model:
    """Return SI: who meets a spreader believes for good.

    spread : P(S -> I) when S meets I (beta)

    >>> si(spread=0.3).contact_chances[0, 0, 0, 1]
    array([0. , 0.3])
    """
    return Model("si", ("S", "I"), (exposure("I", spread),), source="I", active=("I",), about=EPIDEMICS)


def sis(*, spread: float = 0.1, recover: float = 0.2) -> Model:
    """Return SIS: who stops spreading may be won again.

    spread  : P(S -> I) when S meets I (beta)
    recover : P(I -> S) in a step (gamma)

    >>> sis(recover=0.3).spontaneous_chances[0, 1]
    array([0.3, 0. ])
    """
    rules = (exposure("I", spread), Spontaneous("I", {"S": recover}))
    return Model("sis", ("S", "I"), rules, source="I", active=("I",), about=EPIDEMICS)


def sir(*, spread: float = 0.1, recover: float = 0.2) -> Model:
    """Return SIR: who stops spreading is done with it.

    spread  : P(S -> I) when S meets I (beta)
    recover : P(I -> R) in a step (gamma)

    >>> sir().states
    ('S', 'I', 'R')
    """
    rules = (exposure("I", spread), Spontaneous("I", {"R": recover}))
    return Model("sir", ("S", "I", "R"), rules, source="I", active=("I",), about=KERMACK)


def sirs(*, spread: float = 0.1, recover: float = 0.2, wane: float = 0.05) -> Model:
    """Return SIRS: who is done with it forgets, and may be won again.

    spread  : P(S -> I) when S meets I (beta)
    recover : P(I -> R) in a step (gamma)
    wane    : P(R -> S) in a step (xi)

    >>> sirs().states
    ('S', 'I', 'R')
    """
    rules = (exposure("I", spread), Spontaneous("I", {"R": recover}), Spontaneous("R", {"S": wane}))
    return Model("sirs", ("S", "I", "R"), rules, source="I", active=("I",), about=EPIDEMICS)


def seir(*, spread: float = 0.1, ripen: float = 0.3, recover: float = 0.2) -> Model:
    """Return SEIR: who believes begins to spread later.

    spread  : P(S -> E) when S meets I (beta)
    ripen   : P(E -> I) in a step (sigma)
    recover : P(I -> R) in a step (gamma)

    >>> seir().states
    ('S', 'E', 'I', 'R')
    """
    rules = (exposure("E", spread), Spontaneous("E", {"I": ripen}), Spontaneous("I", {"R": recover}))
    return Model("seir", ("S", "E", "I", "R"), rules, source="I", active=("I",), about=EPIDEMICS)


def cascade(*, spread: float = 0.1) -> Model:
    """Return the independent cascade: SIR in which everybody has one step to win each neighbour.

    spread : P(S -> I) when S meets I (p), the same for every edge

    >>> cascade().spontaneous_chances[0, 1]
    array([0., 0., 1.])
    """
    rules = (exposure("I", spread), Spontaneous("I", {"R": 1.0}))
    return Model("cascade", ("S", "I", "R"), rules, source="I", active=("I",), about=KEMPE)


def exposure(into: str, chance: float) -> Contact:
    """Return the rule by which who has not met it (S) comes to a state by meeting who spreads it (I)."""
    return Contact("S", "I", {into: chance})
