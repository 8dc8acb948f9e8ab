"""A format is data, and checked: whatever is wrong with it is one line that says what would be right."""

import pytest
from tests.logs import own_format, refused

from counterpoint.events.formats import load_format, shipped
from counterpoint.events.schema import EVENT_KIND_NAMES
from counterpoint.events.value_parsing import day_in_name

HEAD = '[[file]]\nmatch = "*.csv"\nlayout = "delimited"\nfields = ["who", "when", "what"]\n'
EVENT = """[file.event]
uid = { field = "who" }
kind = { always = "P" }
time_ms = { field = "when", layout = "any" }
"""


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_format_reads_its_files_into_kinds_that_exist(name):
    how = load_format(name)
    assert how.name == name
    for kind in how.files:
        source = kind.event["kind"]
        assert {code for _, code in source.values} | ({source.always} if source.always else set()) <= set(
            EVENT_KIND_NAMES
        )
        assert {"uid", "kind"} <= set(kind.event)


@pytest.mark.parametrize(
    ("name", "file", "kind"),
    [
        ("music-box", "20170330_1_play.log", "P"),
        ("music-box", "20170330_1_down.log", "D"),
        ("music-box", "20170330_1_search.log", "S"),
        ("cdnow", "CDNOW_master.txt", "D"),
        ("hetrec-tags", "user_taggedartists.dat", "D"),
        ("plain", "anything.csv", "P"),
    ],
)
def test_a_files_name_says_which_part_of_a_format_it_has(name, file, kind):
    assert load_format(name).of(file).event["kind"].always == kind


def test_a_file_that_a_format_does_not_know_is_refused_with_those_it_does():
    with refused(r"^README\.md: format 'music-box' knows no such file; it reads \*_play\.log, \*_down\.log, \*_search"):
        load_format("music-box").of("README.md")


def test_a_format_of_ones_own_is_known_by_its_bytes(tmp_path):
    one = own_format(tmp_path, 'name = "mine"\n' + HEAD + EVENT)
    other = own_format(tmp_path, 'name = "mine" # still\n' + HEAD + EVENT)
    assert (one.name, one.files) == (other.name, other.files)
    assert one.digest != other.digest
    assert one.id_types == ("text", "integer")


def test_only_uid_kind_and_a_day_or_a_time_are_required(tmp_path):
    [kind] = own_format(tmp_path, HEAD + EVENT).files
    assert kind.needed == ("who", "when")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("music-bx", r"^format 'music-bx': did you mean 'music-box'\? or a path to a \.toml file$"),
        ("", r"^format '': known: cdnow, eventsim, hetrec-tags, music-box, plain or a path to a \.toml file$"),
        ("nowhere/own.toml", r"^format 'nowhere/own\.toml': no such file$"),
    ],
)
def test_a_format_that_is_not_there_is_refused_with_the_nearest(name, hint):
    with refused(hint):
        load_format(name)


def test_bytes_that_are_no_toml_are_refused(tmp_path):
    path = tmp_path / "own.toml"
    for content in (b"[[file", b"\xff"):
        path.write_bytes(content)
        with refused(r"own\.toml: not a TOML text: "):
            load_format(str(path))


def with_event(*lines):
    return HEAD + "[file.event]\n" + "\n".join(lines)


UID, KIND, TIME = EVENT.splitlines()[1:]

WRONG = {
    "no file": ('name = "mine"', r"no \[\[file\]\]: a format says which files it reads"),
    "an unknown key": ("title = 1\n" + HEAD + EVENT, r"a format has no setting 'title'; "),
    "an unknown key of a file": (
        HEAD + 'delimeter = ";"\n' + EVENT,
        r"\[\[file\]\] has no setting 'delimeter'; did you mean 'delimiter'\?",
    ),
    "an unknown column": (
        HEAD + EVENT + 'song = { field = "what" }',
        r"no event column 'song'; did you mean 'song_id'\?|no event column 'song'; ",
    ),
    "a column that is ours": (HEAD + EVENT + 'bucket = { field = "what" }', r"no event column 'bucket'; known: uid, "),
    "an unknown key of a column": (
        HEAD + EVENT + 'song_id = { feild = "what" }',
        r"song_id has no setting 'feild'; did you mean 'field'\?",
    ),
    "a column that is no table": (HEAD + EVENT + 'song_id = "what"', r"song_id: a table such as \{ field = \"uid\" \}"),
    "a number in place of a text": (
        HEAD + EVENT + "song_id = { field = 3 }",
        "song_id: field is a text in quotes; got 3",
    ),
    "an empty column": (HEAD + EVENT + "song_id = {}", "song_id: say its field, a constant .always., or a pattern"),
    "a layout": (HEAD.replace("delimited", "csv") + EVENT, "layout 'csv': known: delimited, fixed, json, parquet"),
    "no layout": ('[[file]]\nmatch = "*"\n' + EVENT, "layout '': known: delimited, fixed, json, parquet"),
    "no uid": (with_event(KIND, TIME), r"\[file\.event\] of '\*\.csv' does not say what 'uid' is"),
    "no kind": (with_event(UID, TIME), r"\[file\.event\] of '\*\.csv' does not say what 'kind' is"),
    "no day and no time": (with_event(UID, KIND), r"needs 'day' or 'time_ms': an event has its day"),
    "an unknown kind": (with_event(UID, 'kind = { always = "Q" }', TIME), "kind 'Q': one of P, D, S, L, X"),
    "an unknown kind among the listed": (
        with_event(UID, 'kind = { field = "what", values = { a = "P", b = "play" } }', TIME),
        "kind 'play': one of P, D, S, L, X",
    ),
    "a type": (
        with_event('uid = { field = "who", type = "int" }', KIND, TIME),
        "uid: type 'int'; did you mean 'integer'\\?",
    ),
    "a unit": (HEAD + EVENT + 'play_ms = { field = "what", unit = "min" }', "play_ms: unit 'min'; "),
    "no unit": (HEAD + EVENT + 'play_ms = { field = "what" }', "play_ms: say its unit, 's' or 'ms'"),
    "no field of this name": (
        HEAD + EVENT + 'song_id = { field = "wat" }',
        "song_id: no field 'wat'; did you mean 'what'",
    ),
    "a delimiter of two characters": (HEAD + 'delimiter = "::"\n' + EVENT, "delimiter '::' and quote '' are one ASCII"),
    "no delimiter": (HEAD + 'delimiter = ""\n' + EVENT, "delimiter '' and quote '' are one ASCII character each"),
    "a quote that is not ASCII": (HEAD + 'quote = "«"\n' + EVENT, "and quote '«' are one ASCII character each"),
    "neither fields nor a header": (
        '[[file]]\nmatch = "*"\nlayout = "delimited"\n' + EVENT,
        r"needs 'fields', or 'header = true' if the file names them",
    ),
    "a pattern without a group": (
        with_event(UID, KIND, r"day = { name = '\d{8}' }"),
        r"day: the pattern '\\\\d\{8\}' needs one group, the day",
    ),
    "a pattern that is none": (with_event(UID, KIND, "day = { name = '(' }"), r"'\(' is no regular expression: "),
    "a fixed field without columns": (
        '[[file]]\nlayout = "fixed"\nfields = ["who"]\n' + EVENT,
        r"fixed field 'who': \{ name = \"uid\", from = 1, to = 6 \} would be right",
    ),
    "a fixed field that ends before it begins": (
        '[[file]]\nlayout = "fixed"\nfields = [{ name = "who", from = 6, to = 1 }]\n' + EVENT,
        "fixed field 'who': 1 <= from <= to; got 6 to 1",
    ),
    "two types of uid": (
        HEAD + EVENT + HEAD + with_event('uid = { field = "who", type = "integer" }', KIND, TIME)[len(HEAD) :],
        r"uid is a whole number in one \[\[file\]\] and a text in another: choose one",
    ),
    "two types of song": (
        HEAD
        + EVENT
        + 'song_id = { field = "what", type = "integer" }\n'
        + HEAD
        + EVENT
        + 'song_id = { field = "what" }',
        r"song_id is a whole number in one \[\[file\]\] and a text in another: choose one",
    ),
    "one pair of brackets too few": (HEAD.replace("[[file]]", "[file]") + EVENT, r"\[\[file\]\]"),
    "a file that is a number": ("file = 5", r"\[\[file\]\]"),
    "files that are numbers": ("file = [5]", r"\[\[file\]\]"),
    "an event that is a number": (HEAD + "event = 5", "event"),
    "fields that are one text": (HEAD.replace('["who", "when", "what"]', '"who"') + EVENT, "fields"),
    "fields that are a number": (HEAD.replace('["who", "when", "what"]', "5") + EVENT, "fields"),
    "values that are a text": (with_event(UID, 'kind = { field = "what", values = "P" }', TIME), "values"),
    "a day without its month": (with_event(UID, KIND, 'day = { year = "when", day = "what" }'), "month"),
    "a clock without unit and layout": (
        with_event(UID, KIND, 'time_ms = { field = "when" }'),
        "time_ms: .*(unit|layout)",
    ),
    "a column of the file's name that is not the day": (HEAD + EVENT + "device = { name = '_(..)' }", "device: .*name"),
    "two fields of one name": (
        HEAD.replace('"what"]', '"what", "what"]') + EVENT + 'song_name = { field = "what" }',
        "field 'what' twice|'what'",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_format_is_refused_with_its_file_and_what_would_be_right(tmp_path, what):
    text, hint = WRONG[what]
    with refused(r"own\.toml: .*(" + hint + ")"):
        own_format(tmp_path, text)


# The day in a file's name


def test_a_files_name_says_its_day():
    assert day_in_name(load_format("music-box").of("20170330_1_play.log"), "20170330_1_play.log") == 17_255


def test_a_format_that_looks_for_no_day_in_the_name_finds_none():
    assert day_in_name(load_format("plain").of("20170330.csv"), "20170330.csv") is None


@pytest.mark.parametrize("file", ["today_play.log", "20171330_1_play.log", "2017033_play.log"])
def test_a_name_without_a_day_is_refused_with_one_that_has_it(file):
    with refused(rf"^{file}: its name says no day; a name such as 20170330_1_play\.log would$"):
        day_in_name(load_format("music-box").of(file), file)


def test_a_pattern_whose_group_found_nothing_says_no_day(tmp_path):
    how = own_format(tmp_path, with_event(UID, KIND, r"day = { name = 'log(\d{8})?' }"))
    with refused(r"^log\.csv: its name says no day"):
        day_in_name(how.of("log.csv"), "log.csv")


CONTRADICTIONS = {
    "header = true\nfields = ['uid', 'day', 'kind']": "list no fields",
    "header = 'false'": "true or false",
    "header = true\n[file.event.session]\nfield = 's'\ntype = 'integer'": "only uid and song_id have a type",
    "header = true\n[file.event.kind]\nfield = 'k'": "say which value is which",
}


@pytest.mark.parametrize("text", CONTRADICTIONS)
def test_a_format_that_contradicts_itself_is_refused_with_what_would_be_right(tmp_path, text):
    event = {"uid": "{ field = 'uid' }", "day": "{ field = 'day' }", "kind": "{ always = 'P' }"}
    if "file.event.kind" in text:
        del event["kind"]
    head, _, more = text.partition("[file")
    columns = "".join(f"{name} = {source}\n" for name, source in event.items())
    whole = f"[[file]]\nlayout = 'delimited'\n{head}\n[file.event]\n{columns}{'[file' + more if more else ''}"
    with refused(CONTRADICTIONS[text]):
        own_format(tmp_path, whole)
