"""A rumour on the command line: refused in one line, told in words, for machines, in files and on a page."""

import json
import re

import polars as pl
import pytest
from tests.commands import run

SMALL = "counterpoint rumour simulate --network ba:200,2 --runs 80"


@pytest.fixture
def friends(tmp_path):
    """A ring of eight friends and a stranger, with a header, a loop and a double."""
    names = [f"p{at}" for at in range(8)]
    lines = [f"{one},{names[(at + 1) % 8]}" for at, one in enumerate(names)]
    path = tmp_path / "friends.csv"
    path.write_text("\n".join(["source,target", *lines, "p0,p0", "p1,p0"]) + "\n")
    return path


def _refused(done):
    return done.status == 1 and not done.out and done.err.startswith("counterpoint: ") and done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--network nowhere.csv", "cannot read nowhere.csv"),
        ("--network bar:10,3", "did you mean 'ba'"),
        ("--network ba:10", "has 1 numbers; nodes, m would be right"),
        ("--network ba:200,2 --directed", "is a recipe"),
        ("--network ba:200,2 --model sir --event jiangsu", "sir has no parameter 'event'"),
        ("--network ba:200,2 --param alpha=.3", "did you mean 'alpha2'"),
        ("--network ba:200,2 --param name=3", "sidr has no parameter 'name'"),
        ("--network ba:200,2 --param alpha1", "--param alpha1: a parameter and a number"),
        ("--network ba:200,2 --param alpha1=high", "'high' is no number"),
        ("--network ba:200,2 --param alpha1=1.7", "alpha1 is 1.7; it must lie in [0, 1]"),
        ("--network ba:200,2 --param alpha1=nan", "alpha1 is nan"),
        ("--network ba:200,2 --sources 3,nobody", "has no node 'nobody'"),
        ("--network ba:200,2 --sources 3 --random-sources 2", "one of them"),
        ("--network ba:200,2 --random-sources 201", "201 sources of 200 nodes"),
        ("--network ba:200,2 --plant 3:D", "AT:STATE:WHERE[:COUNT] would be right"),
        ("--network ba:200,2 --plant soon:D:source", "'soon' is no step"),
        ("--network ba:200,2 --plant 3:X:source", "sidr has no state 'X'"),
        ("--network ba:200,2 --plant 3:D:hubs:0", "0 nodes are none to plant"),
        ("--network ba:200,2 --plant 3:D:hubs:", "'' is no step or count"),
        ("--network ba:200,2 --plant 3:D:nobody", "has no node 'nobody'"),
        ("--network ba:200,2 --prebunk 0:checker:2", "must lie in [0, 1], got 2"),
        ("--network ba:200,2 --prebunk 0:cheker:.1", "no class 'cheker'"),
        ("--network ba:200,2 --prebunk 0:checker", "AT:CLASS:SHARE would be right"),
        ("--network ba:200,2 --block 3", "AT:NODE,NODE would be right"),
        ("--network ba:200,2 --block 3:nobody", "has no node 'nobody'"),
        ("--network ba:200,2 --out counts.xlsx", ".csv or .parquet"),
        ("--network ba:200,2 --out nowhere/counts.csv", "make the folder it goes into first"),
        ("--network ba:200,2 --report nowhere/page.html", "make the folder it goes into first"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(tmp_path, monkeypatch, options, says):
    monkeypatch.chdir(tmp_path)
    done = run(f"counterpoint rumour simulate --runs 4 {options}")
    assert _refused(done), done
    assert says in done.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options", ["", "--network ba:9,2 --runs 0", "--network ba:9,2 --steps x", "--network ba:9,2 --seed -1"]
)
def test_wrong_usage_is_status_2(options):
    assert run(f"counterpoint rumour simulate {options}").status == 2


def test_a_file_is_read_and_what_was_left_out_is_counted(friends):
    done = run(f"counterpoint rumour simulate --network {friends} --model si --param spread=1 --runs 5 --sources p3")
    assert done.status == 0, done.err
    assert f"{friends}: 8 nodes, 8 edges; of 11 records left out: 1 header, 1 loop, 1 double" in done.out
    assert re.search(r"^I +1\.000 \[1\.000, 1\.000\] +4\.000 \[4\.000, 4\.000\]", done.out, re.MULTILINE)


def test_whether_edges_have_a_direction_can_be_said(friends):
    told = [
        json.loads(run(f"counterpoint rumour simulate --network {friends} --runs 2 {way} --json").out)["network"]
        for way in ("--directed", "--undirected")
    ]
    assert [(each["directed"], each["edges"]) for each in told] == [(True, 9), (False, 8)]


def test_the_same_seed_tells_the_same_story_and_another_another():
    first, again, other = (run(f"{SMALL} --seed {seed}").out for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_words_and_json_have_the_same_numbers():
    from counterpoint.stats.intervals import Estimate

    command = f"{SMALL} --plant 2:D:hubs:3"
    printed, told = run(command).out, json.loads(run(f"{command} --json").out)
    assert Estimate(**told["took_off"]).brief in printed
    assert f"in all runs: {Estimate(**told['averted'])}" in printed
    for row in told["stocks"]:
        [line] = re.findall(rf"^{row['state']} .*", printed, re.MULTILINE)
        assert Estimate(row["value"], row["low"], row["high"], row["n"]).brief in line
    assert {row["n"] for row in told["stocks"]} == {round(told["took_off"]["value"] * 80)}
    assert told["model"]["about"].startswith("Chen, Y. X. et al. (2021)")
    assert (told["seed"], told["runs"], told["network"]["nodes"]) == (0, 80, 200)


def test_a_parameter_an_event_and_a_contact_of_ones_own_are_used():
    made = json.loads(run(f"{SMALL} --event fur-collar --param t=.5 --contact active-pull --json").out)["model"]
    assert (made["contact"], made["classes"]) == ("active-pull", {"checker": 0.5})


def test_of_one_run_no_interval_is_told():
    done = run("counterpoint rumour simulate --network complete:30 --model si --runs 1")
    assert re.search(r"^I +1\.000 +\d", done.out, re.MULTILINE)
    assert (
        json.loads(run("counterpoint rumour simulate --network complete:30 --runs 1 --json").out)["stocks"][0]["low"]
        is None
    )


def test_a_rumour_that_never_takes_off_is_told_of_all_runs():
    told = json.loads(run(f"{SMALL} --param alpha1=0 --param alpha2=0 --json").out)
    assert told["took_off"]["value"] == 0
    assert told["means_over"] == "all runs"
    assert "all runs, none of which took off" in run(f"{SMALL} --param alpha1=0 --param alpha2=0").out


def test_where_nobody_believes_nothing_is_said_to_be_avoided():
    done = run(f"{SMALL} --param alpha1=0 --plant 2:D:source")
    assert done.status == 0
    assert "in all runs: cannot be told from these" in done.out
    assert json.loads(run(f"{SMALL} --param alpha1=0 --plant 2:D:source --json").out)["averted"] is None


def test_counts_nodes_and_trees_are_handed_out_whole(tmp_path):
    parts = " ".join(f"--{name} {tmp_path / name}.parquet" for name in ("out", "out-nodes", "out-tree"))
    assert run(f"{SMALL} --runs 6 {parts}").status == 0
    counts, nodes, tree = (pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("out", "out-nodes", "out-tree"))
    assert set(counts.group_by("run", "step").agg(pl.col("stock").sum())["stock"]) == {200}
    assert nodes.columns == tree.columns == ["run", "node", "parent", "step", "state"]
    last = counts.filter(pl.col("step") == counts["step"].max(), pl.col("state") != "S")
    changed = last.group_by("run").agg(pl.col("stock").sum()).sort("run")["stock"].to_list()
    assert tree.group_by("run").len().sort("run")["len"].to_list() == changed
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".parquet"] * 3


def test_a_page_and_figures_are_written(tmp_path):
    done = run(f"{SMALL} --plant 2:D:source --report {tmp_path / 'page.html'} --figures {tmp_path / 'figures'}")
    assert done.status == 0, done.err
    page = (tmp_path / "page.html").read_text()
    assert page.count("<svg ") == 4
    assert "What the answer changed" in page
    assert "://" not in page
    drawn = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert drawn == [
        "new-in-each-step.svg",
        "one-of-the-runs-at-several-times.svg",
        "who-is-in-which-state.svg",
        "who-is-reached-when-by-how-many-they-hear.svg",
    ]
    for path in (tmp_path / "figures").iterdir():
        assert path.read_text().startswith('<svg xmlns="http://www.w3.org/2000/svg" ')


@pytest.mark.parametrize("model", ["sir", "daley-kendall", "2si2r", "icsar", "sis"])
def test_every_kind_of_model_has_a_page(tmp_path, model):
    done = run(
        f"counterpoint rumour simulate --network ba:60,2 --model {model} --runs 5 --steps 40"
        f" --report {tmp_path / 'page.html'}"
    )
    assert done.status == 0, done.err
    assert (tmp_path / "page.html").read_text().count("<svg ") == 4


def test_models_are_listed_and_one_is_told_with_its_rules():
    listed = run("counterpoint rumour models").out
    assert {"sidr", "sir", "icsar"} <= {line.split()[0] for line in listed.splitlines()}
    told = run("counterpoint rumour models sidr").out
    assert "S meeting I becomes D with 0.3, if checker" in told
    [made] = json.loads(run("counterpoint rumour models sir --json").out)
    assert made["parameters"] == {"spread": 0.1, "recover": 0.2}
