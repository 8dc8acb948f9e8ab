"""Findings on one plain page: no script, no outside address, readable on paper, in the dark and by a screen reader."""

from collections.abc import Mapping, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from counterpoint.report.finding import Figure, Finding, Table, format_cell


def render(title: str, findings: Sequence[Finding], metadata: Mapping[str, str]) -> str:
    """Return one HTML file, whole in itself: contents, findings with their evidence, references, how it was made.

    `metadata` names what another person needs to get the same page: versions, seed, inputs. Every text is escaped.
    A reference given by several findings is listed once.

    >>> page = render("Who leaves?", [Finding("In short", "Four in ten left.")], {"seed": "7"})
    >>> "Four in ten left." in page, "<script" in page, "://" in page
    (True, False, False)
    """
    environment = Environment(
        loader=PackageLoader("counterpoint", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"cell": format_cell}
    environment.tests |= {"figure": lambda evidence: isinstance(evidence, Figure)}
    references = tuple(dict.fromkeys(reference for finding in findings for reference in finding.references))
    return environment.get_template("page.html.jinja").render(
        title=title, findings=findings, metadata=metadata, references=references, numeric=numeric
    )


def numeric(table: Table) -> tuple[bool, ...]:
    """Return for each column whether it holds numbers only, and so lines up at the right.

    >>> numeric(Table("Songs", ("song", "plays"), (("Dawn", 1200), ("Dusk", None))))
    (False, True)
    """
    return tuple(all(not isinstance(row[place], str) for row in table.rows) for place in range(len(table.columns)))
