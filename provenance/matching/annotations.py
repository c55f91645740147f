"""What matches say of each row, as columns to stand beside its text: for data that is kept, and worked on further."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from provenance.arrays import Integers
from provenance.documents import Documents, documents_in
from provenance.kernels.cutting import text_rules
from provenance.kernels.words import cut_words, most_words
from provenance.matching.matcher import Matcher
from provenance.matching.matches import edges
from provenance.matching.table import MATCH_SCHEMA, as_arrow, lists
from provenance.sketch import Key

SPAN = pa.struct(
    [
        ("column", pa.string()),  # that the text stands in, such as messages[2].content; null where nobody said
        ("begin", pa.int64()),  # byte offsets in the text of the row, as UTF-8
        ("end", pa.int64()),
        ("work_id", pa.string()),  # the work that is credited, and the edition of it
        ("edition_id", pa.string()),
        ("matched_words", pa.int64()),  # equal and aligned
        ("identity", pa.float64()),  # matched words / alignment columns, 0 to 1
    ]
)

PROV_SCHEMA = pa.schema(
    [
        ("prov_works", pa.list_(pa.string())),  # ids of the works that the row copies from, rising; empty without any
        ("prov_spans", pa.list_(SPAN)),  # a match each, in order of place; empty without any
        ("prov_identity", pa.float64()),  # highest of the matches, 0 to 1; null without any
        ("prov_coverage", pa.float64()),  # share of the row's words that are equal to a book's; 0.0 without any
    ]
)

_ORDER = ("document", "column", "doc_begin", "doc_end", "work_id", "edition_id", "matched_words", "identity")
_READ = pa.schema([SPAN.field(name) if name == "column" else MATCH_SCHEMA.field(name) for name in _ORDER])


def annotate(matcher: Matcher, texts: pa.Array | pa.ChunkedArray, column: str | None = None) -> pa.RecordBatch:
    """Match texts of a column and say of each what was found, as PROV_SCHEMA; a null is a text without words.

    Raises UsageError for what is neither strings nor binaries.
    """
    matches = matcher.match(texts)
    matches = matches.append_column("column", pa.array([column] * matches.num_rows, pa.string()))
    return annotations_of(matches, word_counts(documents_in(texts), pc.unique(matches["document"]).to_numpy()))


def annotations_of(matches: pa.Table, words: Integers) -> pa.RecordBatch:
    """What matches say of rows, as PROV_SCHEMA, a row for each of `words`.

    Of `matches` the columns `document` (number of the row), `doc_begin`, `doc_end`, `work_id`, `edition_id`,
    `matched_words`, `identity` and `blocks` are read, in any order of rows, and `column` if there is one. `words` are
    those of each row; only rows with matches need them.
    """
    rows = words.size
    copied = _copied(matches["blocks"].combine_chunks(), np.asarray(matches["document"]), words)
    if "column" not in matches.column_names:
        matches = matches.append_column("column", pa.nulls(matches.num_rows, pa.string()))
    table = matches.select(_ORDER).cast(_READ).sort_by([(name, "ascending") for name in _ORDER])
    highest = table.group_by("document", use_threads=False).aggregate([("identity", "max")])
    identity = np.full(rows, np.nan)
    identity[np.asarray(highest["document"])] = np.asarray(highest["identity_max"])
    columns = [
        _works(table, rows),
        _spans(table, rows),
        pc.if_else(pa.array(np.isnan(identity)), pa.scalar(None, pa.float64()), as_arrow(identity)),
        as_arrow(copied / np.maximum(words, 1)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=PROV_SCHEMA)


def word_counts(chunks: Sequence[Documents], rows: npt.NDArray[np.integer]) -> Integers:
    """Words of some of the documents, as a matcher counts them, at their places; 0 for the others, not read."""
    words = np.zeros(sum(map(len, chunks)), dtype=np.int64)
    first = 0
    for documents in chunks:
        wanted = rows[(rows >= first) & (rows < first + len(documents))]
        if wanted.size:
            words[wanted] = _counted(documents, wanted - first)
        first += len(documents)
    return words


def _counted(documents: Documents, rows: npt.NDArray[np.integer]) -> list[int]:
    rules, key, nowhere = text_rules(), Key().keys[0], np.empty(0, dtype=np.uint32)
    begins, ends = documents.begins[rows], documents.ends[rows]
    hashes = np.empty(most_words(int((ends - begins).max())), dtype=np.uint64)
    return [
        cut_words(documents.data, begin, end, rules, key, hashes, nowhere, nowhere)[0]
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
    ]


def _copied(blocks: pa.ListArray, owners: Integers, words: Integers) -> Integers:
    """Words of each row that lie in blocks of its matches, each counted once.

    Blocks are laid out on one line, on which the words of a row follow those of the row before it. What of an estimated
    passage lies behind the end of its row is cut off.
    """
    documents = owners[np.asarray(pc.list_parent_indices(blocks))]
    flat = pc.list_flatten(blocks)
    begins, sizes = (np.asarray(pc.struct_field(flat, name)) for name in ("doc_word", "words"))
    ends = np.minimum(begins + sizes, words[documents])
    firsts = edges(words)[documents]
    order = np.lexsort((ends, begins, documents))
    lows, highs = (firsts + np.minimum(begins, ends))[order], (firsts + ends)[order]
    reached = np.maximum.accumulate(np.concatenate([[0], highs]))[:-1]
    fresh = np.maximum(highs - np.maximum(lows, reached), 0)
    copied = np.zeros(words.size, dtype=np.int64)
    np.add.at(copied, documents[order], fresh)
    return copied


def _works(table: pa.Table, rows: int) -> pa.ListArray:
    keys = ["document", "work_id"]
    works = table.group_by(keys, use_threads=False).aggregate([]).sort_by([(key, "ascending") for key in keys])
    return lists(np.bincount(works["document"], minlength=rows), works["work_id"].combine_chunks())


def _spans(table: pa.Table, rows: int) -> pa.ListArray:
    columns = [table[name].combine_chunks() for name in _ORDER[1:]]
    spans = pa.StructArray.from_arrays(columns, fields=list(SPAN.fields))
    return lists(np.bincount(table["document"], minlength=rows), spans)
