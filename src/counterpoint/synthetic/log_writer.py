"""Records become the bytes of a log, in the format of the Music Box logs or as eventsim writes it."""

from io import BytesIO
from typing import Final
from urllib.parse import quote

import numpy as np
import polars as pl

from counterpoint.synthetic import dirt
from counterpoint.synthetic.hidden_states import Ints
from counterpoint.synthetic.population import People
from counterpoint.synthetic.records import Records
from counterpoint.synthetic.songs import Songs

OTHER_DEVICE: Final = 0.4  # of the records of those who have two
LEVELS: Final = ("free", "paid")
PAGES: Final = tuple(f'"page":"{page}"' for page in ("NextSong", "Thumbs Up", "Thumbs Down"))


class LogWriter:
    """Writes the records of a platform's days; what is the same in many lines is put together once."""

    def __init__(self, people: People, songs: Songs) -> None:
        table, count = songs.table, songs.table.height
        self._devices = np.stack([people.android, people.android ^ people.two_devices])
        self._who = pl.concat([_joined(pl.Series(people.uid), device) for device in ("ip", "ar")])
        named = _joined(*(table[name] for name in ("song_type", "song_name", "singer")))
        self._played = pl.concat([_joined(song_id, named) for song_id in (table["song_id"], "0")])
        unknown = pl.Series(["0\t0"] * count + ["-1\t0"] * count)
        self._length = pl.concat([_joined(table["seconds"], "0"), unknown])
        titled = _joined(*(table[name] for name in ("song_id", "song_name", "singer")), "0")
        self._loaded = pl.concat([_joined(table["song_id"], "", "", "0"), titled])
        self._wanted = pl.Series([quote(word) for word in (*table["song_name"], *table["singer"])])
        self._heard = _worded(
            '"song":"', table["song_name"], '","artist":"', table["singer"], '","length":', table["seconds"], ".0}"
        )
        level = pl.Series(LEVELS).gather(people.paid.astype(np.int64))
        self._user = _worded('"userId":"', pl.Series(people.uid), '","level":"', level, '"')
        self._count = count

    def lines(self, records: Records, day: int, rng: np.random.Generator) -> bytes:
        """Return the lines of records of one kind and day (since 1970-01-01), their dirt included."""
        columns = {
            "play": lambda: self._plays(records, rng),
            "down": lambda: self._downloads(records, rng),
            "search": lambda: self._searches(records, day, rng),
            "page": lambda: self._pages(records, day),
        }[records.kind]()
        written = BytesIO()
        table = pl.DataFrame([column.alias(str(place)) for place, column in enumerate(columns)])
        between = "," if records.kind == "page" else "\t"
        table.write_csv(written, separator=between, quote_style="never", include_header=False)
        return dirt.apply_dirt(written.getvalue(), records.kind, records.dirt)

    def _plays(self, records: Records, rng: np.random.Generator) -> list[pl.Series]:
        nameless = records.dirt == dirt.dirt_code("play", dirt.SONG_0)
        wrong = np.select(
            [records.dirt == dirt.dirt_code("play", name) for name in (dirt.LENGTH_0, dirt.LENGTH_BELOW)], [1, 2]
        )
        return [
            self._who.gather(self._name(records.who, rng)),
            self._played.gather(records.song + self._count * nameless),
            pl.Series(records.number),
            self._length.gather(records.song + self._count * wrong),
        ]

    def _downloads(self, records: Records, rng: np.random.Generator) -> list[pl.Series]:
        who = self._name(records.who, rng)
        android = who >= len(self._user)  # the downloads of iPhones come without names
        return [self._who.gather(who), self._loaded.gather(records.song + self._count * android)]

    def _searches(self, records: Records, day: int, rng: np.random.Generator) -> list[pl.Series]:
        clock = pl.Series((day * 86_400 + records.number) * 1000).cast(pl.Datetime("ms"))
        singer = rng.integers(2, size=len(records)) * self._count
        return [
            self._who.gather(self._name(records.who, rng)),
            clock.dt.to_string("%Y-%m-%d %H:%M:%S"),
            self._wanted.gather(records.song + singer),
        ]

    def _pages(self, records: Records, day: int) -> list[pl.Series]:
        # A line that names nobody has a session of its own, or its session would betray who it is of.
        nobody = records.dirt == dirt.dirt_code("page", dirt.NOBODY)
        scattered = 2**40 + (records.who * 2_654_435_761 + records.number * 40_503) % 2**31
        session = np.where(nobody, scattered, day * len(self._user) + records.who)
        return [
            _worded('{"ts":', pl.Series((day * 86_400 + records.number) * 1000)),
            _worded('"sessionId":', pl.Series(session)),
            self._user.gather(records.who),
            pl.Series(PAGES).gather(records.page),
            self._heard.gather(records.song),
        ]

    def _name(self, who: Ints, rng: np.random.Generator) -> Ints:
        """Return which name each record goes by: a listener's on an iPhone or, beyond all of these, on Android."""
        other = rng.random(len(who), dtype=np.float32) < OTHER_DEVICE
        android = np.where(other, self._devices[1, who], self._devices[0, who])
        name: Ints = who + len(self._user) * android
        return name


def _joined(*columns: pl.Series | str) -> pl.Series:
    """Put columns together, texts being the same in all rows, with tabs between them."""
    return _worded(*columns, between="\t")


def _worded(*columns: pl.Series | str, between: str = "") -> pl.Series:
    """Put columns together, texts being the same in all rows."""
    parts = [pl.lit(column) if isinstance(column, str) else column for column in columns]
    return pl.select(pl.concat_str(*parts, separator=between)).to_series()
