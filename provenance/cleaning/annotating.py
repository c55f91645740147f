"""Columns that say of each row what it copies: the passages of a run as `matching.annotations` has them."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from provenance.cleaning.edits import Integers, Texts, item_of
from provenance.cleaning.masking import with_leaves
from provenance.matching.annotations import annotations_of, word_counts


def annotations_in(placed: pa.Table, texts: Sequence[Texts], first: int, rows: int) -> pa.RecordBatch:
    """What passages say of `rows` rows from `first` on, as PROV_SCHEMA; `placed` are passages with their bytes.

    Words of a row are those of all its texts, one after another.
    """
    own = placed.filter(pc.not_equal(placed["role"], "also"))  # another edition of a work says nothing more of a row
    document = own["row"].to_numpy() - first
    words = np.zeros(rows, dtype=np.int64)
    before = np.zeros(own.num_rows, dtype=np.int64)  # words of the row before the text that a passage is in
    labels = own["text_column"].to_pylist()
    for column in texts:
        owners = column.rows - first
        wanted = np.flatnonzero(np.isin(owners, document))
        counts = word_counts([column.documents], wanted)
        for text in wanted.tolist():
            owner = int(owners[text])
            for n in np.flatnonzero(document == owner).tolist():
                item = item_of(labels[n], column.path)
                if item is not None and (column.items is None or item == column.items[text]):
                    before[n] = words[owner]
            words[owner] += counts[text]
    return annotations_of(_as_matches(own, document, before), words)


def _as_matches(passages: pa.Table, document: Integers, before: Integers) -> pa.Table:
    """Passages as matches of whole rows: their blocks are counted from the first word of the row."""
    blocks = passages["blocks"].combine_chunks()
    owners = pc.list_parent_indices(blocks).to_numpy()
    doc_words = pc.struct_field(blocks.flatten(), "doc_word").to_numpy() + before[owners]
    same = ("doc_begin", "doc_end", "work_id", "edition_id", "matched_words", "identity")
    return pa.table(
        {
            "document": pa.array(document),
            "column": passages["text_column"],
            **{name: passages[name] for name in same},
            "blocks": with_leaves(blocks, ["[]", "doc_word"], pa.array(doc_words)),
        }
    )
