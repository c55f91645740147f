"""Sketches of batches equal the oracle, whatever the scale, the room and the neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import frac_sketch, text_fingerprints

from provenance.kernels.cutting import text_rules
from provenance.kernels.fingerprints import Sketches, fingerprints_of, sketch_batch, sketch_documents
from provenance.kernels.hashing import derive_keys
from provenance.kernels.words import words_of
from provenance.sketch import FracMinHash
from provenance.text.reference import tokenize

many = settings(max_examples=300, deadline=None)

SCALES = (1, 2, 3, 4, 7, 1000)
SHINGLE = 5
few_words = st.lists(st.sampled_from(["the", "king", "o'er", "to-day", "exam-\nple", "ﬁ", "道", "a\u0301", "--"]))
documents = st.lists(
    st.one_of(few_words.map(lambda words: " ".join(words).encode()), st.binary(max_size=60), st.just(b"")), max_size=6
)
seeds = st.integers(0, 2**64 - 1)


def batch(texts: list[bytes], before: bytes = b"") -> tuple[np.ndarray, np.ndarray]:
    """The documents in one buffer with their offsets, the first `before` bytes belonging to none."""
    ends = np.cumsum([len(before), *map(len, texts)], dtype=np.int64)
    return np.frombuffer(before + b"".join(texts), dtype=np.uint8), ends


def sketch(texts: list[bytes], shingle: int = SHINGLE, scale: int = 1, seed: int = 0) -> Sketches:
    return sketch_batch(*batch(texts), shingle, FracMinHash(scale=scale).max_kept, derive_keys(seed))


def rows(found: Sketches) -> list[tuple[int, int, int]]:
    return list(zip(found.documents.tolist(), found.positions.tolist(), found.fingerprints.tolist(), strict=True))


def ranked_words(words: int, seed: int = 1) -> bytes:
    """Words drawn as running text draws them: few that are frequent, many that are rare."""
    ranks = np.random.default_rng(seed).zipf(1.2, words)
    return b" ".join(b"w%d" % (rank % 50_000) for rank in ranks)


@pytest.mark.parametrize("scale", SCALES)
@many
@given(texts=documents, shingle=st.integers(1, 8), seed=seeds)
def test_sketch_of_a_batch_equals_the_oracle(scale, texts, shingle, seed):
    found = sketch(texts, shingle, scale, seed)
    assert rows(found) == frac_sketch(texts, shingle, scale, seed)
    assert found.words.tolist() == [len(tokenize(text).words) for text in texts]
    assert found.invalid.tolist() == [tokenize(text).invalid for text in texts]


def test_a_fingerprint_that_equals_the_largest_kept_one_is_kept():
    texts = [ranked_words(100)]
    middle = sorted(sketch(texts).fingerprints.tolist())[48]
    for max_kept, kept in ((middle, 49), (middle - 1, 48)):
        found = sketch_batch(*batch(texts), SHINGLE, max_kept, derive_keys(0))
        assert sorted(found.fingerprints.tolist()) == sorted(sketch(texts).fingerprints.tolist())[:kept]


@pytest.mark.parametrize("scale", SCALES)
def test_sketch_of_long_documents_equals_the_oracle(scale):
    texts = [ranked_words(3000, seed) for seed in range(3)]
    assert rows(sketch(texts, SHINGLE, scale, 7)) == frac_sketch(texts, SHINGLE, scale, 7)


@pytest.mark.parametrize("texts", [[], [b""], [b"", b"", b""], [b"one two three four"], [b"...", b"\xff"]])
def test_documents_without_a_whole_shingle_keep_nothing_and_are_counted(texts):
    found = sketch(texts)
    assert rows(found) == []
    assert found.words.tolist() == [len(tokenize(text).words) for text in texts]
    assert found.invalid.tolist() == [tokenize(text).invalid for text in texts]


def test_a_document_of_one_shingle_keeps_it_at_scale_one():
    assert rows(sketch([b"", b"a b c d e", b"a b c d"])) == [(1, 0, text_fingerprints(b"a b c d e", 5, 0)[0])]


@many
@given(documents, st.integers(0, 20))
def test_room_that_is_too_small_grows(texts, room):
    keys = derive_keys(0)
    found = sketch_documents(*batch(texts), text_rules(), 2, np.uint64(2**64 - 1), keys, room, 1)
    assert rows(found) == frac_sketch(texts, 2, 1, 0)


def test_room_grows_many_times_without_losing_a_fingerprint():
    texts = [ranked_words(200, seed) for seed in range(40)]
    data, offsets = batch(texts)
    found = sketch_documents(data, offsets, text_rules(), SHINGLE, np.uint64(2**62), derive_keys(0), 1, 1)
    expected = sketch_batch(data, offsets, SHINGLE, 2**62, derive_keys(0))
    assert rows(found) == rows(expected)


@many
@given(documents, st.binary(max_size=20), st.sampled_from(SCALES))
def test_a_document_is_sketched_alike_alone_and_in_a_batch(texts, before, scale):
    max_kept, keys = FracMinHash(scale=scale).max_kept, derive_keys(3)
    together = rows(sketch_batch(*batch(texts, before), SHINGLE, max_kept, keys))
    alone = [(d, p, h) for d, text in enumerate(texts) for _, p, h in rows(sketch([text], SHINGLE, scale, 3))]
    assert together == alone


@many
@given(documents, st.sampled_from(SCALES), st.sampled_from([1, 2, 4, 16]), st.integers(1, 8))
def test_a_stride_leaves_the_fingerprints_at_its_multiples_in_each_document(texts, scale, stride, shingle):
    max_kept = FracMinHash(scale=scale).max_kept
    some = rows(sketch_batch(*batch(texts), shingle, max_kept, derive_keys(0), stride))
    assert some == [row for row in rows(sketch(texts, shingle, scale)) if row[1] % stride == 0]


@pytest.mark.parametrize("stride", [1, 2])
def test_a_stride_holds_in_long_documents(stride):
    texts = [ranked_words(3000, seed) + b" odd" * (seed % 2) for seed in range(5)]
    some = rows(sketch_batch(*batch(texts), SHINGLE, FracMinHash(scale=1).max_kept, derive_keys(0), stride))
    assert some == [row for row in rows(sketch(texts)) if row[1] % stride == 0]


@pytest.mark.parametrize("finer", [1, 2, 3, 7])
@pytest.mark.parametrize("coarser", [4, 8, 10, 1000])
def test_a_coarser_sketch_is_a_subset_and_in_the_index_a_prefix_of_a_finer_one(finer, coarser):
    texts = [ranked_words(5000, seed) for seed in range(4)]
    fine, coarse = sketch(texts, scale=max(1, min(finer, coarser))), sketch(texts, scale=coarser)
    assert rows(coarse) == [row for row in rows(fine) if row[2] * coarser < 2**64]
    table, prefix = np.sort(fine.fingerprints), np.sort(coarse.fingerprints)
    assert np.array_equal(table[: prefix.size], prefix)


def test_different_seeds_give_unrelated_fingerprints():
    texts = [ranked_words(20_000)]
    one, other = (set(sketch(texts, seed=seed).fingerprints.tolist()) for seed in (0, 1))
    assert len(one) > 10_000
    assert not one & other
    kept = [{p for _, p, _ in rows(sketch(texts, scale=4, seed=seed))} for seed in (0, 1)]
    assert len(kept[0] & kept[1]) == pytest.approx(20_000 / 16, rel=0.2)  # even what is kept is another sample


@pytest.mark.parametrize("scale", [2, 3, 4, 7, 32, 1000])
@pytest.mark.parametrize("seed", [0, 0x1234_5678_9ABC_DEF0])
def test_one_in_scale_shingles_is_kept(scale, seed):
    distinct = np.unique(sketch([ranked_words(200_000)], seed=seed).fingerprints)
    kept = int((distinct <= np.uint64(FracMinHash(scale=scale).max_kept)).sum())
    expected, spread = distinct.size / scale, (distinct.size / scale * (1 - 1 / scale)) ** 0.5
    assert distinct.size > 100_000
    assert abs(kept - expected) < 4 * spread


def test_kept_shingles_are_spread_evenly_over_the_whole_range():
    distinct = np.unique(sketch([ranked_words(200_000)]).fingerprints)
    for bits in (distinct >> np.uint64(58), distinct & np.uint64(63)):
        counts = np.bincount(bits.astype(np.int64), minlength=64)
        chi_squared = float(((counts - counts.mean()) ** 2 / counts.mean()).sum())
        assert chi_squared < 120  # 63 degrees of freedom; exceeded once in 50,000


@many
@given(st.lists(st.binary(min_size=1, max_size=4), max_size=12), st.integers(1, 8))
def test_unsampled_fingerprints_of_one_text_are_those_of_its_sketch_at_scale_one(pieces, shingle):
    data, keys = b" ".join(pieces), derive_keys(5)
    hashes = words_of(np.frombuffer(data, dtype=np.uint8), keys).hashes
    assert fingerprints_of(hashes, shingle, keys).tolist() == sketch([data], shingle, 1, 5).fingerprints.tolist()


def test_the_order_of_words_matters():
    found = sketch([b"a b c d e", b"b a c d e", b"a b c e d", b"e d c b a", b"a a b c d", b"a b b c d"])
    assert len(set(found.fingerprints.tolist())) == 6


def test_no_shingle_spans_two_documents():
    assert rows(sketch([b"a b c ", b"d e f "])) == []
