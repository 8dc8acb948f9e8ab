"""What is said of suspects is what their table shows, and that it is no proof."""

from functools import partial

from counterpoint.networks.recipes import network
from counterpoint.report.finding import Figure, Table
from counterpoint.spread.models.presets import model
from counterpoint.spread.simulation import simulate
from counterpoint.trace import findings
from counterpoint.trace.localization import locate
from counterpoint.trace.observation import Observation

NET = network("ba:200,2", rng=1)
RUN = partial(simulate, NET, model("sidr"), rng=3)


def tables(finding):
    return {each.title: each for each in finding.evidence if isinstance(each, Table)}


def traced(method, **how):
    return locate(Observation.of_run(RUN(runs=1, steps=3, keep="nodes"), **how), model("sidr"), kind=method)


def test_the_finding_shows_probabilities_and_says_it_is_no_proof():
    found = traced("mean-field")
    told = findings.suspects_finding(found)
    first = tables(told)["The first suspects"]
    assert first.columns == ("rank", "node", "seen", "probability", "together")
    assert [row[1] for row in first.rows] == [str(name) for name in found.names[: len(first.rows)]]
    assert f"{found.names[0]} comes first, with a probability of {found.probability[0]:.2f}" in told.summary
    assert f"90 % of the probability lies on {len(found.credible())} node" in told.summary
    assert "No proof" in told.summary
    assert (
        found.probability[: len(found.credible())].sum() >= 0.9 > found.probability[: len(found.credible()) - 1].sum()
    )
    assert model("sidr").about in told.references
    assert [each.title for each in told.evidence if isinstance(each, Figure)] == ["What is seen", "The suspects"]


def test_the_finding_of_a_ranking_shows_no_probability():
    told = findings.suspects_finding(traced("jordan", indistinguishable=("R",), share=0.7))
    assert "probability of" not in told.summary
    assert "how likely each is, is not known" in told.summary
    assert tables(told)["The first suspects"].columns == ("rank", "node", "seen")
    made = dict(tables(told)["How it was traced"].rows)
    assert (made["not told from S"], made["time since it began"], made["method"]) == ("R", "3 steps", "jordan")
    drawn = [each.svg for each in told.evidence if isinstance(each, Figure)]
    assert "S or not seen" in drawn[0]
    assert "the next of the first ten" in drawn[1]
