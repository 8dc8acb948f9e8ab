"""From events to features: ours on DuckDB and on Spark, and the plain programs of `plain.py`, on the same Parquet.

    python benchmarks/events.py --to FOLDER --listeners 41000 [--cases duckdb,again,spark,pandas,pyspark]

invents a platform in FOLDER once, ingests it (that is timed too), and runs each case in a process of its own: wall
and CPU seconds and the highest memory of the process and all its children. What was measured is kept in
FOLDER/results.jsonl, one JSON line a case: a second run goes on where the first was stopped. `again` is a further
snapshot from the roll-up that `duckdb` left. All tables are compared with ours cell by cell. pandas is not a
dependency: install it beside Counterpoint. Ten million events are about 41,000 listeners, a hundred 410,000.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from counterpoint import Platform, Snapshot, generate_platform, ingest, listener_table
from counterpoint.churn import TableSettings
from counterpoint.events import load_format
from counterpoint.storage.workspace import open_workspace

sys.path.insert(0, str(Path(__file__).parent))
import plain

CASES = ("invent", "ingest", "duckdb", "again", "spark", "pandas", "pyspark")
PEERS = ("pandas", "pyspark")
SNAPSHOT, EARLIER = Snapshot.of("2017-04-28"), Snapshot.of("2017-04-21", known_for=22)
TICK = os.sysconf("SC_CLK_TCK")


def run(case: str, home: Path, listeners: int) -> None:
    """Do one case, in this process."""
    work = home / "work"
    match case:
        case "invent":
            generate_platform(home / "logs", Platform(listeners, days=44), rng=1)
        case "ingest":
            ingest([home / "logs"], to=work, format=load_format("music-box"))
        case "duckdb" | "spark":
            copy = home / f"work-{case}"
            shutil.copytree(work, copy, copy_function=os.link)
            listener_table(copy, SNAPSHOT, engine=case).rows.write_parquet(home / f"{case}.parquet")
        case "again":
            listener_table(home / "work-duckdb", EARLIER, TableSettings(cleaned_by=SNAPSHOT)).rows.write_parquet(
                home / "again.parquet"
            )
        case "pandas" | "pyspark":
            with open_workspace(work) as view:
                files = [str(log.file("events.parquet")) for log in view.with_prefix("log:")]
                {"pandas": plain.by_pandas, "pyspark": plain.by_pyspark}[case](files, str(home / f"{case}.parquet"))


def measure(case: str, home: Path, listeners: int) -> dict[str, object]:
    """Do one case in a process of its own, and return what it took."""
    command = [sys.executable, __file__, "--to", str(home), "--listeners", str(listeners), "--run", case]
    start, cpu, peak = time.perf_counter(), {}, 0
    with subprocess.Popen(command, stderr=subprocess.DEVNULL if case in {"spark", "pyspark"} else None) as child:
        while child.poll() is None:
            memory = 0
            for pid in _family(child.pid):
                seconds, resident = _used(pid)
                cpu[pid] = max(cpu.get(pid, 0), seconds)
                memory += resident
            peak = max(peak, memory)
            time.sleep(0.05)
    if child.returncode:
        sys.exit(f"{case} failed")
    wall = time.perf_counter() - start
    return {"case": case, "wall": round(wall, 2), "cpu": round(sum(cpu.values()), 2), "peak_mb": peak >> 20}


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(below for child in children for below in _family(int(child)))]


def _used(pid: int) -> tuple[float, int]:
    """Return the CPU seconds and the resident bytes of a process."""
    try:
        parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0, 0
    return (int(parts[11]) + int(parts[12])) / TICK, int(parts[21]) * os.sysconf("SC_PAGE_SIZE")


def differing(one: Path, other: Path) -> dict[str, int]:
    """Return how many cells of each column differ between two tables; nothing is rounded."""
    names = plain.names()
    tables = []
    for place in (one, other):
        rows = pl.read_parquet(place / "*.parquet" if place.is_dir() else place).select(names)
        tables.append(rows.with_columns(pl.col(names[1:]).cast(pl.Float64)).sort("uid"))
    if tables[0].height != tables[1].height:
        return {"rows": abs(tables[0].height - tables[1].height)}
    counts = {name: int(tables[0][name].ne_missing(tables[1][name].fill_nan(None)).sum()) for name in names}
    return {name: count for name, count in counts.items() if count}


def print_measurements(home: Path, measurements: Mapping[str, Mapping[str, object]], events: int) -> None:
    """Print what was measured, the ratios, and what differs."""
    print(f"{events:,} events")
    print(f"{'case':<10}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}   wall, ours on DuckDB = 1")
    for case, row in measurements.items():
        ratio = float(str(row["wall"])) / float(str(measurements["duckdb"]["wall"])) if "duckdb" in measurements else 0
        print(f"{case:<10}{row['wall']:>9}{row['cpu']:>9}{row['peak_mb']:>9}   {ratio:.2f}")
    for case in ("spark", *PEERS):
        if case in measurements:
            cells = differing(home / "duckdb.parquet", home / f"{case}.parquet")
            print(f"{case}: {'every cell as ours' if not cells else f'cells that differ: {cells}'}")


def main() -> None:
    """Measure what has not been measured yet, and print it all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--listeners", type=int, default=41_000)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--run", choices=CASES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        run(arguments.run, arguments.to, arguments.listeners)
        return
    arguments.to.mkdir(parents=True, exist_ok=True)
    results = arguments.to / "results.jsonl"
    measurements = {
        row["case"]: row for row in map(json.loads, results.read_text().splitlines() if results.exists() else [])
    }
    for case in arguments.cases.split(","):
        if case not in measurements:
            measurements[case] = measure(case, arguments.to, arguments.listeners)
            with results.open("a") as file:
                file.write(json.dumps(measurements[case]) + "\n")
    with open_workspace(arguments.to / "work") as view:
        files = [log.file("events.parquet") for log in view.with_prefix("log:")]
        print_measurements(arguments.to, measurements, pl.scan_parquet(files).select(pl.len()).collect().item())


if __name__ == "__main__":
    main()
