"""Banded MinHash: signatures are datasketch's bit for bit, windows cover the text, equal windows share all bands."""

from __future__ import annotations

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import MASK, fmix64, keys_of, text_fingerprints

from provenance.kernels.cutting import text_rules
from provenance.kernels.fingerprints import Sketches
from provenance.kernels.hashing import derive_keys
from provenance.kernels.minhash import Bands, band_documents, hash_bands, signature_of, windows_in
from provenance.sketch import BandedMinHash, permutations
from provenance.text.reference import tokenize

many = settings(max_examples=300, deadline=None)
some = settings(max_examples=60, deadline=None)

SEED = 0x1234_5678_9ABC_DEF0
hashes32 = st.integers(0, 2**32 - 1)
few_words = st.lists(st.sampled_from(["the", "king", "o'er", "to-day", "exam-\nple", "ﬁ", "道", "--"]), max_size=40)
documents = st.lists(
    st.one_of(few_words.map(lambda words: " ".join(words).encode()), st.binary(max_size=40)), max_size=4
)


@st.composite
def shapes(draw):
    """`(shingle, window, stride, bands, rows)` as `BandedMinHash` allows them, over 32 permutations."""
    shingle = draw(st.integers(1, 6))
    window = draw(st.integers(shingle, 20))
    bands = draw(st.integers(1, 8))
    return shingle, window, draw(st.integers(1, window)), bands, draw(st.integers(1, 32 // bands))


def datasketch_signature(values: list[int], num_perm: int) -> list[int]:
    minhash = MinHash(num_perm=num_perm, scheme="affine32", hashfunc=int)
    for value in values:
        minhash.update(value)
    return minhash.hashvalues.tolist()


def band_hashes(signature: list[int], bands: int, rows: int, key: int) -> list[int]:
    """The promise of `hash_bands` on Python integers."""
    out = []
    for band in range(bands):
        x = key ^ band
        for value in signature[band * rows : (band + 1) * rows]:
            x = (x * 0x9E3779B97F4A7C15 + value) & MASK
        out.append(fmix64(x))
    return out


def window_starts(words: int, shape: tuple[int, int, int, int, int]) -> list[int]:
    shingle, window, stride, _, _ = shape
    if words < shingle:
        return []
    starts = [0]
    while starts[-1] + window < words:
        starts.append(min(starts[-1] + stride, words - window))
    return starts


def banded_oracle(texts: list[bytes], shape: tuple[int, int, int, int, int]) -> list[tuple[int, int, int]]:
    """`(document, first word, band fingerprint)` by datasketch, window by window."""
    shingle, window, _, bands, rows = shape
    out = []
    for d, text in enumerate(texts):
        fingerprints = text_fingerprints(text, shingle, SEED)
        for first in window_starts(len(tokenize(text).words), shape):
            inside = [h & 0xFFFFFFFF for h in fingerprints[first : first + window - shingle + 1]]
            signature = datasketch_signature(inside, 32)
            out += [(d, first, h) for h in band_hashes(signature, bands, rows, keys_of(SEED)[1])]
    return out


def bands_of(texts: list[bytes], shape: tuple[int, int, int, int, int], num_perm: int = 32) -> Sketches:
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    data = np.frombuffer(b"".join(texts), dtype=np.uint8)
    return band_documents(data, offsets, text_rules(), Bands(*shape), *permutations(num_perm), derive_keys(SEED))


def rows_of(found: Sketches) -> list[tuple[int, int, int]]:
    columns = (found.documents, found.positions, found.fingerprints)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def numbered(first: int, last: int) -> list[bytes]:
    return [b"w%d" % n for n in range(first, last)]


@pytest.mark.parametrize("num_perm", [2, 16, 64, 128, 256, 1024])
def test_permutations_are_those_of_datasketch(num_perm):
    assert np.array_equal(permutations(num_perm), MinHash(num_perm=num_perm, scheme="affine32").permutations)
    assert permutations(num_perm).dtype == np.uint32


@pytest.mark.parametrize("num_perm", [2, 16, 64, 128, 256, 1024])
@pytest.mark.parametrize(
    "values",
    [
        [],
        [0],
        [2**32 - 1],
        [0, 2**31, 2**32 - 1],
        [7, 7, 7],
        list(range(500)),
        [n * 2654435761 % 2**32 for n in range(300)],
    ],
)
def test_signature_equals_datasketch_bit_for_bit(num_perm, values):
    found = signature_of(np.array(values, dtype=np.uint32), *permutations(num_perm))
    assert found.dtype == np.uint32
    assert found.tolist() == datasketch_signature(values, num_perm)


@many
@given(st.lists(hashes32, max_size=50))
def test_signature_of_any_set_equals_datasketch(values):
    assert signature_of(np.array(values, dtype=np.uint32), *permutations(32)).tolist() == datasketch_signature(
        values, 32
    )


def test_signature_of_the_empty_set_is_all_ones():
    assert signature_of(np.empty(0, dtype=np.uint32), *permutations(64)).tolist() == [2**32 - 1] * 64


@many
@given(st.lists(hashes32, max_size=30), st.lists(hashes32, max_size=30))
def test_signature_of_a_union_is_the_minimum_of_the_signatures(left, right):
    one, other, both = (
        signature_of(np.array(v, dtype=np.uint32), *permutations(32)) for v in (left, right, left + right)
    )
    assert np.array_equal(np.minimum(one, other), both)


@many
@given(st.lists(hashes32, min_size=32, max_size=32), shapes(), st.integers(0, 2**64 - 1))
def test_band_fingerprints_equal_the_oracle(signature, shape, key):
    *_, bands, rows = shape
    out = np.empty(bands, dtype=np.uint64)
    hash_bands(np.array(signature, dtype=np.uint32), bands, rows, np.uint64(key), out)
    assert out.tolist() == band_hashes(signature, bands, rows, key)


def test_equal_rows_in_two_bands_give_different_fingerprints():
    out = np.empty(16, dtype=np.uint64)
    hash_bands(np.full(64, 5, dtype=np.uint32), 16, 4, np.uint64(1), out)
    assert len(set(out.tolist())) == 16


@many
@given(st.integers(0, 500), st.integers(1, 80), st.data())
def test_windows_cover_all_words_and_none_is_superfluous(words, window, data):
    shingle, stride = data.draw(st.integers(1, window)), data.draw(st.integers(1, window))
    starts = [
        max(0, min(w * stride, words - window)) for w in range(windows_in.py_func(words, window, stride, shingle))
    ]
    assert starts == window_starts(words, (shingle, window, stride, 1, 1))
    if words < shingle:
        assert not starts
        return
    covered = {word for start in starts for word in range(start, min(words, start + window))}
    assert covered == set(range(words))
    assert starts[-1] + window >= words
    assert all(start + window < words for start in starts[:-1])


@some
@given(documents, shapes())
def test_bands_of_a_batch_equal_the_oracle(texts, shape):
    found = bands_of(texts, shape)
    assert rows_of(found) == banded_oracle(texts, shape)
    assert found.words.tolist() == [len(tokenize(text).words) for text in texts]
    assert found.invalid.tolist() == [tokenize(text).invalid for text in texts]


@pytest.mark.parametrize("words", [4, 5, 15, 16, 17, 24, 25, 100])
def test_bands_of_texts_around_a_window_equal_the_oracle(words):
    shape = (5, 16, 8, 8, 4)
    texts = [b" ".join(numbered(0, words)), b"", b" ".join(numbered(50, 50 + words))]
    assert rows_of(bands_of(texts, shape)) == banded_oracle(texts, shape)


def test_the_densest_text_fits_the_room_set_aside():
    shape = (1, 1, 1, 8, 4)
    text = b"a b c d e f g"
    assert rows_of(bands_of([text, text], shape)) == banded_oracle([text, text], shape)


def test_the_sketch_object_gives_what_the_kernel_gives():
    sketch = BandedMinHash(num_perm=32, window=16, stride=8, bands=8, rows=4)
    text = b" ".join(numbered(0, 60))
    found = sketch.sketch(np.frombuffer(text, np.uint8), np.array([0, len(text)]), derive_keys(SEED))
    assert rows_of(found) == banded_oracle([text], (5, 16, 8, 8, 4))


def test_a_batch_of_no_documents_has_no_bands():
    assert rows_of(_empty()) == []


def _empty():
    nothing, offsets = np.frombuffer(b"", dtype=np.uint8), np.zeros(1, dtype=np.int64)
    return band_documents(nothing, offsets, text_rules(), Bands(5, 16, 8, 8, 4), *permutations(32), derive_keys(0))


@some
@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 40))
def test_equal_windows_share_all_bands_wherever_they_stand(before, elsewhere, after):
    shape, passage = (5, 32, 16, 8, 4), numbered(0, 32)
    one = [*numbered(1000, 1000 + 16 * before), *passage, *numbered(2000, 2000 + after)]
    other = [*numbered(3000, 3000 + 16 * elsewhere), *passage, *numbered(4000, 4000 + after)]
    found = rows_of(bands_of([b" ".join(one), b" ".join(other)], shape))
    here = [h for d, first, h in found if (d, first) == (0, 16 * before)]
    there = [h for d, first, h in found if (d, first) == (1, 16 * elsewhere)]
    assert here[:8] == there[:8]
    assert len(here) >= 8


def test_windows_without_a_common_shingle_share_no_band():
    found = rows_of(bands_of([b" ".join(numbered(0, 64)), b" ".join(numbered(64, 128))], (5, 64, 32, 8, 4)))
    assert not {h for d, _, h in found if d == 0} & {h for d, _, h in found if d == 1}


def test_bands_are_shared_about_as_often_as_theory_says():
    # Windows of 64 words with one word changed share 55 of 65 shingles: a band of 4 agrees with p = (55 / 65)^4 = 0.51.
    shape, texts = (5, 64, 64, 32, 4), []
    for n in range(200):
        words = numbered(100 * n, 100 * n + 64)
        texts += [b" ".join(words), b" ".join([*words[:30], b"changed", *words[31:]])]
    fingerprints = bands_of(texts, shape, 128).fingerprints.reshape(-1, 2, 32)
    shared = float((fingerprints[:, 0] == fingerprints[:, 1]).mean())
    assert shared == pytest.approx((55 / 65) ** 4, abs=0.05)


def test_another_seed_shares_no_band():
    text = b" ".join(numbered(0, 64))
    data, offsets = np.frombuffer(text, np.uint8), np.array([0, len(text)])
    one, other = (
        band_documents(data, offsets, text_rules(), Bands(5, 64, 32, 8, 4), *permutations(32), derive_keys(seed))
        for seed in (1, 2)
    )
    assert not set(one.fingerprints.tolist()) & set(other.fingerprints.tolist())
