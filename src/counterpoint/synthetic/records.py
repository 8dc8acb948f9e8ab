"""A day's counts become records: who did what with which song, one row an event, in the order of the log."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from counterpoint.synthetic import dirt
from counterpoint.synthetic.day_counts import Day
from counterpoint.synthetic.habits import Habits
from counterpoint.synthetic.hidden_states import ORDINARY, ROLES, Bools, Floats, Ints
from counterpoint.synthetic.population import People
from counterpoint.synthetic.songs import TASTES, TO_TASTE, Songs

TO_THE_END: Final = 0.85  # of the plays of more than four fifths
ELSEWHERE: Final = (0.36, 0.06, 0.06, 0.08, 0.44)  # the fifths of plays whose line does not say how much was heard
SKIPPED_AT: Final = 3  # the power that makes skips early ones
NEXT_SONG, LIKED, DISLIKED = range(3)
DISLIKES: Final = (0.002, 0.02)  # of the plays of a song to one's taste, and of another
LAST_SECOND: Final = 86_399


@dataclass(frozen=True)
class Records:
    """Records of one kind and one day; one entry each.

    kind   : "play", "down", "search" or "page"
    who    : the listener's number
    song   : its rank
    dirt   : which dirt it has, of `dirt.DIRT_KINDS[kind]`; -1 for none
    number : what else there is of the record: seconds heard (play; milliseconds where its dirt says so), the second of
             the day (search, page), nothing (down)
    page   : NEXT_SONG, LIKED or DISLIKED (page)
    """

    kind: str
    who: Ints
    song: Ints
    dirt: Ints
    number: Ints
    page: Ints

    def __len__(self) -> int:
        return len(self.who)

    def rows(self, order: Ints | slice) -> "Records":
        """Return some of them."""
        return Records(self.kind, *(part[order] for part in (self.who, self.song, self.dirt, self.number, self.page)))


def draw_plays(
    day: Day, people: People, songs: Songs, rng: np.random.Generator, habits: Habits | None = None
) -> Records:
    """Return a day's plays, in any order."""
    drawn = _plays(day, people, songs, rng, habits)
    song = habits.follow(drawn.song, drawn.role == ORDINARY, day.day, 0, rng) if habits else drawn.song
    length = songs.table["seconds"].to_numpy()[song]
    seconds = _heard(drawn.fifth, length, rng)
    ordinary = drawn.role == ORDINARY
    dirt_codes = dirt.draw_dirt("play", drawn.fate, {dirt.SONG_0: ~ordinary, dirt.IN_MS: drawn.fifth == 0}, rng)
    # A play in milliseconds is in the same fifth: the next fifth begins `room` milliseconds later.
    room = np.minimum(1000, np.where(drawn.fifth == 4, 1000, 200 * (drawn.fifth + 1) * length - 1000 * seconds))
    thousands = 1000 * seconds + (rng.random(len(room)) * room).astype(np.int64)
    seconds = np.where(dirt_codes == dirt.dirt_code("play", dirt.IN_MS), thousands, seconds)
    nothing = np.zeros_like(seconds)
    return Records("play", drawn.who, song, dirt_codes, seconds, nothing).rows(rng.permutation(len(seconds)))


def draw_downloads(day: Day, people: People, songs: Songs, rng: np.random.Generator) -> Records:
    """Return a day's downloads, in any order."""
    who, fate = _draw_fates(day, 1, rng)
    song = songs.choose(np.zeros_like(who), people.taste[who], TO_TASTE, rng)
    return Records("down", who, song, dirt.draw_dirt("down", fate, {}, rng), np.zeros_like(who), np.zeros_like(who))


def draw_searches(day: Day, people: People, songs: Songs, rng: np.random.Generator) -> Records:
    """Return a day's searches, as the clock has them."""
    who, fate = _draw_fates(day, 2, rng)
    song = songs.choose(np.zeros_like(who), people.taste[who], TO_TASTE, rng)
    second = _second(people.hour[who], rng)
    records = Records("search", who, song, dirt.draw_dirt("search", fate, {}, rng), second, np.zeros_like(who))
    return records.rows(np.argsort(second, kind="stable"))


def draw_pages(
    day: Day, people: People, songs: Songs, rng: np.random.Generator, habits: Habits | None = None
) -> Records:
    """Return a day's plays with their clock and what was thought of them, as the clock has them.

    A visit is one session; its songs follow each other, as close as the rest of the day needs.
    """
    drawn = _plays(day, people, songs, rng, habits)
    dirt_codes = dirt.draw_dirt("page", drawn.fate, {}, rng)
    to_taste = drawn.song % TASTES == people.taste[drawn.who]
    dislikes = (rng.random(len(dirt_codes)) < np.where(to_taste, *DISLIKES)) & (drawn.fate == dirt.CLEAN)
    opinion = np.where(drawn.liked, LIKED, np.where(dislikes, DISLIKED, NEXT_SONG))
    order = np.argsort(drawn.who + rng.random(len(dirt_codes)))
    who = drawn.who[order]
    first = np.flatnonzero(np.diff(who, prepend=-1))
    count = np.diff(np.append(first, len(who)))
    start = _second(people.hour[who[first]], rng)
    apart = np.minimum(230.0, (LAST_SECOND - start) / count)
    nth = np.arange(len(who)) - np.repeat(first, count)
    second = (np.repeat(start, count) + nth * np.repeat(apart, count)).astype(np.int64)
    song = drawn.song[order]
    if habits:
        song = habits.follow(song, drawn.role[order] == ORDINARY, day.day, habits.part(second), rng)
        averse = habits.disliked(who, song, rng) & (opinion[order] == NEXT_SONG) & (drawn.fate[order] == dirt.CLEAN)
        opinion[order] = np.where(averse, DISLIKED, opinion[order])
    rated = np.flatnonzero(opinion[order])
    parts = (
        (who, who[rated]),
        (song, song[rated]),
        (dirt_codes[order], np.full(len(rated), -1)),
        (second, np.minimum(second[rated] + 1, LAST_SECOND)),
        (np.zeros_like(who), opinion[order][rated]),
    )
    records = Records("page", *(np.concatenate(part) for part in parts))
    return records.rows(np.argsort(records.number, kind="stable"))


@dataclass(frozen=True)
class _Drawn:
    """Plays before anything spoils them, ordered by nothing that matters."""

    who: Ints
    song: Ints
    role: Ints
    fifth: Ints
    liked: Bools
    fate: Ints


def _plays(day: Day, people: People, songs: Songs, rng: np.random.Generator, habits: Habits | None) -> _Drawn:
    cells = np.stack([day.clean - day.liked, day.liked], axis=-1)
    spoiled = day.accepted[:, 0] - day.clean.sum(axis=(1, 2))
    clean = int(cells.sum())
    who = np.concatenate(
        [
            np.repeat(np.repeat(day.who, 5 * len(ROLES) * 2), cells.ravel()),
            np.repeat(day.who, spoiled),
            np.repeat(day.who, day.lost[:, 0]),
        ]
    )
    rest = len(who) - clean
    fifth, role, liked = (
        np.repeat(np.tile(part.ravel(), len(day.who)), cells.ravel()) for part in np.indices((5, len(ROLES), 2))
    )
    fifth = np.append(fifth, rng.choice(5, rest, p=ELSEWHERE))
    role, liked = np.append(role, np.full(rest, ORDINARY)), np.append(liked, np.zeros(rest, np.int64)) > 0
    fate = np.repeat([dirt.CLEAN, dirt.SPOILED, dirt.LOST], [clean, int(spoiled.sum()), int(day.lost[:, 0].sum())])
    to_taste = habits.to_taste[fifth] if habits else TO_TASTE
    song = songs.choose(role, people.taste[who], np.where(liked, 1.0, to_taste), rng)
    return _Drawn(who, song, role, fifth, liked, fate)


def _draw_fates(day: Day, action: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return who, and the fate, of a day's downloads (1) or searches (2), in any order."""
    accepted, lost = day.accepted[:, action], day.lost[:, action]
    who = np.append(np.repeat(day.who, accepted), np.repeat(day.who, lost))
    fate = np.repeat([dirt.CLEAN, dirt.LOST], [int(accepted.sum()), int(lost.sum())])
    order = rng.permutation(len(who))
    return who[order], fate[order]


def _heard(fifth: Ints, length: Ints, rng: np.random.Generator) -> Ints:
    """Return whole seconds that lie in the given fifth of a song, as the rules for shares count them."""
    low, high = -(-fifth * length // 5), -(-(fifth + 1) * length // 5)
    luck = rng.random(len(fifth))
    luck = np.where(fifth == 0, luck**SKIPPED_AT, luck)
    whole = (fifth == 4) & (rng.random(len(fifth)) < TO_THE_END)
    return np.where(whole, length, low + (luck * (high - low)).astype(np.int64))


def _second(hour: Floats, rng: np.random.Generator) -> Ints:
    return np.clip((hour + rng.normal(0, 1.5, len(hour))) * 3600, 0, LAST_SECOND - 1).astype(np.int64)
