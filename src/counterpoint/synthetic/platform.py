"""An INVENTED platform is written to a folder: its logs, who is friends with whom, and the truth, apart from the logs.

::

    <day>_1_play.log ...      what ingest reads (of eventsim: one file a day)
    network/friends.csv       uid, friend: each friendship once
    truth/dirt.parquet        every line that was spoiled, and its fate: accepted, repaired or rejected
    truth/leaving.parquet     uid, at, leaves: the chance that nothing of them will be seen in the outcome window
    truth/songs.parquet       every song, and its role: a leaver makes people leave, a decoy only seems to; with
                              habits also the times at which it is played more
    truth/world.json          the settings, and what songs and likes do to people
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.events.schema import EPOCH, FIRST_DAY, LAST_DAY
from counterpoint.rng import generator
from counterpoint.storage.exchange import write_json, write_table
from counterpoint.synthetic import dirt
from counterpoint.synthetic.activity import simulate_activity
from counterpoint.synthetic.bayes_filter import LeavingFilter, leaving_filter
from counterpoint.synthetic.day_counts import Chances, Day
from counterpoint.synthetic.habits import Habits, draw_habits
from counterpoint.synthetic.hidden_states import States, published, states
from counterpoint.synthetic.log_writer import LogWriter
from counterpoint.synthetic.population import People, draw_friendships, draw_people
from counterpoint.synthetic.records import Records, draw_downloads, draw_pages, draw_plays, draw_searches
from counterpoint.synthetic.songs import MAX_SONGS, Songs, draw_songs

Drawing: TypeAlias = Callable[[Day, People, Songs, np.random.Generator], Records]
FORMATS: Final = ("music-box", "eventsim")
LINES_PER_WRITE: Final = 1 << 20  # lines that are written together
DAYS_BETWEEN_TRUTHS: Final = 7  # days between the days for which the truth about leaving is told
MIN_SONGS: Final = 800


@dataclass(frozen=True)
class Platform:
    """What is to be invented.

    outcome : how many days of silence count as leaving
    habits  : songs follow the clock (where the log has one) and the week, and skips tell what is not to taste
    """

    listeners: int
    days: int = 90
    songs: int = 20_000
    first_day: date = date(2017, 3, 30)
    format: str = "music-box"
    leavers: bool = True
    outcome: int = 14
    habits: bool = False


@dataclass(frozen=True)
class GeneratedLogs:
    """What `generate` wrote.

    events : records that happened, those that no event table will show included
    dirty  : records that were spoiled on their way to the log
    """

    folder: Path
    files: tuple[Path, ...]
    events: int
    dirty: int


def generate(to: Path, request: Platform, *, rng: int | np.random.Generator) -> GeneratedLogs:
    """Invent a platform as `request` says, and write it to the folder `to`; the same seed writes the same bytes.

    Not every listener appears: the first day of some comes too late, as in life.

    Raises
    ------
    CounterpointError
        If `to` is not a new or empty folder, or what is asked for cannot be.

    >>> with TemporaryDirectory() as folder:
    ...     logs = generate(Path(folder), Platform(listeners=50, days=2), rng=7)
    >>> [file.name for file in logs.files][:3]
    ['20170330_1_down.log', '20170330_1_play.log', '20170330_1_search.log']
    """
    _check_request(to, request)
    rng, destination, to = generator(rng), to, to.resolve()
    to.parent.mkdir(parents=True, exist_ok=True)
    # The logs appear when all of them are written: half a log would read as if everyone had left.
    with TemporaryDirectory(dir=to.parent, prefix=f".{to.name}-") as staging:
        folder = Path(staging) / to.name
        for part in (folder, folder / "network", folder / "truth"):
            part.mkdir()
        logs = _write_platform(folder, request, rng)
        folder.rename(to)
    return replace(logs, folder=destination, files=tuple(destination / file.name for file in logs.files))


def _check_request(to: Path, request: Platform) -> None:
    for noun, count, minimum in (
        ("listeners", request.listeners, 1),
        ("days", request.days, 1),
        ("songs", request.songs, MIN_SONGS),
        ("days of outcome", request.outcome, 1),
    ):
        if count < minimum:
            raise CounterpointError(f"{count} {noun} are too few: ask for {minimum} or more")
    if request.format not in FORMATS:
        raise CounterpointError(
            f"nothing is invented in the format {request.format!r}; {suggestion(request.format, FORMATS)}"
        )
    if request.songs > MAX_SONGS:
        raise CounterpointError(f"{request.songs:,} songs are too many: there are names for {MAX_SONGS:,}")
    first = (request.first_day - EPOCH).days
    if not FIRST_DAY <= first <= first + request.days - 1 <= LAST_DAY:
        raise CounterpointError(f"{request.days} days from {request.first_day} do not lie in the years 1900 to 2199")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise CounterpointError(f"{str(to)!r} is not an empty folder: name a new or an empty one")


def _world(request: Platform) -> tuple[States, Chances]:
    """Return what is hidden and what is chance, as far as logs of the format show it.

    A log of eventsim has neither downloads nor searches nor how much of a song was heard, but it has likes.
    """
    world = published()
    if not request.leavers:
        world["songs"]["leaver"] = 0.0
    likes = request.format == "eventsim"
    if likes:
        for kind in (*world["kind"], world["bot"]):
            kind |= {"downloads": 0.0, "searches": 0.0}
        world["shares"]["fickle"] = world["shares"]["keen"]
    kinds = ("page", "page", "page") if likes else ("play", "down", "search")
    lost = tuple(dirt.lost_share(kind) for kind in kinds)
    liked, moods = world["opinions"]["liked"] if likes else 0.0, world["moods"]
    chances = Chances(
        (lost[0], lost[1], lost[2]), dirt.spoiled_share(kinds[0]), liked, worse=moods["leaver"], better=moods["liked"]
    )
    return states(world), chances


def _write_platform(folder: Path, request: Platform, rng: np.random.Generator) -> GeneratedLogs:
    hidden, chances = _world(request)
    activity_rng, catalogue_rng, *day_rngs = rng.spawn(request.days + 2)
    people, songs = draw_people(request.listeners, catalogue_rng), draw_songs(request.songs, catalogue_rng)
    write_table(draw_friendships(people, catalogue_rng), folder / "network" / "friends.csv")
    monday = request.first_day.weekday()
    habits = _draw_habits(request, songs, catalogue_rng) if request.habits else None
    log = _Log(folder, request, LogWriter(people, songs), _record_kinds(request.format, habits))
    days = simulate_activity(
        hidden, chances, listeners=request.listeners, days=request.days, monday=monday, rng=activity_rng
    )
    leaving = _LeavingTruth(
        request, people, leaving_filter(hidden, chances, listeners=request.listeners, monday=monday)
    )
    with ThreadPoolExecutor(1) as other:  # the records of a day are written while the next day is lived
        written: list[Future[_Tally]] = []
        for day, day_rng in zip(days, day_rngs, strict=True):
            written.append(other.submit(log.write, day, people, songs, day_rng))
            if len(written) > 1:
                written[-2].result()
            leaving.add(day)
        tallies = [tally.result() for tally in written]
    catalogue = habits.with_play_times(songs.table) if habits else songs.table
    _write_truth(folder / "truth", _settings(request, chances, habits), catalogue, leaving.tables, tallies)
    return GeneratedLogs(
        folder,
        tuple(folder / name for tally in tallies for name in tally.files),
        sum(tally.records for tally in tallies),
        sum(len(table) for tally in tallies for table in tally.dirt),
    )


class _LeavingTruth:
    """The truth about leaving: once a week, the chance that the outcome window shows nothing of those seen so far."""

    def __init__(self, request: Platform, people: People, leaving: LeavingFilter) -> None:
        self._request, self._uid, self._filter = request, people.uid, leaving
        self._seen = np.zeros(request.listeners, np.bool_)
        self.tables: list[pl.DataFrame] = []

    def add(self, day: Day) -> None:
        """Take a day into account, and tell its truth if it is one of those for which it is told."""
        self._filter.see(day)
        self._seen[day.who[day.accepted.any(axis=1)]] = True
        last = self._request.days - 1 - self._request.outcome
        if day.day > last or (last - day.day) % DAYS_BETWEEN_TRUTHS:
            return
        chance = self._filter.leaves(day.day, self._request.outcome)[self._seen]
        truth_day = (self._request.first_day - EPOCH).days + day.day
        table = pl.DataFrame({"uid": self._uid[self._seen], "leaves": chance})
        self.tables.append(table.with_columns(at=pl.lit(truth_day, pl.Int32)))


def _draw_habits(request: Platform, songs: Songs, rng: np.random.Generator) -> Habits:
    clock, monday = request.format == "eventsim", request.first_day.weekday()
    return draw_habits(songs, published()["habits"], clock=clock, monday=monday, rng=rng)


def _record_kinds(style: str, habits: Habits | None) -> dict[str, Drawing]:
    if style == "eventsim":
        return {"page": partial(draw_pages, habits=habits)}
    return {"down": draw_downloads, "play": partial(draw_plays, habits=habits), "search": draw_searches}


@dataclass(frozen=True)
class _Tally:
    """What was written of one day."""

    files: tuple[str, ...]
    records: int
    dirt: tuple[pl.DataFrame, ...]


@dataclass(frozen=True)
class _Log:
    """Writes the logs of one day after the other."""

    folder: Path
    request: Platform
    writer: LogWriter
    kinds: dict[str, Drawing]

    def write(self, day: Day, people: People, songs: Songs, rng: np.random.Generator) -> _Tally:
        date_ = self.request.first_day + timedelta(days=day.day)
        files, tables, count = [], [], 0
        for kind, draw in self.kinds.items():
            records = draw(day, people, songs, rng)
            name = f"{date_}.json" if kind == "page" else f"{date_:%Y%m%d}_1_{kind}.log"
            with (self.folder / name).open("wb") as file:
                for start in range(0, len(records), LINES_PER_WRITE):
                    file.write(
                        self.writer.lines(
                            records.rows(slice(start, start + LINES_PER_WRITE)), (date_ - EPOCH).days, rng
                        )
                    )
            files.append(name)
            tables.append(dirt.line_fates(kind, records.dirt).with_columns(file=pl.lit(name)))
            count += len(records)
        return _Tally(tuple(files), count, tuple(tables))


def _write_truth(
    truth: Path,
    settings: dict[str, Any],
    catalogue: pl.DataFrame,
    leaving: list[pl.DataFrame],
    tallies: list[_Tally],
) -> None:
    tables = [table for tally in tallies for table in tally.dirt]
    dirt_columns = ("file", "line", "dirt", "fate", "ledger_entry", "problems")
    write_table(pl.concat(tables).select(dirt_columns), truth / "dirt.parquet")
    none = pl.DataFrame(schema={"uid": pl.Int64, "leaves": pl.Float64, "at": pl.Int32})
    write_table(pl.concat([none, *leaving]).select("uid", "at", "leaves"), truth / "leaving.parquet")
    write_table(catalogue, truth / "songs.parquet")
    write_json(settings, truth / "world.json")


def _settings(request: Platform, chances: Chances, habits: Habits | None) -> dict[str, Any]:
    # Without habits the truth has no word of them: an option that is off changes no byte.
    options = {name: value for name, value in vars(request).items() if name != "habits"}
    return {
        "invented": "all of it; nothing here is evidence about people",
        **{name: str(value) if isinstance(value, date) else value for name, value in options.items()},
        "a day with a leaver multiplies the chances to drift, to fade and to leave by": chances.worse,
        "a day with a like multiplies them by": chances.better if chances.liked else None,
        **(habits.settings() if habits else {}),
    }
