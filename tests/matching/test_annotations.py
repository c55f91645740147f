"""What is said of each row is what a plain loop over its matches says."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

import provenance
from provenance.documents import documents_in, documents_of
from provenance.errors import UsageError
from provenance.matching.annotations import PROV_SCHEMA, annotate, annotations_of, word_counts
from provenance.matching.matcher import Matcher
from provenance.matching.table import MATCH_SCHEMA
from provenance.text.reference import words

NAMES = ("document", "doc_begin", "doc_end", "work_id", "edition_id", "matched_words", "identity", "blocks")
NEEDED = pa.schema([MATCH_SCHEMA.field(name) for name in NAMES])
MOST_WORDS = 40

blocks = st.fixed_dictionaries(
    {"doc_word": st.integers(0, MOST_WORDS + 5), "ref_word": st.just(0), "words": st.integers(1, 12)}
)
match = st.fixed_dictionaries(
    {
        "document": st.integers(0, 3),
        "doc_begin": st.integers(0, 9),
        "doc_end": st.integers(10, 19),
        "work_id": st.sampled_from(["ash", "birch", "Ä"]),
        "edition_id": st.sampled_from(["1", "2"]),
        "matched_words": st.integers(1, 9),
        "identity": st.sampled_from([0.5, 0.75, 1.0]),
        "blocks": st.lists(blocks, min_size=1, max_size=4),
    }
)


def told_by_a_loop(matches: list[dict], counts: list[int]) -> list[dict]:
    told = []
    for row, count in enumerate(counts):
        own = sorted(
            (m for m in matches if m["document"] == row),
            key=lambda m: [m[n].encode() if isinstance(m[n], str) else m[n] for n in NAMES[:-1]],
        )
        copied = {b["doc_word"] + k for m in own for b in m["blocks"] for k in range(b["words"])} & set(range(count))
        told.append(
            {
                "prov_works": sorted({m["work_id"] for m in own}, key=str.encode),
                "prov_spans": [
                    {
                        "column": None,
                        "begin": m["doc_begin"],
                        "end": m["doc_end"],
                        **{name: m[name] for name in NAMES[3:7]},
                    }
                    for m in own
                ],
                "prov_identity": max((m["identity"] for m in own), default=None),
                "prov_coverage": len(copied) / max(count, 1),
            }
        )
    return told


@given(st.lists(match, max_size=8), st.lists(st.integers(0, MOST_WORDS), min_size=4, max_size=5))
def test_columns_are_those_of_a_plain_loop_over_the_matches(matches, counts):
    made = annotations_of(pa.Table.from_pylist(matches, schema=NEEDED), pa.array(counts, pa.int64()).to_numpy())
    assert made.schema == PROV_SCHEMA
    made.validate(full=True)
    assert made.to_pylist() == told_by_a_loop(matches, counts)


@given(st.lists(match, max_size=8), st.integers(0, 8))
def test_chunks_and_other_types_of_the_same_matches_change_nothing(matches, cut):
    table = pa.Table.from_pylist(matches, schema=NEEDED)
    counts = pa.array([MOST_WORDS] * 4, pa.int64()).to_numpy()
    large = pa.large_list(MATCH_SCHEMA.field("blocks").type.value_type)
    other = table.set_column(3, "work_id", table["work_id"].dictionary_encode())
    other = other.set_column(7, "blocks", table["blocks"].cast(large))
    for same in (pa.concat_tables([table.slice(0, cut), table.slice(cut)]), other, table.slice(0, len(matches))):
        assert annotations_of(same, counts).equals(annotations_of(table, counts))


def test_no_rows_and_no_matches_are_columns_too():
    nothing = NEEDED.empty_table()
    assert annotations_of(nothing, pa.array([], pa.int64()).to_numpy()).to_pylist() == []
    row = {"prov_works": [], "prov_spans": [], "prov_identity": None, "prov_coverage": 0.0}
    assert annotations_of(nothing, pa.array([7, 0], pa.int64()).to_numpy()).to_pylist() == [row, row]


def forms(texts: pa.Array) -> dict[str, pa.Array | pa.ChunkedArray]:
    """The same texts in every form in which a column may come."""
    return {
        "strings": texts,
        "large strings": texts.cast(pa.large_string()),
        "string views": texts.cast(pa.string_view()),
        "binaries": texts.cast(pa.binary()),
        "a slice": pa.concat_arrays([pa.array(["before it"]), texts]).slice(1),
        "a dictionary": texts.dictionary_encode(),
        "chunks": pa.chunked_array([texts.slice(0, 3), texts.slice(3, 0), texts.slice(3)]),
        "dictionaries in chunks": pa.chunked_array([part.dictionary_encode() for part in (texts[:5], texts[5:])]),
    }  # fmt: skip


@pytest.fixture(scope="module")
def matcher(index) -> Matcher:
    return Matcher(provenance.Index(index))


@pytest.fixture(scope="module")
def texts(rows) -> pa.Array:
    found = [text for _, text in rows]
    return pa.array([*found[:6], None, "", "— …", found[1], "don't co-\noperate 東京", *found[6:]])


def test_words_are_counted_as_the_matcher_and_the_reference_count_them(matcher, texts):
    told = [len(words((text or "").encode())) for text in texts.to_pylist()]
    every = pa.array(range(len(texts))).to_numpy()
    for name, form in forms(texts).items():
        assert word_counts(documents_in(form), every).tolist() == told, name
        some = word_counts(documents_in(form), every[::3]).tolist()
        assert some == [count if row % 3 == 0 else 0 for row, count in enumerate(told)], name
    assert matcher.find(documents_of(texts))[1].words == sum(told)


def test_texts_are_annotated_with_their_matches_in_every_form_of_a_column(matcher, texts):
    counts = [len(words((text or "").encode())) for text in texts.to_pylist()]
    told = told_by_a_loop(matcher.match(texts).to_pylist(), counts)
    for name, form in forms(texts).items():
        assert annotate(matcher, form).to_pylist() == told, name
    assert max(row["prov_coverage"] for row in told) > 0.99  # words at the ends of passages are cut through
    assert sum(row["prov_works"] == [] for row in told) >= 8  # those of no book
    for text, row in zip(texts.to_pylist(), told, strict=True):
        for span in row["prov_spans"]:
            assert len(words(text.encode()[span["begin"] : span["end"]])) >= span["matched_words"]


def test_what_is_no_text_is_a_usage_error(matcher):
    with pytest.raises(UsageError, match="int64"):
        annotate(matcher, pa.array([1, 2]))


def test_estimates_say_no_more_than_all_of_a_row(books, rows, tmp_path):
    from provenance.index.build import write_index
    from provenance.readers.books import Book

    held = [Book(name, name, "", "", text.encode(), "", "") for name, text in books.items()]
    write_index(held, tmp_path / "sealed", keep_texts=False)
    made = annotate(Matcher(provenance.Index(tmp_path / "sealed")), pa.array([text for _, text in rows]))
    shares = made["prov_coverage"]
    assert 0.9 < pc.max(shares).as_py() <= 1.0
    assert pc.min(shares).as_py() == 0.0
