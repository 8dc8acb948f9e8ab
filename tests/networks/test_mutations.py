"""Three thousand broken files: each is read, and then every record of it is counted, or refused in one line."""

import gzip

import numpy as np
import pytest
from tests.networks.samples import corpus

from counterpoint.errors import CounterpointError
from counterpoint.networks.formats.registry import EdgeListOptions, format_of
from counterpoint.networks.readers import build_network, unpack

FILES = 3_000
BYTES = b"0123456789-+.,;:|eEnaif\"'<>/[]*%# \t\r\n\0\xff\x80&"


def mutated(data, rng):
    """Change some bytes, lose the end, or have a piece twice, or not at all, or at another place."""
    for _ in range(rng.integers(1, 4)):
        first, last = np.sort(rng.integers(0, len(data) + 1, 2))
        last = min(last, first + 64)
        match rng.integers(6):
            case 0 | 1:
                changed = bytearray(data)
                for at in rng.integers(0, len(data), rng.integers(1, 4)) if data else ():
                    changed[at] = BYTES[rng.integers(len(BYTES))]
                data = bytes(changed)
            case 2:
                data = data[:last]
            case 3:
                data = data[:first] + data[last:]
            case 4:
                data = data[:last] + data[first:last] * int(rng.integers(1, 4)) + data[last:]
            case 5:
                lines = data.splitlines(keepends=True)
                data = b"".join(lines[at] for at in rng.permutation(len(lines)))
    return data


def parts(report):
    """What became of the records."""
    return (report.edges, report.loops, report.doubles, report.comments, report.blank, report.header, report.refused)


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    return corpus(tmp_path_factory.mktemp("corpus"))


def fate(path, data, *, drop):
    """Read a file without a disk; None if it is refused."""
    try:
        edges = format_of(path).read(path.name, unpack(path, data), EdgeListOptions(drop=drop))
        read = build_network(path.name, edges, None)
    except CounterpointError as error:
        refusal = str(error)
    else:
        return counted_once(read)
    assert "\n" not in refusal
    assert refusal.startswith(path.name)
    return None


def counted_once(read):
    """Return what was read, every record of which has become one thing."""
    assert read.report.records == sum(parts(read.report))
    assert read.report.edges == read.network.edges
    assert read.network.nodes > 0
    return read


def test_the_files_that_are_broken_are_right_at_first(valid, tmp_path):
    for name, data in valid.items():
        assert fate(tmp_path / name, data, drop=False).network.edges == 3


def test_no_broken_file_is_lost_uncounted_or_ends_in_anything_but_one_line(valid, tmp_path):
    rng = np.random.default_rng(20210101)
    names = sorted(valid)
    came_through = dict.fromkeys(names, 0)
    for at in range(FILES):
        name = names[at % len(names)]
        packed = name.endswith(".gz") and rng.random() < 0.5
        data = gzip.compress(mutated(gzip.decompress(valid[name]), rng), 1) if packed else mutated(valid[name], rng)
        came_through[name] += fate(tmp_path / name, data, drop=bool(at // len(names) % 2)) is not None
    each = FILES // len(names)
    assert all(0 < count < each for count in came_through.values()), came_through
