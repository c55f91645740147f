"""What a parent believes: messages as they are meant, and nothing else."""

from __future__ import annotations

import json
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs, to_builtins

from provenance.cleaning.messages import Clean, CleanAnswer
from provenance.isolation.framing import encode
from provenance.isolation.states import Life
from provenance.isolation.tasks import MOST, Failed, Task
from provenance.matching.counts import Counts
from provenance.readers.document import BookColumns, Document, Read
from provenance.readers.formats import format_of
from provenance.shards.columns import Columns, TextPath
from provenance.shards.shard import Part
from provenance.storage.locations import RemoteObject
from provenance.units.messages import (
    MOST_NAMES,
    Describe,
    DescribeAnswer,
    Digest,
    DigestAnswer,
    Fetch,
    FetchAnswer,
    Inspect,
    InspectAnswer,
    InspectedColumn,
    InspectedText,
    Learn,
    LearnAnswer,
    List,
    ListAnswer,
    Origin,
    Problem,
    Sample,
    SampleAnswer,
    Scan,
    ScanAnswer,
    ScanWhole,
    ScanWholeAnswer,
)  # fmt: skip

COLUMNS = Columns((TextPath("text", "text", ()),), "id")
PARTS = (Part(0, 0, 5, 100), Part(1, 5, None, 100, 3, 9, 1))
OBJECT = RemoteObject("s3://b/k", 5, "e", None, "2020-01-01T00:00:00+00:00", None)
SCANNED = ScanAnswer(
    Counts(documents=3, text_bytes=100), 3, 10, 0.5, (Problem("s", None, 2, "unreadable", "why"),),
    (Origin("site", "example.org", 3, 100, 0), Origin("collection", None, 1, 1, 1)),
)  # fmt: skip
DESCRIBED = DescribeAnswer("parquet", 10, None, 5, COLUMNS, PARTS, "id")
ANSWERS = (
    (Describe("s", "p"), DESCRIBED),
    (Digest("s", "p"), DigestAnswer("00")),
    (Scan("s", "p", slot=0, columns=COLUMNS, parts=PARTS), SCANNED),
    (Learn("s", "p", columns=COLUMNS, parts=PARTS), LearnAnswer(3)),
    (
        Inspect("s", "p"),
        InspectAnswer(
            "parquet", 5, 1, 1, (InspectedColumn("text", "string", "text"),), ("text",), None, None,
            (InspectedText(0, None, "text", 4, None, "abcd"),), ("bad",), 4,
        ),
    ),
    (Sample("s", "p"), SampleAnswer(1, 2, 3)),
    (Clean("s", "p", sha256="0", target="t", passages=None), CleanAnswer(None, 5, 0, 0, 5, "0", "")),
    (List("s3://b/"), ListAnswer((OBJECT,))),
    (Fetch("s", objects=(OBJECT,), targets=("t",)), FetchAnswer("00", 5, None)),
    (
        Read("s", b"p", format_of("a.txt"), BookColumns()),
        Document(b"", "txt", "utf-8", {"title": "T"}, ("note",), 0, 5, "id", "#3", "00"),
    ),
    (ScanWhole("s", "p"), ScanWholeAnswer(DESCRIBED, "00", SCANNED)),
)  # fmt: skip
EACH = pytest.mark.parametrize(("task", "answer"), ANSWERS, ids=[type(task).__name__ for task, _ in ANSWERS])


def busy_with(task: Task) -> Life:
    life = Life()
    life.ready()
    life.give(task)
    return life


def refused(task: Task, header: bytes | str) -> str:
    """Why a parent does not believe what a child with this task says."""
    with pytest.raises(ValueError) as refusal:
        busy_with(task).understand(header.encode() if isinstance(header, str) else header)
    assert 0 < len(str(refusal.value)) <= 200 or isinstance(refusal.value, UnicodeError)
    return str(refusal.value)


def places(value: object, path: tuple[object, ...] = ()) -> typing.Iterator[tuple[object, ...]]:
    """Where every value in a JSON value is, those of lists and objects included."""
    if path:
        yield path
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def changed(value: typing.Any, path: tuple[typing.Any, ...], new: object) -> typing.Any:
    copy = json.loads(json.dumps(value))
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = new
    return copy


@EACH
def test_what_is_meant_arrives(task, answer):
    assert busy_with(task).understand(encode(answer)) == answer
    assert busy_with(task).understand(encode(Failed("no", "memory"))) == Failed("no", "memory")


@EACH
def test_a_field_too_much_is_refused_wherever_it_is(task, answer):
    known = to_builtins(answer)
    objects = [(), *(path for path in places(known) if isinstance(at(known, path), dict) and path[-1:] != ("facts",))]
    for path in objects:
        assert "unknown field" in refused(task, json.dumps(changed(known, (*path, "text_bites"), 1)))


def at(value: typing.Any, path: tuple[typing.Any, ...]) -> object:
    for key in path:
        value = value[key]
    return value


@EACH
def test_a_field_too_few_is_refused(task, answer):
    known = to_builtins(answer)
    needed = [f.encode_name for f in structs.fields(answer) if f.required]
    for name in ["kind", *needed]:
        assert "missing" in refused(task, json.dumps({key: known[key] for key in known if key != name}))


@EACH
def test_a_value_of_another_type_is_refused_wherever_it_is(task, answer):
    known = to_builtins(answer)
    every = list(places(known))
    assert every
    for path in every:
        wrong = {"x": 1} if not isinstance(at(known, path), dict) else "x"
        assert refused(task, json.dumps(changed(known, path, wrong)))


@EACH
@pytest.mark.parametrize("number", [-1, MOST, 1 << 64, 10**400, True, 1.5, float("nan"), float("inf"), float("-inf")])
def test_a_number_out_of_range_is_refused_wherever_it_is(task, answer, number):
    known = to_builtins(answer)
    numbers = [path for path in places(known) if type(at(known, path)) is int]
    assert [path for path in numbers if not refused(task, json.dumps(changed(known, path, number)))] == []


@pytest.mark.parametrize("seconds", ["-0.1", "NaN", "Infinity", "1e999", "281474976710656", "true", '"1"'])
def test_seconds_that_no_clock_shows_are_refused(seconds):
    task, answer = ANSWERS[2]
    assert refused(task, encode(answer).replace(b'"compile_seconds":0.5', f'"compile_seconds":{seconds}'.encode()))


@EACH
@pytest.mark.parametrize("text", [rb"\ud800", rb"\udc00\ud800", rb"\ud800A", b"\xed\xa0\x80", b"\xff", b"\n"])
def test_text_that_no_table_can_hold_is_refused_wherever_it_is(task, answer, text):
    known = to_builtins(answer)
    strings = [path for path in places(known) if isinstance(at(known, path), str)]
    lines = {path: json.dumps(changed(known, path, "@@")).encode().replace(b"@@", text) for path in strings}
    assert [path for path, line in lines.items() if not refused(task, line)] == []


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b"null",
        b'"kind"',
        b"{",
        b"[" * 1_000_000,
        b'{"kind":' * 1_000_000,
        b"\xef\xbb\xbf{}",
        b'{"kind":"done"}',
    ],
)
def test_what_is_no_message_is_refused(header):
    for task, _ in ANSWERS:
        assert refused(task, header)


def test_deep_nesting_where_a_field_may_be_anything_is_refused():
    task, answer = ANSWERS[0]
    deep = b"[" * 100_000 + b"]" * 100_000
    assert refused(task, encode(answer).replace(b'"rows":10', b'"rows":' + deep))
    assert refused(task, encode(answer)[:-1] + b',"more":' + deep + b"}")


@EACH
def test_the_result_of_another_task_is_refused(task, answer):
    others = [other for other, _ in ANSWERS if type(other) is not type(task)]
    assert others
    for other in others:
        assert "kind" in refused(other, encode(answer))


def test_a_kind_of_failure_or_origin_that_there_is_not_is_refused():
    task, answer = ANSWERS[2]
    assert refused(task, encode(Failed("no", "odd")))
    assert refused(task, encode(answer).replace(b'"site"', b'"sight"'))


def test_more_origins_than_are_counted_are_refused():
    task, answer = ANSWERS[2]
    most = 2 * (MOST_NAMES + 1)
    assert busy_with(task).understand(encode(structs.replace(answer, origins=answer.origins[:1] * most)))
    assert refused(task, encode(structs.replace(answer, origins=answer.origins[:1] * (most + 1))))


def test_problems_of_another_shard_are_refused():
    _, answer = ANSWERS[2]
    other = Scan("another", "p", slot=0, columns=COLUMNS, parts=PARTS)
    assert refused(other, encode(answer)) == "it has problems of another shard"
    whole = ScanWholeAnswer(DESCRIBED, "00", answer)
    assert refused(ScanWhole("another", "p"), encode(whole)) == "it has problems of another shard"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.sampled_from(ANSWERS), st.data())
def test_whatever_stands_in_place_of_a_value_it_is_refused_or_fits_the_types(pair, data):
    task, answer = pair
    known = to_builtins(answer)
    path = data.draw(st.sampled_from(list(places(known))))
    header = json.dumps(changed(known, path, data.draw(JSON))).encode(errors="surrogatepass")
    try:
        understood = busy_with(task).understand(header)
    except ValueError:
        return
    assert type(understood) in (type(answer), Failed)
    encode(understood).decode()  # every text in it is one
    numbers = [at(to_builtins(understood), place) for place in places(to_builtins(understood))]
    assert all(0 <= number < MOST for number in numbers if type(number) in (int, float))


@given(st.sampled_from(ANSWERS), st.binary(max_size=60), st.integers(0, 400), st.integers(0, 20))
def test_whatever_bytes_are_changed_nothing_but_a_refusal_comes_of_it(pair, data, begin, size):
    task, answer = pair
    header = bytearray(encode(answer))
    header[begin : begin + size] = data
    try:
        understood = busy_with(task).understand(bytes(header))
    except ValueError:
        understood = None
    assert understood is None or encode(understood).decode()


def test_the_next_try_of_a_task_is_the_same_task():
    task = Scan("s", "p", "identity", slot=3, columns=COLUMNS, parts=PARTS)
    assert structs.replace(task.second(), again=False) == task
    assert task.second().second() is None
    assert List("s3://b/").second() is None
