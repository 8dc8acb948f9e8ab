"""Who began it, on the command line: refused in one line, told in words, for machines, in files and on a page."""

import json
import re

import polars as pl
import pytest
from tests.commands import run

NET = "--network ba:60,2 --seed 4"
QUICK = "--method jordan"


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What a simulation hands out of one rumour after three steps."""
    path = tmp_path_factory.mktemp("seen") / "seen.csv"
    assert run(f"counterpoint rumour simulate {NET} --runs 1 --steps 3 --out-nodes {path}").status == 0
    return path


@pytest.fixture
def written(tmp_path):
    """Write a snapshot by hand."""

    def write(*rows):
        path = tmp_path / "written.csv"
        path.write_text("\n".join(["node,state", *rows]) + "\n")
        return path

    return write


def _refused(done):
    return done.status == 1 and not done.out and done.err.startswith("counterpoint: ") and done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--time soon --default-state S", "--time soon: 'soon' is no step"),
        ("--time 3- --default-state S", "'' is no step"),
        ("--time 6-2 --default-state S", "--time 6-2: from fewer steps to more"),
        ("--time 0-999999 --default-state S", "at most 100 of them"),
        ("--time 3", "say which state these are in"),
        ("--time 3 --default-state X", "the default state: sidr has no state 'X'"),
        ("--time 3 --default-state S --indistinguishable X", "sidr has no state 'X'"),
        ("--time 3 --default-state S --seconds 0", "--seconds 0: more than 0"),
        ("--time 3 --default-state S --seconds nan", "more than 0"),
        ("--time 3 --default-state S --sources 61", "61 sources of 60 nodes"),
        ("--time 3 --default-state S --model si", "si has no state"),
        ("--time 3 --default-state S --param alpha1=2", "alpha1 is 2"),
        ("--time 3 --default-state S --out suspects.xlsx", ".csv or .parquet"),
        ("--time 3 --default-state S --out nowhere/suspects.csv", "make the folder it goes into first"),
        ("--time 3 --default-state S --report nowhere/page.html", "make the folder it goes into first"),
        ("--time 3 --default-state S --network ba:6,2", "has no node"),
    ],
)
def test_what_cannot_be_traced_is_refused_in_one_line(tmp_path, monkeypatch, seen, options, says):
    monkeypatch.chdir(tmp_path)
    done = run(f"counterpoint rumour trace {NET} --snapshot {seen} {QUICK} {options}")
    assert _refused(done), done
    assert says in done.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["3,I", "nobody,S"], "has no node 'nobody'"),
        (["3,I", "4,Q"], "node '4': sidr has no state 'Q'"),
        (["3,I", "3,R"], "node '3' has more than one row"),
        (["3,I", "4,"], "row 2 lacks a node or a state"),
        (["3,S", "4,S"], "nobody is seen"),
        ([], "nobody is seen"),
        (["3,I", "4,I", "50,I", "59,I", "0,?"], None),
    ],
)
def test_a_snapshot_that_cannot_be_is_refused_in_one_line(written, rows, says):
    done = run(f"counterpoint rumour trace {NET} --snapshot {written(*rows)} --time 5 --default-state S {QUICK}")
    if says is None:
        assert done.status == 0, done.err
    else:
        assert _refused(done), done
        assert says in done.err


@pytest.mark.parametrize("name", ["nowhere.csv", "seen.txt", "page.csv"])
def test_a_snapshot_that_is_no_table_is_refused_in_one_line(tmp_path, name):
    (tmp_path / "page.csv").write_text("who,what\n3,I\n")
    assert _refused(run(f"counterpoint rumour trace {NET} --snapshot {tmp_path / name} --time 3 --default-state S"))


def test_wrong_usage_is_status_2(seen):
    assert run(f"counterpoint rumour trace {NET} --snapshot {seen}").status == 2
    assert run(f"counterpoint rumour trace {NET} --snapshot {seen} --time 3 --top 0").status == 2
    assert run("counterpoint rumour evaluate --time 3").status == 2


def test_what_a_simulation_hands_out_can_be_traced_and_says_who_began_it(seen, tmp_path):
    [began] = pl.read_csv(seen).filter(pl.col("step") == 0)["node"].to_list()
    command = f"counterpoint rumour trace {NET} --snapshot {seen} --time 3 --default-state S --method mean-field"
    done = run(f"{command} --out {tmp_path / 'all.csv'} --report {tmp_path / 'page.html'} --top 3")
    assert done.status == 0, done.err
    table, told = pl.read_csv(tmp_path / "all.csv"), json.loads(run(f"{command} --json").out)
    assert began in table["node"].to_list()[:5]
    assert table["probability"].sum() == pytest.approx(1)
    assert table.head(10)["node"].to_list() == [each["node"] for each in told["suspects"]]
    assert len(re.findall(r"^ +\d+  \d+ +[IDR] ", done.out, re.MULTILINE)) == 3
    assert f"90 % of the probability lies on {len(told['credible'])} node" in done.out
    assert told["credible"] == table["node"].to_list()[: len(told["credible"])]
    assert "no proof: " in done.out
    assert (told["proof"], told["times"], told["method"]) == (False, {"3": 1.0}, "mean-field")
    page = (tmp_path / "page.html").read_text()
    assert page.count("<svg ") == 2
    assert "No proof: " in page
    assert "://" not in page


def test_a_method_that_only_ranks_names_no_probability(seen):
    command = f"counterpoint rumour trace {NET} --snapshot {seen} --time 2-4 --default-state S {QUICK}"
    done, told = run(command), json.loads(run(f"{command} --json").out)
    assert "probability  together" not in done.out
    assert "after 2 to 4 steps" in done.out
    assert told["credible"] is None
    assert told["times"] == {time: pytest.approx(1 / 3) for time in "234"}


def test_what_is_hidden_is_told(written):
    rows = [f"{node},{state}" for node, state in ((0, "I"), (1, "R"), (2, "I"), (5, "S"))]
    seen = f"--snapshot {written(*rows)} --default-state ? --indistinguishable R"
    done = run(f"counterpoint rumour trace {NET} {seen} --time 3 {QUICK}")
    assert done.status == 0, done.err
    assert "2 of 60 nodes seen to be reached" in done.out
    assert "R not told from S; 7 % of the nodes seen" in done.out


def test_what_was_learned_is_kept_and_found_again(seen, tmp_path):
    command = (
        f"counterpoint rumour trace {NET} --snapshot {seen} --time 3 --default-state S --method ranker --seconds .05"
    )
    first, again = (json.loads(run(f"{command} --cache {tmp_path / 'kept'} --json").out) for _ in range(2))
    assert first["suspects"] == again["suspects"]
    [kept] = (tmp_path / "kept").iterdir()
    assert kept.name.startswith("ranker-")


def test_methods_are_judged_on_the_same_outbreaks(tmp_path):
    command = f"counterpoint rumour evaluate {NET} --time 3 --outbreaks 40 --detectors mean-field,jordan,random"
    done = run(f"{command} --out {tmp_path / 'table.csv'}")
    assert done.status == 0, done.err
    rows, told = pl.read_csv(tmp_path / "table.csv"), json.loads(run(f"{command} --json").out)
    assert rows["detector"].to_list() == ["mean-field", "jordan", "random"]
    assert set(rows["n"]) == {40}
    assert rows["top1"].to_list() == pytest.approx([each["top1"] for each in told["detectors"]])
    assert rows["top1"][0] > rows["top1"][2]
    assert rows["top1_deficit"][2] == pytest.approx(rows["top1"][0] - rows["top1"][2])
    assert [each["bits"] is None for each in told["detectors"]][:2] == [False, True]
    for line in ("40 outbreaks with 5 reached or more", "steps off", "seconds a snapshot"):
        assert line in done.out


def test_of_several_sources_it_is_told_how_many_are_found():
    done = run(
        f"counterpoint rumour evaluate {NET} --time 2-3 --outbreaks 20 --detectors mean-field --sources 2 --share .5"
        " --indistinguishable R"
    )
    assert done.status == 0, done.err
    assert "after 2 to 3 steps; R not told from S; 50 % of the nodes seen; 2 sources" in done.out
    assert "found among as many as are named, of 2 sources:" in done.out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--time 3 --detectors jordan,jordn", "--detectors: no method 'jordn'"),
        ("--time 3 --detectors ,", "--detectors: no method ''"),
        ("--time soon", "'soon' is no step"),
        ("--time 3 --share 0", "the share of nodes that are seen is 0"),
        ("--time 3 --indistinguishable X", "sidr has no state 'X'"),
        ("--time 3 --seconds -1", "more than 0"),
        ("--time 3 --detectors jordan --min-size 60 --outbreaks 5", "ask for smaller ones or a later time"),
        ("--time 3 --out nowhere/table.csv", "make the folder it goes into first"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_one_line(tmp_path, monkeypatch, options, says):
    monkeypatch.chdir(tmp_path)
    done = run(f"counterpoint rumour evaluate {NET} {options}")
    assert _refused(done), done
    assert says in done.err
