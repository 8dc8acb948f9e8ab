"""A request's fields are a command's options, groups are flattened, and the choices are those of the library."""

import inspect
from dataclasses import dataclass, fields
from typing import Annotated, get_args, get_type_hints

import pytest
import typer
from tests.commands import run
from typer.testing import CliRunner

from counterpoint.cli import churn, options, recommend, rumour, trace
from counterpoint.cli.options import Given, OutputOptions, SnapshotOptions, build, command, parameters_of, refuse_given
from counterpoint.errors import CounterpointError


@dataclass(frozen=True, kw_only=True)
class Request:
    name: Annotated[str, typer.Argument()]
    snapshot: SnapshotOptions = SnapshotOptions(outcome_for="7")  # noqa: RUF009
    output: OutputOptions = OutputOptions()  # noqa: RUF009
    given: Given = frozenset()


def test_a_group_stands_for_its_fields_with_the_defaults_of_the_request():
    defaults = {each.name: each.default for each in parameters_of(Request)}
    assert defaults == {
        "name": inspect.Parameter.empty,
        "at": None,
        "known_for": "30",
        "outcome_for": "7",
        "as_json": False,
    }


def test_values_make_the_request_that_they_were_flattened_from():
    values = {"name": "x", "at": None, "known_for": "30", "outcome_for": "7", "as_json": False}
    assert build(Request, values) == Request(name="x")


def test_what_was_set_is_told_apart_from_a_default_of_the_same_value():
    requests = []
    app = typer.Typer()

    @command(app)
    def keep(request: Request) -> None:
        """Keep it."""
        requests.append(request)

    for arguments in (["x"], ["x", "--outcome-for", "7", "--json"]):
        assert CliRunner().invoke(app, arguments).exit_code == 0
    assert [request.given for request in requests] == [{"name"}, {"name", "outcome_for", "as_json"}]
    assert requests[0].snapshot == requests[1].snapshot
    refuse_given(requests[0].given, ["outcome_for"], "is not for this")
    with pytest.raises(CounterpointError, match="--outcome-for is not for this"):
        refuse_given(requests[1].given, ["outcome_for"], "is not for this")


def test_an_option_that_two_groups_have_is_refused():
    @dataclass(frozen=True, kw_only=True)
    class Twice:
        one: OutputOptions
        other: OutputOptions

    with pytest.raises(TypeError, match="as_json more than once"):

        @command(typer.Typer())
        def twice(request: Twice) -> None:
            """Never run."""


def _choices(request, field):
    hint = get_type_hints(request)[field]
    return [name for part in (hint, *get_args(hint)) for name in get_args(part) if isinstance(name, str)]


def _contact_schemes():
    from counterpoint.spread.models.model import ContactScheme

    return get_args(ContactScheme)


def test_the_choices_are_those_of_the_library():
    from counterpoint.churn.models.registry import MODELS as CHURN
    from counterpoint.churn.offer_assignment import PLATFORMS
    from counterpoint.recommend.models.registry import RECOMMENDERS
    from counterpoint.spread.engines.selection import SIMULATORS
    from counterpoint.spread.models.presets import MODELS
    from counterpoint.storage.engines import ENGINES
    from counterpoint.trace.detectors import METHODS

    assert list(get_args(options.EngineName)) == list(ENGINES)
    assert sorted(get_args(churn.ModelName)) == sorted(CHURN)
    assert sorted(get_args(recommend.ModelName)) == sorted(["blend", *RECOMMENDERS])
    assert list(get_args(options.SpreadModel)) == list(MODELS)
    assert list(get_args(trace.MethodName)) == list(METHODS)
    assert _choices(churn.PlanOptions, "platform") == list(PLATFORMS)
    assert _choices(options.ModelOptions, "contact") == list(_contact_schemes())
    assert _choices(rumour.SimulateRequest, "simulator") == list(SIMULATORS)


def test_defaults_are_the_same_in_python():
    from counterpoint.churn.offer_assignment import OfferPlan
    from counterpoint.trace.detectors import DEFAULT_SECONDS

    assert churn.PlanOptions().plan() == OfferPlan()
    assert {field.name for field in fields(churn.PlanOptions)} == {field.name for field in fields(OfferPlan)}
    assert trace.LearningOptions().seconds == DEFAULT_SECONDS


@pytest.mark.parametrize(
    ("options", "listed"),
    [
        ("churn train work --model blent", "'blend', 'lightgbm'"),
        ("churn offers work --platform free", "'freemium', 'paid'"),
        ("churn cohorts work --by year", "'week', 'month'"),
        ("churn songs work --of album", "'song', 'singer'"),
        ("recommend songs work --engine spork", "'duckdb', 'spark'"),
        ("rumour simulate --network ba:9,2 --model sidrr", "'sidr',"),
        ("rumour simulate --network ba:9,2 --event jiangs", "'jiangsu', 'fur-collar'"),
        ("rumour simulate --network ba:9,2 --contact broadcst", "'broadcast', 'active-pull'"),
        ("rumour simulate --network ba:9,2 --simulator gpu", "'bit-parallel', 'per-run'"),
        ("rumour models sidrr", "'sidr',"),
        ("rumour trace --network ba:9,2 --snapshot seen.csv --time 3 --method jordn", "'jordan',"),
    ],
)
def test_a_value_that_is_no_choice_is_wrong_usage_and_the_choices_are_listed(options, listed):
    done = run(f"counterpoint {options}")
    assert done.status == 2
    assert listed in done.err
