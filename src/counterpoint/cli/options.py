"""A command's options are one frozen value, its request; groups that commands share are defined here, once.

A command is a function of one request. `command` gives Typer a parameter for each field and hands the function the
request. A field that is itself a request (a group) stands for the fields of that group:

>>> @dataclass(frozen=True, kw_only=True)
... class GreetRequest:
...     name: Annotated[str, typer.Argument(help="Whom.")]
...     output: OutputOptions = OutputOptions()
>>> [parameter.name for parameter in parameters_of(GreetRequest)]
['name', 'as_json']
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_type_hints

import typer

from counterpoint.errors import CounterpointError, suggestion

if TYPE_CHECKING:
    from counterpoint.events.cleaning_rules import RuleSet
    from counterpoint.networks.readers import ReadNetwork
    from counterpoint.snapshots.snapshot import Snapshot
    from counterpoint.spread.models.model import Model

RECIPES = "ba:10000,3 ws:10000,10,.1 er:10000,8 powerlaw:10000,2.5 cluster:10000,3,.3 complete:100 star:200 ring:200"

# The choices that --help lists. They are written here because the modules that hold them are slow to import; a test
# compares the two.
EngineName = Literal["duckdb", "spark"]

FindSnapshot = Callable[..., "Snapshot"]
Given = frozenset[str]
"""The parameters that were set on the command line, whatever their value."""

Workspace = Annotated[Path, typer.Argument(help="The workspace.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="The same seed, the same result.")]
Engine = Annotated[EngineName, typer.Option("--engine", help="What runs the queries; spark is an extra.")]
Bots = Annotated[float, typer.Option("--bots", help="The percentile of plays from which on a listener is a bot.")]
Resamples = Annotated[
    int, typer.Option("--resamples", min=100, max=100_000, help="Bootstrap resamples behind an interval.")
]
KnownFor = Annotated[
    str, typer.Option("--known-for", help="How much is known up to that day: 30 (days) or 6mo (months).")
]
OutcomeFor = Annotated[str, typer.Option("--outcome-for", help="How much silence after it counts as leaving.")]


def command(app: typer.Typer) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Add a function of one request to an app, with an option for each field of the request."""

    def add(function: Callable[[Any], None]) -> Callable[[Any], None]:
        request = _request_of(function)
        parameters = list(parameters_of(request))
        context = Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context)

        def run(context: typer.Context, **values: Any) -> None:
            function(build(request, values, _given(context, values)))

        run.__name__, run.__doc__ = function.__name__, function.__doc__
        # Typer reads these two
        run.__signature__ = Signature([context, *parameters])  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in (context, *parameters)}
        app.command()(run)
        return function

    return add


def parameters_of(request: type, defaults: Any = None) -> Iterator[Parameter]:
    """Yield the parameters that a request's fields stand for; a group's default value gives its fields' defaults."""
    for name, hint, default in _fields(request, defaults):
        if is_dataclass(hint):
            yield from parameters_of(cast("type", hint), default)
        elif hint != Given:
            empty = Parameter.empty if default is MISSING else default
            yield Parameter(name, Parameter.KEYWORD_ONLY, annotation=hint, default=empty)


def build(request: type, values: Mapping[str, Any], given: Given = frozenset()) -> Any:
    """Return a request, and the groups in it, made of values by their parameters' names."""
    made: dict[str, Any] = {}
    for name, hint, _ in _fields(request):
        if is_dataclass(hint):
            made[name] = build(cast("type", hint), values, given)
        else:
            made[name] = given if hint == Given else values[name]
    return request(**made)


def refuse_given(given: Given, names: Iterable[str], why: str) -> None:
    """Refuse the first of some options that was set on the command line."""
    for name in names:
        if name in given:
            raise CounterpointError(f"--{name.replace('_', '-')} {why}")


def _request_of(function: Callable[[Any], None]) -> type:
    hints = get_type_hints(function)
    [request] = [hint for name, hint in hints.items() if name != "return"]
    names = [parameter.name for parameter in parameters_of(request)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TypeError(f"{request.__name__} has {', '.join(twice)} more than once")
    return cast("type", request)


def _fields(request: type, defaults: Any = None) -> Iterator[tuple[str, Any, Any]]:
    hints = get_type_hints(request, include_extras=True)
    for field in fields(request):
        default = field.default if defaults is None or defaults is MISSING else getattr(defaults, field.name)
        yield field.name, hints[field.name], default


def _given(context: typer.Context, names: Iterable[str]) -> Given:
    sources = {name: context.get_parameter_source(name) for name in names}
    return frozenset(name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE")


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """How a result is printed."""

    as_json: Annotated[bool, typer.Option("--json", help="Print the result for machines.")] = False


@dataclass(frozen=True, kw_only=True)
class SnapshotOptions:
    """The day that cuts time in two, and how much counts on either side."""

    at: Annotated[
        str | None, typer.Option("--at", help="The snapshot's day; by default the last whose outcome is known.")
    ] = None
    known_for: KnownFor = "30"
    outcome_for: OutcomeFor = "14"

    def snapshot(self, workspace: Path, at: str | None = None, otherwise: "FindSnapshot | None" = None) -> "Snapshot":
        """Return the snapshot of a day, or the one found otherwise: the last whose outcome the logs have."""
        from counterpoint.snapshots.rolling_snapshots import last_snapshot
        from counterpoint.snapshots.snapshot import Snapshot

        day = at or self.at
        if day is not None:
            return Snapshot.of(day, known_for=self.known_for, outcome_for=self.outcome_for)
        return (otherwise or last_snapshot)(workspace, known_for=self.known_for, outcome_for=self.outcome_for)


@dataclass(frozen=True, kw_only=True)
class CleaningOptions:
    """What is cleaned away before anything is counted, and what counts."""

    bots: Bots = 99.9
    engine: Engine = "duckdb"

    def rules(self, *, as_published: bool = False) -> "RuleSet":
        """Return the cleaning rules asked for."""
        from counterpoint.events.cleaning_rules import DEFAULT_RULES, PUBLISHED_RULES

        return (PUBLISHED_RULES if as_published else DEFAULT_RULES).with_bots(self.bots)


SpreadModel = Literal[
    "sidr",
    "sidr-both",
    "sidr-remove",
    "sidr-theta",
    "sidr-active-pull",
    "sidr-pull",
    "sidr-pairwise",
    "sidr-asynchronous",
    "si",
    "sis",
    "sir",
    "sirs",
    "seir",
    "cascade",
    "daley-kendall",
    "maki-thompson",
    "sihr",
    "sicr",
    "siraru",
    "2si2r",
    "icsar",
]


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """The network that a rumour spreads over."""

    network: Annotated[str, typer.Option("--network", help=f"A file of a network, or a recipe: {RECIPES}.")]
    directed: Annotated[
        bool | None,
        typer.Option("--directed/--undirected", help="What a file's edges are; by default as the file says, or not."),
    ] = None

    def read(self, seed: int) -> "ReadNetwork":
        """Return the network that a file holds or a recipe makes, and what was left out."""
        from counterpoint.networks.formats.edge_table import ReadReport
        from counterpoint.networks.readers import ReadNetwork, read_with_report
        from counterpoint.networks.recipes import network

        if Path(self.network).is_file():
            return read_with_report(self.network, directed=self.directed)
        made = network(self.network, rng=seed)
        if self.directed is not None:
            raise CounterpointError(f"{self.network} is a recipe: whether edges have a direction is said of files")
        return ReadNetwork(made, ReadReport(made.edges, made.edges, made.dropped.loops, made.dropped.doubles))


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """How a rumour spreads."""

    model: Annotated[SpreadModel, typer.Option("--model", help="How it spreads: see `counterpoint rumour models`.")] = (
        "sidr"
    )
    event: Annotated[
        Literal["jiangsu", "fur-collar"] | None, typer.Option("--event", help="Parameters of SIDR by the event.")
    ] = None
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            "--param", metavar="NAME=VALUE", help="A parameter of the model, as alpha1=.3; as often as you like."
        ),
    ] = None
    contact: Annotated[
        Literal["broadcast", "active-pull", "pull", "pairwise", "asynchronous"] | None,
        typer.Option("--contact", help="How people meet; by default the model's way."),
    ] = None

    def build(self) -> "Model":
        """Return the model that these options ask for."""
        from counterpoint.spread.models.presets import MODELS
        from counterpoint.spread.models.presets import model as preset

        values: dict[str, float | str] = {} if self.event is None else {"event": self.event}
        for text in self.parameters or ():
            name, equals, value = text.partition("=")
            if not equals:
                raise CounterpointError(f"--param {text}: a parameter and a number, as alpha1=.3, would be right")
            if name not in MODELS[self.model].parameters:
                known = suggestion(name, MODELS[self.model].parameters)
                raise CounterpointError(f"{self.model} has no parameter {name!r}; {known}")
            values[name] = number(f"--param {text}", value)
        model = preset(self.model, **values)
        return model if self.contact is None else model.with_contact(self.contact)


def whole_number(where: str, text: str) -> int:
    """Return a whole number that is not negative; a refusal says `where` it stands."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise CounterpointError(f"{where}: {text!r} is no step or count; a whole number would be right")
    return int(text)


def number(where: str, text: str) -> float:
    """Return a number; a refusal says `where` it stands."""
    try:
        return float(text)
    except ValueError as error:
        raise CounterpointError(f"{where}: {text!r} is no number") from error
