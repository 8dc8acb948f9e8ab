"""Kill a piece of work at every step at which it makes something durable, and look at what is left.

A test module defines three functions of one folder at its top level and hands them over::

    def scenario(folder): ...   # the work: ingest some logs into folder / "workspace"
    def survived(folder): ...   # asserts what must hold after kill -9 at any moment: one of the states between commits
    def finished(folder): ...   # asserts what must hold once the scenario has then been run again, to its end

    def test_a_kill_loses_only_the_step_in_flight(tmp_path):
        assert every_kill(scenario, survived, finished, tmp_path) > 0

Every call of `os.fsync`, `os.rename` and `os.replace` in `counterpoint.storage.commit` is numbered, and for each number
the scenario is run in a new folder and killed just before that call, and just after it. A moment that leaves the same
files as the moment before it, those in a workspace's `tmp` apart, is the same kill, and is not tried twice.

Each run is a fork of one clean process that has imported the test module and started no thread. So scenario, survived
and finished may use polars and duckdb freely, while the test module must not use them (read a frame, connect) when it
is imported. The three must be deterministic in the order of their commits, must not depend on fixtures, and find
whatever they need by `__file__`. A kill leaves what the kernel has already taken, so fsync is counted but not carried
out: hundreds of kills take seconds.
"""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from counterpoint.storage import commit

Act = Callable[[Path], None]

_ROOT = Path(__file__).parents[1]


def every_kill(scenario: Act, survived: Act, finished: Act, folder: Path) -> int:
    """Return the number of kills that were survived; fail with the first that was not, and why."""
    names = [act.__name__ for act in (scenario, survived, finished)]
    run = subprocess.run(
        [sys.executable, __file__, scenario.__code__.co_filename, *names, str(folder)],
        capture_output=True,
        check=False,
        # Numerical libraries start threads when they are imported, and a fork would lose these.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return int(run.stdout.split()[-1])  # the scenario may print too


class Steps:
    """Stands in for `os` in the commit module: counts the steps and kills this process at one of them."""

    def __init__(self, fatal: int = -1, *, after: bool = False, watched: Path | None = None) -> None:
        self.moments: list[tuple[int, bool, str]] = []
        self._number = 0
        self._fatal = fatal
        self._after = after
        self._watched = watched

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fsync(self, _descriptor: int) -> None:
        self._step(lambda: None)

    def rename(self, source: Path, target: Path) -> None:
        self._step(lambda: source.rename(target))

    def replace(self, source: Path, target: Path) -> None:
        self._step(lambda: source.replace(target))

    def _step(self, act: Callable[[], object]) -> None:
        number, self._number = self._number, self._number + 1
        self._reach(number, after=False)
        act()
        self._reach(number, after=True)

    def _reach(self, number: int, *, after: bool) -> None:
        if self._watched is not None:
            self.moments.append((number, after, _lasting_files(self._watched)))
        if (number, after) == (self._fatal, self._after):
            os.kill(os.getpid(), signal.SIGKILL)


def _lasting_files(folder: Path) -> str:
    """Return the names, sizes and times of all that a kill leaves for readers: of all but what is in a `tmp`."""
    paths = sorted(path for path in folder.rglob("*") if "tmp" not in path.relative_to(folder).parts)
    return repr([(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths if path.is_file()])


def _forked(*acts: Act, folder: Path, steps: Steps) -> int:
    """Run `acts` in a fork and return its wait status: 0, or -9 if it was killed at a step."""
    child = os.fork()
    if child == 0:
        commit.os = steps
        try:
            for act in acts:
                act(folder)
        except BaseException:  # noqa: BLE001 - a fork must never return into its parent's code
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _distinct_kills(scenario: Act, finished: Act, folder: Path) -> list[tuple[int, bool]]:
    """Run the scenario undisturbed; return its moments (step, after it) that leave other files than the one before."""
    calm, counted = folder / "undisturbed", folder / "moments.json"
    steps = Steps(watched=calm)

    def work(root: Path) -> None:
        scenario(root)
        counted.write_text(json.dumps(steps.moments), encoding="utf-8")

    calm.mkdir()
    assert _forked(work, finished, folder=calm, steps=steps) == 0, "the scenario fails without any kill"
    moments = json.loads(counted.read_text(encoding="utf-8"))
    before = ["", *(files for _, _, files in moments)]
    return [
        (number, after) for (number, after, files), earlier in zip(moments, before, strict=False) if files != earlier
    ]


def _kill(scenario: Act, survived: Act, finished: Act, folder: Path, steps: Steps) -> None:
    folder.mkdir()
    assert _forked(scenario, folder=folder, steps=steps) == -signal.SIGKILL, f"{folder.name}: not reached"
    assert _forked(survived, scenario, finished, folder=folder, steps=Steps()) == 0, f"{folder.name}: not survived"
    shutil.rmtree(folder)


def _loaded(file: Path) -> ModuleType:
    name = ".".join(file.relative_to(_ROOT).with_suffix("").parts)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _main(file: str, *names: str) -> None:
    sys.path.insert(0, str(_ROOT))
    folder = Path(names[-1])
    module = _loaded(Path(file))
    scenario, survived, finished = (getattr(module, name) for name in names[:-1])
    kills = _distinct_kills(scenario, finished, folder)
    for number, after in kills:
        killed = folder / f"killed-{'after' if after else 'before'}-step-{number}"
        _kill(scenario, survived, finished, killed, Steps(number, after=after))
    sys.stdout.write(str(len(kills)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
