"""What is said of a rumour is what its tables show, and what was run and done to it is all there."""

import re
from functools import partial

import numpy as np
import pytest
from tests.logs import refused

from counterpoint.networks import drawing
from counterpoint.networks.graph import Network
from counterpoint.networks.recipes import network
from counterpoint.report.finding import Figure, Table
from counterpoint.spread import close_up, findings
from counterpoint.spread.interventions import Block, Change, Plant, Prebunk
from counterpoint.spread.models.model import Contact, Joint, Spontaneous
from counterpoint.spread.models.presets import model
from counterpoint.spread.simulation import simulate
from counterpoint.stats.intervals import Estimate

NET = network("ba:200,2", rng=1)
INTERVENTIONS = (Plant(2, "D", "hubs", 5),)
RUN = partial(simulate, NET, model("sidr"), rng=3)


def tables(finding):
    return {each.title: each for each in finding.evidence if isinstance(each, Table)}


def row(table, first):
    [found] = [dict(zip(table.columns, each, strict=True)) for each in table.rows if each[0] == first]
    return found


def test_the_sentence_has_the_numbers_of_the_tables():
    found = RUN(runs=120)
    told = findings.spread_finding(found)
    shown = tables(told)
    took_off = row(shown["Runs that took off"], "120 runs")
    believers, untouched = (row(shown["Shares of the nodes"], state) for state in "IS")
    assert told.summary.startswith(f"{took_off['took off']} of 120 runs from 1 node took off")
    for cell in (took_off["share"], believers["peak"], believers["peak step"], untouched["end"]):
        assert cell.brief in told.summary
    assert len(re.findall(r"\[", told.summary)) == 4
    assert believers["peak"].count == took_off["took off"]


def test_the_tables_have_the_numbers_of_the_runs():
    found = RUN(runs=120)
    shown = tables(findings.spread_finding(found))
    peaks = found.stock("D")[found.took_off].max(1)
    cell = row(shown["Shares of the nodes"], "D")["peak"]
    assert cell.value == pytest.approx(peaks.mean())
    assert cell.low == pytest.approx(peaks.mean() - 1.96 * peaks.std() / len(peaks) ** 0.5, abs=0.2 * peaks.std())
    total = row(shown["New in a step, as shares of the nodes"], "D")["total"]
    assert total.value == pytest.approx(found.flow("D")[found.took_off].sum(1).mean())


def test_one_run_has_no_interval():
    told = findings.spread_finding(RUN(runs=1))
    assert "[" not in told.summary
    assert isinstance(row(tables(told)["Shares of the nodes"], "I")["peak"], float)


def test_where_none_takes_off_all_runs_are_told():
    told = findings.spread_finding(simulate(NET, model("sidr", alpha1=0, alpha2=0), runs=30))
    assert told.summary.startswith("0 of 30 runs")
    assert "Of all runs" in told.summary
    assert row(tables(told)["Shares of the nodes"], "S")["end"] == Estimate(0.995, 0.995, 0.995, 30)


def test_what_was_run_is_on_the_page():
    made = dict(tables(findings.spread_finding(RUN(runs=70), interventions=INTERVENTIONS))["How it was run"].rows)
    assert made["network"] == "200 nodes, 396 edges"
    assert made["done to it"] == "after step 2, D is put in at hubs, count 5"
    assert (made["seed"], made["shares of people"]) == ("3", "checker 0.2")
    assert made["simulator"] == RUN(runs=70).simulator
    assert findings.spread_finding(RUN(runs=70)).references == (model("sidr").about,)


def test_an_answer_is_told_beside_the_same_runs_without_it():
    without, answered = RUN(runs=100), RUN(runs=100, interventions=INTERVENTIONS)
    told = findings.intervention_finding(answered, without, INTERVENTIONS)
    shown = tables(told)["Over all runs"]
    averted = row(shown, "averted")["with"]
    assert averted == answered.averted(without)
    assert averted.brief in told.summary
    new = row(shown, "new in I, in all")
    assert averted.value == pytest.approx(1 - new["with"].value / new["without"].value)
    assert averted.low < averted.value < averted.high


def test_blocking_everybody_avoids_everything_and_nothing_done_avoids_nothing():
    without = RUN(runs=20, simulator="per-run")
    blocked = RUN(runs=20, simulator="per-run", interventions=[Block(0, NET.names.to_list())])
    assert blocked.averted(without) == Estimate(1.0, 1.0, 1.0, 20)
    assert without.averted(without) == Estimate(0.0, 0.0, 0.0, 20)


def test_runs_that_began_elsewhere_are_not_compared():
    with refused("the same seed, sources and number of runs"):
        RUN(runs=20).averted(simulate(NET, model("sidr"), runs=20, rng=4))


@pytest.mark.parametrize(("runs", "alpha1"), [(1, 0.4), (20, 0.0)])
def test_what_cannot_be_estimated_is_not_told(runs, alpha1):
    spread = partial(simulate, NET, model("sidr", alpha1=alpha1), runs=runs, rng=3)
    without, answered = spread(), spread(interventions=INTERVENTIONS)
    assert answered.averted(without) is None
    told = findings.intervention_finding(answered, without, INTERVENTIONS)
    assert "cannot be told" in told.summary
    assert row(tables(told)["Over all runs"], "averted")["with"] is None


def test_who_changed_in_all_runs_is_who_changed_in_each():
    found = RUN(runs=5, keep="tree")
    every = found.changes()
    for number in range(5):
        own = every.filter(every["run"] == number).drop("run")
        assert found.tree(number).equals(own.drop("state").sort("step", maintain_order=True))
        states = np.array(found.model.states)[found.last[number]]
        assert own["state"].to_list() == states[own["node"].to_numpy()].tolist()
    assert "parent" not in RUN(runs=5, keep="nodes").changes().columns
    with refused('keep="nodes"'):
        RUN(runs=5).changes()


def test_who_is_reached_is_counted_by_class_and_step():
    found = RUN(runs=30, keep="nodes")
    classes, names = findings.degree_classes(NET)
    reached = found.reach(classes)
    steps = np.arange(reached.shape[1])[:, None, None]
    there = (found.first[found.took_off] >= 0) & (found.first[found.took_off] <= steps)
    for number, name in enumerate(names):
        assert reached[number] == pytest.approx(there[:, :, classes == number].mean((1, 2)))
        heard = sorted({int(degree) for degree in NET.degrees[classes == number]})
        assert name in (f"hears {heard[0]}", f"hears {heard[0]} to {heard[-1]}")
    with refused('keep="nodes"'):
        RUN(runs=2).reach(classes)


def test_a_film_shows_one_run_and_ends_as_it_ended():
    found = RUN(runs=40, interventions=INTERVENTIONS)
    close = close_up.follow_nodes(partial(RUN, interventions=INTERVENTIONS), found)
    assert close.outbreaks.took_off[close.run]
    counted = close.outbreaks.stocks[close.run]
    for step, states in close.frames:
        assert np.bincount(states, minlength=4).tolist() == counted[step].tolist()
    assert close.frames[-1][0] == close.outbreaks.ended[close.run]


def test_of_a_large_network_a_sample_around_the_source_is_shown():
    large = network("ba:3000,2", rng=1)
    run = partial(simulate, large, model("sidr"), rng=3)
    found = run(runs=3)
    close = close_up.follow_nodes(run, found)
    kept = drawing._sample_around(large, close.outbreaks.sources[close.run])
    assert len(kept) == len(set(kept.tolist())) == drawing.SAMPLE_NODES
    assert set(close.outbreaks.sources[close.run].tolist()) <= set(kept.tolist())
    captions = [each.caption for each in findings.spread_finding(found, close).evidence if isinstance(each, Figure)]
    assert any("500 nodes around the source" in caption for caption in captions)


def test_of_many_states_those_that_matter_are_drawn_and_the_others_named():
    found = simulate(NET, model("icsar"), runs=30, rng=1)
    told = findings.spread_finding(found, close_up.follow_nodes(partial(simulate, NET, model("icsar"), rng=1), found))
    figure = next(each for each in told.evidence if isinstance(each, Figure))
    assert "Not shown: T" in figure.caption


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (Contact("S", "I", {"I": 0.4, "R": 0.6}), "S meeting I becomes I with 0.4 or R with 0.6"),
        (Contact("I", "R", {"R": 1.0}, side="caller"), "I calling R becomes R with 1"),
        (Contact("I", "C", {"R": 0.8}, side="called"), "I called by C becomes R with 0.8"),
        (Spontaneous("I", {"R": 0.2}), "I alone becomes R with 0.2"),
        (Joint("I", "I", {("R", "R"): 1.0}), "I calling I: they become R and R with 1"),
    ],
)
def test_rules_are_said_in_words(rule, says):
    assert findings.rule_text(rule) == says


@pytest.mark.parametrize(
    ("intervention", "says"),
    [
        (Plant(1, "D", ["ann", "bob"]), "after step 1, D is put in at ann, bob"),
        (Prebunk(0, "checker", nodes=list("abcdefg")), "after step 0, made checker: a, b, c, d, e and 2 more"),
        (Block(4, ["ann"], [("bob", "cem")]), "from step 4 on, blocked: ann and 1 edge"),
        (Change(4, model("sidr")), "from step 4 on, the model sidr with other chances"),
    ],
)
def test_deeds_are_said_in_words(intervention, says):
    assert findings.intervention_text(intervention) == says


def test_who_nobody_hears_is_a_class_of_their_own():
    classes, names = findings.degree_classes(Network.of([0], [1], nodes=9))
    assert names == ("hears 0", "hears 1")
    assert classes.tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0]
