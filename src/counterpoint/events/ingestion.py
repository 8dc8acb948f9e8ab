"""Logs become events: each file is read once, committed by itself, and never taken twice.

A file is known by its name. The same name with the same bytes changes nothing; with other bytes it is refused, unless
it is to replace what was there.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

import polars as pl

from counterpoint.errors import CounterpointError
from counterpoint.events.formats import FileFormat, Format
from counterpoint.events.ledger import FileLedger, Tally
from counterpoint.events.line_reading import read_lines, read_parquet_rows
from counterpoint.events.log_files import HashingReader, Log, find_logs
from counterpoint.events.record_batch import AS_IT_IS, RecordBatch
from counterpoint.events.schema import polars_schema
from counterpoint.events.value_parsing import ParsedValues, day_in_name, parse_values
from counterpoint.storage import parquet
from counterpoint.storage.serializer import loads_plain, plain
from counterpoint.storage.workspace import Folder, Staged, WorkspaceView, WorkspaceWriter, edit_workspace, key_of

_T = TypeVar("_T")
LOG: Final = "log:"
MAX_UNKNOWN_KINDS: Final = 50  # unknown kinds in a batch; more, and the ledger would fill with the log's own text
REJECTED_SCHEMA: Final = {"file": pl.String, "line": pl.Int64, "reason": pl.String, "text": pl.Binary}
PROBLEMS_SCHEMA: Final = {
    "file": pl.String,
    "line": pl.Int64,
    "column": pl.String,
    "reason": pl.String,
    "text": pl.Binary,
}


@dataclass(frozen=True)
class IngestReport:
    """What ingest did with one log: "new", "replaced" or "unchanged"."""

    ledger: FileLedger
    status: str


def ingest(
    logs: Iterable[Path],
    *,
    to: Path,
    format: Format,
    replace: bool = False,
    progress: Callable[[Log], None] = lambda _: None,
) -> tuple[IngestReport, ...]:
    """Read every log in `logs` (files, archives, folders) into the workspace `to`; one commit a log.

    `progress` hears of each log before it is read.

    Raises
    ------
    CounterpointError
        Before anything is read, if a log is missing, unknown to the format, or says no day; then at the first log that
        changed without `replace` or cannot be read. Logs before it stay; nothing of it does.
    """
    ordered = find_logs(logs)
    for log in ordered:
        day_in_name(format.of(log.name), log.name)
    with edit_workspace(to, create=True) as writer:
        _check_ids(writer.view, format)
        plan = [(log, _status(writer.view, log, format, replace=replace)) for log in ordered]
        reports = []
        for log, status, staged in _ahead(_staged(writer, plan, format, progress)):  # one is read while another commits
            if staged:
                writer.commit(staged)
            reports.append(IngestReport(_ledger(writer.view.folder(f"{LOG}{log.name}")), status))
        return tuple(reports)


def ledgers(view: WorkspaceView) -> tuple[FileLedger, ...]:
    """Return the account of every log in a workspace, by file name."""
    return tuple(_ledger(folder) for folder in view.with_prefix(LOG))


def _ledger(folder: Folder) -> FileLedger:
    return loads_plain(folder.metadata, FileLedger, source=f"the ledger of {folder.name}")


def _check_ids(view: WorkspaceView, format: Format) -> None:
    for ledger in ledgers(view):
        for name, here, there in zip(("uid", "song_id"), format.id_types, ledger.id_types, strict=True):
            if here != there:
                raise CounterpointError(
                    f"format {format.name!r} has {name} as {here}; this workspace has it as {there} (from"
                    f" {ledger.file}): ingest to another workspace, or give the format the same type"
                )


def _status(view: WorkspaceView, log: Log, format: Format, *, replace: bool) -> str:
    """Say whether a log is new, unchanged, or replaces its older self; refuse a change that nobody asked for."""
    before = view.get(f"{LOG}{log.name}")
    if before is None:
        return "new"
    if before.key == _key(log.name, log.sha256(), format):
        return "unchanged"
    if replace:
        return "replaced"
    raise CounterpointError(
        f"{log.path}: the workspace has another {log.name} (other bytes, or read by another format);"
        " --replace puts this one in its place"
    )


def _key(name: str, sha256: str, format: Format) -> str:
    return key_of("events", name, sha256, format.digest)


def _staged(
    writer: WorkspaceWriter, plan: Iterable[tuple[Log, str]], format: Format, progress: Callable[[Log], None]
) -> Iterator[tuple[Log, str, Staged | None]]:
    """Read one log after the other, those that have not changed excepted."""
    for log, status in plan:
        progress(log)
        if status == "unchanged":
            yield log, status, None
            continue
        folder = writer.stage()
        ledger = _read_into(folder, log, format)
        yield log, status, Staged(f"{LOG}{log.name}", _key(log.name, ledger.sha256, format), folder, plain(ledger))


def _read_into(folder: Path, log: Log, format: Format) -> FileLedger:
    """Write a log's events, rejected lines and lost values into `folder`, and return its account."""
    kind, tally = format.of(log.name), Tally()
    digests: list[pl.Series] = []
    with (
        log.opened() as stream,
        parquet.open_writer(
            folder / "events.parquet", polars_schema(*format.id_types), growing=("line",)
        ) as write_events,
        parquet.open_writer(folder / "rejected.parquet", REJECTED_SCHEMA) as write_rejected,
        parquet.open_writer(folder / "problems.parquet", PROBLEMS_SCHEMA) as write_problems,
    ):
        hashing = HashingReader(stream)
        typed_batches = (_events(raw, kind, log.name) for raw in _ahead(_batches(log, hashing, kind)))
        for batch, parsed in _ahead(typed_batches):
            write_events(parsed.events.with_columns(line=pl.Series(batch.line)))
            write_rejected(_rejected(batch, log.name))
            write_problems(_problems(batch, parsed, log.name))
            digests.append(batch.fields.hash_rows())
            _count(tally, batch, parsed)
        sha256, size = hashing.finish()
    return tally.closed(
        file=log.name,
        doubles=_repeated(digests),
        about={"format": format.name, "sha256": sha256, "bytes": size, "id_types": format.id_types},
    )


def _batches(log: Log, stream: HashingReader, kind: FileFormat) -> Iterator[RecordBatch]:
    """Read a log to its end; a Parquet file is read by columns, and by bytes only for its hash."""
    if kind.layout != "parquet":
        yield from read_lines(stream, kind, file=log.name)
        return
    with log.opened() as table:
        yield from read_parquet_rows(table, kind, file=log.name)
    while stream.read(1 << 20):
        pass


def _ahead(items: Iterator[_T]) -> Iterator[_T]:
    """Make the next item in another thread while this one is used."""
    with ThreadPoolExecutor(1) as other:
        coming = other.submit(lambda: list(islice(items, 1)))
        while item := coming.result():
            coming = other.submit(lambda: list(islice(items, 1)))
            yield item[0]


def _events(batch: RecordBatch, kind: FileFormat, file: str) -> tuple[RecordBatch, ParsedValues]:
    """Type a batch; records of a kind that the format does not know leave it for the quarantine."""
    parsed = parse_values(batch.fields, kind, file)
    if not parsed.unknown.any():
        return batch, parsed
    field = batch.fields[kind.event["kind"].needs[0]]
    few = field.filter(parsed.unknown).n_unique() <= MAX_UNKNOWN_KINDS
    reason = (
        (lambda record: f"kind {_shown(field[record])} is no event here")
        if few
        else lambda _: "a kind that is no event"
    )
    kept = batch.without(parsed.unknown.to_numpy(), reason)
    return kept, parse_values(kept.fields, kind, file)


def _shown(text: bytes | str | None) -> str:
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return "(missing)" if text is None else repr(text[:40])


def _rejected(batch: RecordBatch, file: str) -> pl.DataFrame:
    rows = [(file, rejected.line, rejected.reason, rejected.text) for rejected in batch.rejected]
    return pl.DataFrame(rows, schema=REJECTED_SCHEMA, orient="row")


def _problems(batch: RecordBatch, parsed: ParsedValues, file: str) -> pl.DataFrame:
    line = pl.Series(batch.line).gather(parsed.problems["record"])
    return parsed.problems.select(pl.lit(file).alias("file"), line.alias("line"), "column", "reason", "text")


def _count(tally: Tally, batch: RecordBatch, parsed: ParsedValues) -> None:
    tally.lines += batch.count
    tally.records += len(batch.line)
    tally.accepted += int((batch.repair == AS_IT_IS).sum())
    tally.repairs.update(batch.repairs())
    tally.reasons.update(rejected.reason for rejected in batch.rejected)
    for column, reason, count in parsed.problems.group_by("column", "reason").len().iter_rows():
        tally.problems[column, reason] += count
    tally.add_events(parsed.events)


def _repeated(digests: list[pl.Series]) -> int:
    """Count the records whose fields all repeat an earlier record's (by 64-bit hashes: 1 in 10^6 logs of 6 M errs)."""
    together = pl.concat(digests) if digests else pl.Series([], dtype=pl.UInt64)
    return len(together) - together.n_unique()
