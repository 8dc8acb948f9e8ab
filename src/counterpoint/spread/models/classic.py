"""The textbook models: epidemics, by posts that reach every neighbour, and the first rumours, by one call at a time.

States go by the same letters in all models: S has not met the rumour, E knows it but does not spread it yet, I spreads
it, R no longer does. Chances are of one contact (`spread`, `stifle`) or of one step (the others; with contact
"asynchronous" they are rates, where everybody who posts calls somebody at rate 1).
"""

from typing import Final

from counterpoint.spread.models.model import Contact, Joint, Model, Rule, Spontaneous

EPIDEMICS: Final = "Pastor-Satorras, R. et al. (2015). Epidemic processes in complex networks. Rev. Mod. Phys. 87."
KERMACK: Final = (
    "Kermack, W. O. & McKendrick, A. G. (1927). A contribution to the mathematical theory of epidemics. "
    "Proc. R. Soc. A 115."
)
KEMPE: Final = (
    "Goldenberg, J., Libai, B. & Muller, E. (2001). Talk of the network. Marketing Letters 12; "
    "Kempe, D., Kleinberg, J. & Tardos, E. (2003). Maximizing the spread of influence through a social network. KDD."
)
DALEY: Final = "Daley, D. J. & Kendall, D. G. (1965). Stochastic rumours. J. Inst. Math. Appl. 1."
MAKI: Final = (
    "Maki, D. P. & Thompson, M. (1973). Mathematical Models and Applications. Prentice-Hall; with forgetting: "
    "Nekovee, M. et al. (2007). Theory of rumour spreading in complex social networks. Physica A 374."
)


def si(*, spread: float = 0.1) -> Model:
    """Return SI: who meets a spreader believes for good.

    spread : P(S -> I) when S meets I (beta)

    >>> si(spread=0.3).contact_chances[0, 0, 0, 1]
    array([0. , 0.3])
    """
    return Model("si", ("S", "I"), (_believes("I", spread),), source="I", active=("I",), about=EPIDEMICS)


def sis(*, spread: float = 0.1, recover: float = 0.2) -> Model:
    """Return SIS: who stops spreading may be won again.

    spread  : P(S -> I) when S meets I (beta)
    recover : P(I -> S) in a step (gamma)

    >>> sis(recover=0.3).spontaneous_chances[0, 1]
    array([0.3, 0. ])
    """
    rules = (_believes("I", spread), Spontaneous("I", {"S": recover}))
    return Model("sis", ("S", "I"), rules, source="I", active=("I",), about=EPIDEMICS)


def sir(*, spread: float = 0.1, recover: float = 0.2) -> Model:
    """Return SIR: who stops spreading is done with it.

    spread  : P(S -> I) when S meets I (beta)
    recover : P(I -> R) in a step (gamma)

    >>> sir().states
    ('S', 'I', 'R')
    """
    rules = (_believes("I", spread), Spontaneous("I", {"R": recover}))
    return Model("sir", ("S", "I", "R"), rules, source="I", active=("I",), about=KERMACK)


def sirs(*, spread: float = 0.1, recover: float = 0.2, wane: float = 0.05) -> Model:
    """Return SIRS: who is done with it forgets, and may be won again.

    spread  : P(S -> I) when S meets I (beta)
    recover : P(I -> R) in a step (gamma)
    wane    : P(R -> S) in a step (xi)

    >>> sirs().states
    ('S', 'I', 'R')
    """
    rules = (_believes("I", spread), Spontaneous("I", {"R": recover}), Spontaneous("R", {"S": wane}))
    return Model("sirs", ("S", "I", "R"), rules, source="I", active=("I",), about=EPIDEMICS)


def seir(*, spread: float = 0.1, ripen: float = 0.3, recover: float = 0.2) -> Model:
    """Return SEIR: who believes begins to spread later.

    spread  : P(S -> E) when S meets I (beta)
    ripen   : P(E -> I) in a step (sigma)
    recover : P(I -> R) in a step (gamma)

    >>> seir().states
    ('S', 'E', 'I', 'R')
    """
    rules = (_believes("E", spread), Spontaneous("E", {"I": ripen}), Spontaneous("I", {"R": recover}))
    return Model("seir", ("S", "E", "I", "R"), rules, source="I", active=("I",), about=EPIDEMICS)


def cascade(*, spread: float = 0.1) -> Model:
    """Return the independent cascade: SIR in which everybody has one step to win each neighbour.

    spread : P(S -> I) when S meets I (p), the same for every edge

    >>> cascade().spontaneous_chances[0, 1]
    array([0., 0., 1.])
    """
    rules = (_believes("I", spread), Spontaneous("I", {"R": 1.0}))
    return Model("cascade", ("S", "I", "R"), rules, source="I", active=("I",), about=KEMPE)


def daley_kendall(*, stifle: float = 1.0) -> Model:
    """Return Daley & Kendall's rumour: two spreaders who meet both find out that it is no news.

    stifle : P(I -> R) of a spreader who meets somebody who knows it (alpha), of two spreaders each for themselves

    >>> daley_kendall().contact
    'asynchronous'
    """
    # Two spreaders call each other, so they meet at twice the rate at which a spreader meets anybody else.
    one, other = stifle * (1 - stifle) / 2, stifle**2 / 2
    rules = (
        _believes("I", 1.0),
        Contact("I", "R", {"R": stifle}, side="caller"),
        Joint("I", "I", {("R", "R"): other, ("R", "I"): one, ("I", "R"): one}),
    )
    return Model(
        "daley-kendall", ("S", "I", "R"), rules, source="I", active=("I",), contact="asynchronous", about=DALEY
    )


def maki_thompson(*, spread: float = 1.0, stifle: float = 1.0, forget: float = 0.0) -> Model:
    """Return Maki & Thompson's rumour: a spreader who calls somebody who knows it stops, and only the one who calls.

    spread : P(S -> I) when called by I (lambda); 1 in Maki & Thompson, less in Nekovee et al.
    stifle : P(I -> R) when calling I or R (alpha); 1 in Maki & Thompson
    forget : rate of I -> R (delta of Nekovee et al.); 0 in Maki & Thompson

    >>> maki_thompson().active
    ('I',)
    """
    rules: tuple[Rule, ...] = (
        _believes("I", spread),
        *stifled("I", ("I", "R"), "R", stifle),
        Spontaneous("I", {"R": forget}),
    )
    return Model("maki-thompson", ("S", "I", "R"), rules, source="I", active=("I",), contact="asynchronous", about=MAKI)


def stifled(state: str, known: tuple[str, ...], into: str, chance: float) -> tuple[Contact, ...]:
    """Return the rules by which a spreader who calls somebody who has heard it, in any state of `known`, stops.

    >>> stifled("I", ("R",), "R", 0.5)[0].side
    'caller'
    """
    return tuple(Contact(state, met, {into: chance}, side="caller") for met in known)


def _believes(into: str, chance: float) -> Contact:
    return Contact("S", "I", {into: chance})
