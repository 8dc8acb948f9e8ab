"""Models of rumours: the first, by one call at a time, and the later ones that Chen et al. (2021) compare SIDR with.

Letters are those of `epidemics`, whatever the papers call them: S ignorant, I spreader, R stifler. Their equations
are of people who tell all their k neighbours in a unit of time; with contact "asynchronous" they tell one, so a
paper's rates of what people do by themselves are divided by its k. None of the papers' texts was available to us:
`about` says where the rules are from. ILSR (Physica A, 2019) is not here: its rates depend on a node's degree, which
no table of states can say.
"""

from typing import Final

from counterpoint.spread.models.epidemics import exposure
from counterpoint.spread.models.model import Contact, Joint, Model, Rule, Spontaneous

DALEY: Final = "Daley, D. J. & Kendall, D. G. (1965). Stochastic rumours. J. Inst. Math. Appl. 1."
MAKI: Final = (
    "Maki, D. P. & Thompson, M. (1973). Mathematical Models and Applications. Prentice-Hall; with forgetting: "
    "Nekovee, M. et al. (2007). Theory of rumour spreading in complex social networks. Physica A 374."
)
SIHR: Final = (
    "Zhao, L. et al. (2012). SIHR rumor spreading model in social networks. Physica A 391. "
    "The rules and the default parameters (k = 10) are those that public code gives after the paper."
)
SICR: Final = (
    "Zan, Y. et al. (2014). SICR rumor spreading model in complex networks: counterattack and self-resistance. "
    "Physica A 405. The rules are those that public code gives after the paper, without self-resistance; "
    "the default parameters are ours."
)
SIRARU: Final = (
    "Wang, J., Zhao, L. & Huang, R. (2014). SIRaRu rumor spreading model in complex networks. Physica A 398. "
    "A reading: the states are the paper's; that a spreader is stifled by those who believe, doubts by those who do "
    "not, and forgets, and the default parameters, are ours."
)
TWO_RUMOURS: Final = (
    "Wang, J., Zhao, L. & Huang, R. (2014). 2SI2R rumor spreading model in homogeneous networks. Physica A 413. "
    "A reading: two rumours at once among the same people is the paper's; that hearing the other rumour may turn a "
    "spreader, that a stifler of either rumour stifles, and the default parameters, are ours."
)
ICSAR: Final = (
    "Zhang, N. et al. (2014). Dynamic 8-state ICSAR rumor propagation model considering official rumor refutation. "
    "Physica A 415. A reading: the eight states and the official refutation are the paper's; its eight factors are "
    "read as six probabilities, with defaults of ours."
)


def daley_kendall(*, stifle: float = 1.0) -> Model:
    """Return Daley & Kendall's rumour: two spreaders who meet both find out that it is no news.

    stifle : P(I -> R) of a spreader who meets somebody who knows it (alpha), of two spreaders each for themselves

    >>> daley_kendall().contact
    'asynchronous'
    """
    # Two spreaders call each other, so they meet at twice the rate at which a spreader meets anybody else.
    one, other = stifle * (1 - stifle) / 2, stifle**2 / 2
    rules = (
        exposure("I", 1.0),
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
        exposure("I", spread),
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


def sihr(
    *,
    spread: float = 0.8,
    refuse: float = 0.2,
    stifle: float = 0.3,
    forget: float = 0.06,
    remember: float = 0.05,
    remind: float = 0.5,
) -> Model:
    """Return SIHR: a spreader may forget, and hibernate (H) until something or somebody reminds them.

    spread   : P(S -> I) when called by I (lambda)
    refuse   : P(S -> R) when called by I (beta)
    stifle   : P(I -> R) when calling I, H or R (alpha)
    forget   : rate of I -> H (delta / k)
    remember : rate of H -> I (xi / k)
    remind   : P(H -> I) when called by I (eta)

    >>> sihr().states
    ('S', 'I', 'H', 'R')
    """
    rules: tuple[Rule, ...] = (
        Contact("S", "I", {"I": spread, "R": refuse}),
        *stifled("I", ("I", "H", "R"), "R", stifle),
        Contact("H", "I", {"I": remind}),
        Spontaneous("I", {"H": forget}),
        Spontaneous("H", {"I": remember}),
    )
    return Model("sihr", ("S", "I", "H", "R"), rules, source="I", active=("I",), contact="asynchronous", about=SIHR)


def sicr(
    *, spread: float = 0.7, ignore: float = 0.1, refute: float = 0.2, stifle: float = 0.5, persuade: float = 0.8
) -> Model:
    """Return SICR: some who hear the rumour attack it (C), and persuade its spreaders to stop.

    spread   : P(S -> I) when called by I (alpha)
    ignore   : P(S -> R) when called by I (beta)
    refute   : P(S -> C) when called by I (theta)
    stifle   : P(I -> R) when calling I or R (gamma)
    persuade : P(I -> R) when called by C (eta)

    >>> sicr().active
    ('I', 'C')
    """
    rules: tuple[Rule, ...] = (
        Contact("S", "I", {"I": spread, "R": ignore, "C": refute}),
        *stifled("I", ("I", "R"), "R", stifle),
        Contact("I", "C", {"R": persuade}, side="called"),
    )
    return Model("sicr", ("S", "I", "C", "R"), rules, source="I", active=("I", "C"), contact="asynchronous", about=SICR)


def siraru(
    *,
    spread: float = 0.6,
    accept: float = 0.2,
    reject: float = 0.2,
    stifle: float = 0.3,
    doubt: float = 0.3,
    forget: float = 0.0,
) -> Model:
    """Return SIRaRu: of those who do not spread the rumour, some believe it (Ra), some do not (Ru).

    spread : P(S -> I) when called by I
    accept : P(S -> Ra) when called by I
    reject : P(S -> Ru) when called by I
    stifle : P(I -> Ra) when calling I or Ra
    doubt  : P(I -> Ru) when calling Ru
    forget : rate of I -> Ra

    >>> siraru().states
    ('S', 'I', 'Ra', 'Ru')
    """
    rules: tuple[Rule, ...] = (
        Contact("S", "I", {"I": spread, "Ra": accept, "Ru": reject}),
        *stifled("I", ("I", "Ra"), "Ra", stifle),
        *stifled("I", ("Ru",), "Ru", doubt),
        Spontaneous("I", {"Ra": forget}),
    )
    return Model(
        "siraru", ("S", "I", "Ra", "Ru"), rules, source="I", active=("I",), contact="asynchronous", about=SIRARU
    )


def two_rumours(
    *,
    spread1: float = 0.6,
    spread2: float = 0.6,
    turn1: float = 0.2,
    turn2: float = 0.2,
    stifle1: float = 0.3,
    stifle2: float = 0.3,
) -> Model:
    """Return 2SI2R: two rumours at once. The source tells the first; put somebody into I2 to begin the second.

    spread1, spread2 : P(S -> I1) when called by I1; P(S -> I2) when called by I2
    turn1, turn2     : P(I1 -> I2) when called by I2; P(I2 -> I1) when called by I1
    stifle1, stifle2 : P(I1 -> R1), P(I2 -> R2) when calling anybody who has heard either rumour

    >>> two_rumours().given
    ('I2',)
    """
    heard = ("I1", "I2", "R1", "R2")
    rules: tuple[Rule, ...] = (
        Contact("S", "I1", {"I1": spread1}),
        Contact("S", "I2", {"I2": spread2}),
        Contact("I1", "I2", {"I2": turn1}, side="called"),
        Contact("I2", "I1", {"I1": turn2}, side="called"),
        *stifled("I1", heard, "R1", stifle1),
        *stifled("I2", heard, "R2", stifle2),
    )
    return Model(
        "2si2r",
        ("S", *heard),
        rules,
        source="I1",
        active=("I1", "I2"),
        contact="asynchronous",
        given=("I2",),
        about=TWO_RUMOURS,
    )


def icsar(
    *,
    attract: float = 0.4,
    doubt: float = 0.2,
    trust: float = 0.3,
    spread: float = 0.5,
    reinforce: float = 0.1,
    lose: float = 0.1,
) -> Model:
    """Return ICSAR: carriers keep what they heard, spreaders tell it, advocates tell it and cannot be persuaded.

    RC, RS, RA are carriers, spreaders and advocates of the rumour, TC, TS, TA of the truth. The truth is nobody's
    until somebody is put into TA: the official refutation.

    attract   : P(somebody in S takes notice) of one contact
    doubt     : P(S -> R) of who takes notice of the rumour, else S -> RC
    trust     : P(who takes notice of the truth believes it), S -> TC; P(RC or RS -> TC) when meeting it
    spread    : P(RC -> RS), P(TC -> TS) in a step
    reinforce : P(RS -> RA) when RS meets RS or RA; the same of the truth
    lose      : P(-> R) in a step, of spreaders and advocates

    >>> icsar().active
    ('RS', 'RA', 'TS', 'TA')
    """
    active = ("RS", "RA", "TS", "TA")
    rules: tuple[Rule, ...] = (
        *(Contact("S", met, {"RC": attract * (1 - doubt), "R": attract * doubt}) for met in ("RS", "RA")),
        *(Contact("S", met, {"TC": attract * trust}) for met in ("TS", "TA")),
        *(Contact(state, met, {"TC": trust}) for state in ("RC", "RS") for met in ("TS", "TA")),
        *(Contact(side + "S", side + met, {side + "A": reinforce}) for side in "RT" for met in "SA"),
        *(Spontaneous(side + "C", {side + "S": spread}) for side in "RT"),
        *(Spontaneous(state, {"R": lose}) for state in active),
    )
    states = ("S", "RC", "RS", "RA", "TC", "TS", "TA", "R")
    return Model("icsar", states, rules, source="RA", active=active, given=("TA",), about=ICSAR)
