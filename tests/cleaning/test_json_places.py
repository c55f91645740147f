"""Where texts lie in JSON, against Python's own parser."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance.cleaning.json_places import raw_places, text_leaves
from provenance.shards.fields import encodable
from provenance.shards.shard import ALONE

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from('abtext[]{"\\é'), inner, max_size=4),
    max_leaves=20,
)
styles = st.fixed_dictionaries(
    {"ensure_ascii": st.booleans(), "separators": st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " : ")])}
)


def slow_leaves(value, steps, item=ALONE):
    """The texts at the end of a path, as Python finds them in parsed values."""
    if not steps:
        return [(item, value)] if isinstance(value, str) else []
    if steps[0] == "[]":
        pieces = enumerate(value) if isinstance(value, list) else ()
        return [leaf for n, inner in pieces for leaf in slow_leaves(inner, steps[1:], n)]
    return slow_leaves(value[steps[0]], steps[1:], item) if isinstance(value, dict) and steps[0] in value else []


@settings(suppress_health_check=[HealthCheck.too_slow])  # on a machine that has more to do
@given(
    st.dictionaries(st.sampled_from(["text", "a", "é", '"']), values),
    styles,
    st.sampled_from([["text"], ["a", "[]"], ["a", "[]", "b"], ["é", "a"], ['"']]),
)
def test_texts_are_found_where_python_finds_them(row, style, steps):
    line = json.dumps(row, **style).encode()
    found = [(leaf.item, json.loads(b'"' + line[leaf.begin : leaf.end] + b'"')) for leaf in text_leaves(line, steps)]
    assert found == slow_leaves(row, steps)


def test_of_equal_keys_the_last_one_counts():
    line = b'{"text": "first", "text": {"a": "text"}, "te\\u0078t": "last"}'
    (leaf,) = text_leaves(line, ["text"])
    assert line[leaf.begin : leaf.end] == b"last"
    assert json.loads(line)["text"] == "last"


@given(st.text(st.characters(codec=None, exclude_categories=())), st.booleans())
def test_every_character_of_a_text_is_found_in_its_literal(text, ascii_only):
    literal = json.dumps(text, ensure_ascii=True)[1:-1].encode()
    if not ascii_only and encodable(text) == text:
        literal = json.dumps(text, ensure_ascii=False)[1:-1].encode()
    said = encodable(json.loads(b'"' + literal + b'"')) or ""
    starts = [len(said[:n].encode()) for n in range(len(said) + 1)]
    places = raw_places(literal, starts)
    assert places[0] == 0
    assert places[-1] == len(literal)
    pieces = [literal[a:b] for a, b in itertools.pairwise(places)]
    assert [encodable(json.loads(b'"' + piece + b'"')) for piece in pieces] == list(said)


@given(st.binary())
def test_bytes_that_are_no_utf_8_are_three_bytes_of_text_each(raw):
    literal = raw.translate(None, bytes(range(32)) + b'"\\')
    said = literal.decode("utf-8", "replace")
    starts = [len(said[:n].encode()) for n in range(len(said) + 1)]
    places = raw_places(literal, starts)
    pieces = [literal[a:b] for a, b in itertools.pairwise(places)]
    assert b"".join(pieces) == literal
    assert [piece.decode("utf-8", "replace") for piece in pieces] == list(said)


def test_a_place_behind_the_text_is_refused():
    with pytest.raises(ValueError, match="behind"):
        raw_places(b"abc", [4])


@pytest.mark.parametrize("line", [b'{"text": ', b'{"a": [', b'{"text"', b"{", b'{"a": {"b": 1}'])
def test_a_line_that_ends_too_early_is_refused(line):
    with pytest.raises(ValueError, match="ends within"):
        text_leaves(line, ["text"])


def test_depth_costs_no_stack():
    line = b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b', "text": "here"}'
    (leaf,) = text_leaves(line, ["text"])
    assert line[leaf.begin : leaf.end] == b"here"
