"""The command line refuses with one line, speaks JSON, and costs little to start."""

import json
import shutil
import subprocess
import sys

import polars as pl
import pytest
from tests.commands import run

HEAVY = ("duckdb", "polars", "numpy", "sklearn", "lightgbm", "matplotlib", "pyarrow", "rich", "jinja2")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A small invented platform, ingested."""
    home = tmp_path_factory.mktemp("platform")
    assert run(f"counterpoint events generate --to {home / 'logs'} --listeners 1200 --days 60 --seed 3").status == 0
    assert run(f"counterpoint events ingest {home / 'logs'} --to {home / 'work'}").status == 0
    return home / "work"


@pytest.fixture(scope="module")
def scored(workspace):
    """The same platform, with a model, a ranked list and an experiment."""
    copy = shutil.copytree(workspace, workspace.parent / "scored")
    assert run(f"counterpoint churn train {copy} --model logistic").status == 0
    assert run(f"counterpoint churn score {copy}").status == 0
    return copy


def _refused(done):
    return done.status == 1 and not done.out and done.err.startswith("counterpoint: ") and done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("events ingest nowhere --to {work}", "no such file"),
        ("events ingest {work}/workspace.json --to {work}", "knows no such file"),
        ("events ingest {work}/workspace.json --to {work} --format music-bx", "did you mean 'music-box'"),
        ("events show {work}/nothing", "no workspace"),
        ("events generate --to {work} --listeners 10", "empty"),
        ("churn train {work} --at 2017-13-01", "is no day"),
        ("churn train {work} --at 2017-05-27", "the log has 2017-03-30 to 2017-05-28"),
        ("churn train {work} --known-for 3weeks", "no length of time"),
        ("churn evaluate {work} --train-at 2017-05-10", "after the test day"),
        ("churn score {work}/../empty", "no workspace"),
        ("report {work} --to {work}/nowhere/report.html", "nowhere"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(workspace, command, said):
    done = run("counterpoint " + command.format(work=workspace))
    assert _refused(done), done
    assert said in done.err


def test_scoring_before_training_says_what_to_do_first(workspace, tmp_path):
    shutil.copytree(workspace, tmp_path / "work")
    done = run(f"counterpoint churn score {tmp_path / 'work'}")
    assert _refused(done)
    assert "counterpoint churn train" in done.err


@pytest.mark.parametrize("command", ["", "events", "churn", "nonsense", "events ingest", "churn train --nonsense x"])
def test_wrong_usage_is_status_2(command):
    assert run(f"counterpoint {command}").status == 2


def test_every_result_can_be_had_as_json(scored):
    shown = json.loads(run(f"counterpoint events show {scored} --json").out)
    for file in shown["files"]:
        assert file["accepted"] + file["repaired"] + file["rejected"] == file["lines"]
        assert {"file", "kind", "day", "lines", "records", "accepted", "repaired", "rejected"} <= set(file)
    assert sum(day["count"] for day in shown["events"]) == sum(file["records"] for file in shown["files"])
    trained = json.loads(run(f"counterpoint churn train {scored} --model logistic --json").out)
    assert trained["kind"] == "logistic"
    judged = json.loads(run(f"counterpoint churn evaluate {scored} --models logistic --resamples 100 --json").out)
    assert [split["name"] for split in judged["splits"]] == ["random split (out of fold)", "time split"]
    ranked = json.loads(run(f"counterpoint churn score {scored} --top 3 --json").out)
    assert [row["rank"] for row in ranked["top"]] == [1, 2, 3]
    again = json.loads(run(f"counterpoint events ingest {scored.parent / 'logs'} --to {scored} --json").out)
    assert {file["status"] for file in again} == {"unchanged"}


def test_the_whole_ranked_list_is_written_whole(scored, tmp_path):
    assert run(f"counterpoint churn score {scored} --out {tmp_path / 'ranked.csv'}").status == 0
    assert run(f"counterpoint churn offers {scored} --out {tmp_path / 'offers.parquet'}").status == 0
    ranked, offers = pl.read_csv(tmp_path / "ranked.csv"), pl.read_parquet(tmp_path / "offers.parquet")
    first, last = ["rank", "uid", "pseudonym", "probability"], ["days_since_seen", "events"]
    assert set(ranked.columns) == {*first, "reasons", *last}
    assert offers.columns == [*first, "alert", "reasons", "offer", "group", *last]
    assert ranked["uid"].to_list() == offers["uid"].to_list()
    assert ranked["uid"].n_unique() == ranked.height
    refused = run(f"counterpoint churn offers {scored} --out {tmp_path / 'ranked.xlsx'}")
    assert _refused(refused)
    assert ".csv or .parquet" in refused.err


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("7\tar\n8\tar\n", "none of its 2 lines is a record"),
        ("x\tar\t1\t0\tSong\tSinger\t3\t9\t0\n", "none of its 1 records has a uid"),
    ],
)
def test_a_log_that_is_no_use_is_taken_with_a_warning(tmp_path, lines, said):
    (tmp_path / "20170330_1_play.log").write_text(lines)
    done = run(f"counterpoint events ingest {tmp_path / '20170330_1_play.log'} --to {tmp_path / 'work'}")
    assert done.status == 0
    assert done.err == f"counterpoint: warning: 20170330_1_play.log: {said}; is 'music-box' its format?\n"


@pytest.mark.parametrize("seed", ["-1", "4294967296", "x"])
def test_a_seed_that_is_none_is_wrong_usage(workspace, seed):
    assert run(f"counterpoint churn train {workspace} --seed {seed}").status == 2


def test_a_damaged_model_is_refused_by_name(scored, tmp_path):
    copy = shutil.copytree(scored, tmp_path / "work")
    [part] = (copy / "data").glob("model-*/result.json")
    part.write_bytes(part.read_bytes().replace(b"1", b"2", 1))
    done = run(f"counterpoint churn score {copy}")
    assert _refused(done)
    assert "result.json is damaged" in done.err


def test_a_report_may_add_how_a_rumour_would_spread_among_the_friends(workspace, tmp_path):
    friends = workspace.parent / "logs" / "network" / "friends.csv"
    plain = run(f"counterpoint report {workspace} --to {tmp_path / 'plain.html'}").out
    more = run(f"counterpoint report {workspace} --network {friends} --to {tmp_path / 'more.html'}").out
    findings = [int(out.split(": ")[1].split()[0]) for out in (plain, more)]
    assert findings[1] == findings[0] + 1
    page = (tmp_path / "more.html").read_text()
    assert "How the rumour spread" in page
    assert "over friends.csv, seed 0" in page
    assert "How the rumour spread" not in (tmp_path / "plain.html").read_text()
    refused = run(f"counterpoint report {workspace} --network nowhere.csv --to {tmp_path / 'none.html'}")
    assert _refused(refused)
    assert not (tmp_path / "none.html").exists()


def test_the_features_are_handed_out_with_the_label(workspace, tmp_path):
    done = run(f"counterpoint churn features {workspace} --out {tmp_path / 'features.parquet'}")
    assert done.status == 0
    table = pl.read_parquet(tmp_path / "features.parquet")
    assert {"uid", "churned", "last_P_time", "freq_P_last_30"} <= set(table.columns)
    assert set(table["churned"]) == {0, 1}
    assert f"{table.height:,} listeners" in done.out


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = f"import sys, counterpoint, counterpoint.cli; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_installed_command_says_its_version():
    import counterpoint

    assert run("counterpoint --version").out.strip() == counterpoint.__version__


def test_an_experiment_is_drawn_and_its_outcome_is_told(scored, tmp_path):
    listed = tmp_path / "offers.csv"
    assert "are held out" in run(f"counterpoint churn offers {scored} --out {listed} --holdout 0.5").out
    ranked = pl.read_csv(listed)
    assert set(ranked["group"].unique()) == {"", "offer", "hold-out"}
    told = ranked.filter(pl.col("group") != "").select("uid", left=(pl.col("group") == "hold-out").cast(int))
    told.write_csv(tmp_path / "outcome.csv")
    done = run(f"counterpoint churn offers {scored} --outcome {tmp_path / 'outcome.csv'}")
    assert done.status == 0
    assert "offers kept 1" in done.out
    assert "offers pay for themselves" in done.out


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("uid,gone\n1,0\n", "the outcome has no column 'left'"),
        ("uid,left\n1,maybe\n", "must hold 1 (left) or 0 (stayed)"),
        ("", "is no csv table"),
    ],
)
def test_an_outcome_that_says_nothing_is_refused_in_one_line(scored, tmp_path, table, says):
    run(f"counterpoint churn offers {scored} --holdout 0.5")
    (tmp_path / "outcome.csv").write_text(table)
    refused = run(f"counterpoint churn offers {scored} --outcome {tmp_path / 'outcome.csv'}")
    assert _refused(refused)
    assert says in refused.err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("offers {} --holdout 1", "a hold-out is a share of those offered in [0, 1); got 1"),
        ("offers {} --value-kept 0", "value_kept is 0"),
        ("offers {} --paying missing.csv", "cannot read missing.csv"),
        ("likes {}", "the logs have 0 days with a like"),
        ("evaluate {} --models logistic,forest", "no model 'forest'"),
    ],
)
def test_what_cannot_be_found_is_refused_in_one_line(scored, options, says):
    refused = run(f"counterpoint churn {options.format(scored)}")
    assert _refused(refused)
    assert says in refused.err
