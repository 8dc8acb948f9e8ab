"""What a day of the platform is as counts, and the chances that spoil a record or change a mind."""

from dataclasses import dataclass

from counterpoint.synthetic.hidden_states import Ints


@dataclass(frozen=True)
class Chances:
    """What happens to a record by chance alone, whoever it is of.

    lost    : share of the plays, downloads and searches whose line does not reach the event table with its listener
    spoiled : share of the other plays that arrive without a believable length or time
    liked   : share of the clean plays that are liked
    worse   : what a day with a song that makes people leave multiplies the chances to drift, to fade and to leave by
    better  : what a day with a like multiplies them by
    """

    lost: tuple[float, float, float]
    spoiled: float
    liked: float
    worse: float
    better: float


@dataclass(frozen=True)
class Day:
    """One day of those who came; one entry a visitor.

    who      : int64[n], the listener's number, ascending
    lost     : int64[n, 3], plays, downloads, searches that no event table will show under their listener
    accepted : int64[n, 3], those that it will
    clean    : int64[n, 5, 3], the clean plays by the fifth of the song heard and the song's role (`ROLES`); the
               other accepted plays are spoiled
    liked    : int64[n, 5, 3], how many of them are liked
    """

    day: int
    who: Ints
    lost: Ints
    accepted: Ints
    clean: Ints
    liked: Ints
