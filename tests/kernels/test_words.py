"""The word kernel agrees with the reference tokenizer, and its hashes with the oracle, whatever the bytes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracle import splitmix64, word_hash

from provenance.kernels.cutting import text_rules
from provenance.kernels.hashing import derive_keys
from provenance.kernels.words import SLACK, cut_words, most_words, words_of
from provenance.text import rules
from provenance.text.reference import ends_word, next_state, tokenize

many = settings(max_examples=1000, deadline=None)
some = settings(max_examples=200, deadline=None)

KEYS = derive_keys(0x1234_5678_9ABC_DEF0)
PIECES = [
    *(
        c.encode() for c in "aZ09éßæﬁﬃœÆ½⑴²жΩΣςא한ᄀक中〇のーｶภ๑ລខမ㍍㋀ﷺ𐐀𝐀𠀀"
    ),  # letters, digits, and what folds to several
    *(c.encode() for c in " .\t\r\n-'_’ʼ‐‑–—\u2028\u2029\u00a0\u3000\x00\x7f\x85🙂\ufffd"),  # signs
    *(c.encode() for c in "\u00ad\u200b\u200d\u2060\ufeff\u200e\u0301\u0345\u20dd\u3099\u3164\u115f"),  # not on paper
    *(b"--", b"''", b"\r\n", b"-\n", b"-\r\n", b"- \n", b"\xc2\xad\n", b"\n\n", b"abcdefgh", b"abcdefghijklmnop"),
    *(b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xf0\x9f", b"\xe0", b"\xf4"),  # truncated
    *(b"\xc0\xaf", b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xed\xa0\x80", b"\xed\xbf\xbf"),  # overlong, surrogates
    *(b"\xf4\x90\x80\x80", b"\xf5", b"\xff", b"\xfe", b"\x80", b"\xbf"),  # above U+10FFFF, never valid
]
nasty = st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join)


@st.composite
def mutated(draw):
    data = bytearray(draw(st.one_of(nasty, st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))))
    for _ in range(draw(st.integers(0, 4))) if data else ():
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    cut = draw(st.integers(0, 4))
    return bytes(data[cut : len(data) - draw(st.integers(0, 4))])


texts = st.one_of(st.binary(max_size=80), nasty, mutated())


def array(data: bytes) -> np.ndarray:
    return np.frombuffer(data, dtype=np.uint8)


def assert_kernel_agrees(data: bytes) -> None:
    reference, kernel = tokenize(data), words_of(array(data), KEYS)
    offsets = zip(kernel.begins.tolist(), kernel.ends.tolist(), strict=True)
    assert list(offsets) == [(word.begin, word.end) for word in reference.words]
    assert kernel.hashes.tolist() == [word_hash(word.folded, int(KEYS[0])) for word in reference.words]
    assert kernel.invalid == reference.invalid


@many
@given(st.binary())
def test_kernel_equals_reference_on_any_bytes(data):
    assert_kernel_agrees(data)


@many
@given(st.text())
def test_kernel_equals_reference_on_any_text(text):
    assert_kernel_agrees(text.encode())


@many
@given(nasty)
def test_kernel_equals_reference_on_nasty_pieces(data):
    assert_kernel_agrees(data)


@many
@given(
    st.lists(st.text("ЖёжЯßéŒſΣςאع", max_size=40) | st.sampled_from([" ", ", ", "-\n", "a", "’"]), max_size=12).map(
        "".join
    )
)
def test_kernel_equals_reference_on_long_words_of_two_byte_letters(text):
    assert_kernel_agrees(text.encode())


@many
@given(mutated())
def test_kernel_equals_reference_on_mutations(data):
    assert_kernel_agrees(data)


def test_kernel_equals_reference_on_every_code_point():
    assert_kernel_agrees("".join(chr(cp) for cp in range(0x110000) if not 0xD800 <= cp < 0xE000).encode())


def test_kernel_equals_reference_on_every_sequence_of_five_classes():
    members = {
        rules.WORD: b"a",
        rules.SOLO: "中".encode(),
        rules.IGNORED: "\u0301".encode(),
        rules.APOSTROPHE: b"'",
        rules.HYPHEN: b"-",
        rules.SPACE: b" ",
        rules.NEWLINE: b"\n",
        rules.SOFT_HYPHEN: "\u00ad".encode(),
    }
    sequences = (b"".join(sequence) for sequence in itertools.product(members.values(), repeat=5))
    assert_kernel_agrees(b".".join(sequences))  # a separator returns every state to the first


def test_kernel_equals_reference_on_every_pair_of_bytes():
    assert_kernel_agrees(b" ".join(bytes(pair) for pair in itertools.product(range(256), repeat=2)))


def test_kernel_equals_reference_at_the_edges_of_every_range_of_long_sequences():
    edges = b"\x20\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xff"
    sequences = itertools.product(
        b"\xdf\xe0\xe1\xec\xed\xee\xef\xf0\xf1\xf3\xf4\xf5", edges, edges, b"\x7f\x80\xbf\xc0"
    )
    assert_kernel_agrees(b"a".join(bytes(sequence) for sequence in sequences))


@pytest.mark.parametrize("length", [1, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 48, 49, 1000])
def test_words_of_every_length_around_a_block_are_hashed_like_the_oracle(length):
    assert_kernel_agrees(b"abcdefghijklmnopqrstuvwxyz0123456789"[: length % 36 or 36] * (length // 36 + 1))
    assert_kernel_agrees(b"x" * length + b" " + b"y" * length)
    assert_kernel_agrees("é".encode() * length + b" " + "𐐀".encode() * length)


def test_a_fold_that_straddles_two_blocks_is_hashed_like_the_oracle():
    for filled in range(20):
        assert_kernel_agrees(b"a" * filled + "ﷺ ﬃ½한".encode())


@many
@given(texts)
def test_invalid_sequences_are_as_many_as_cpython_replaces(data):
    assume(b"\xef\xbf\xbd" not in data)
    assert words_of(array(data), KEYS).invalid == data.decode("utf-8", "replace").count("\ufffd")


@many
@given(texts)
def test_words_never_exceed_their_bound_and_nothing_is_written_behind_it(data):
    room, guard = most_words(len(data)), 0x5EA1
    hashes = np.full(room + 8, guard, dtype=np.uint64)
    begins, ends = np.full(room + 8, guard, dtype=np.uint32), np.full(room + 8, guard, dtype=np.uint32)
    count, _ = cut_words(array(data), 0, len(data), text_rules(), KEYS[0], hashes[:room], begins[:room], ends[:room])
    assert count <= room
    assert all((column[room:] == guard).all() for column in (hashes, begins, ends))


@pytest.mark.parametrize("data", [b"", b"a", b"a ", b"a b", b"a b ", b"a b c", "a中b".encode(), "a中b中c".encode()])
def test_the_bound_of_words_is_reached(data):
    assert len(words_of(array(data), KEYS).hashes) == most_words(len(data)) - SLACK


SPACELESS = "名道が。、，ー" + "か\u3099" + "ｶﾞ" + "한\u1112" + "ไทย" + "\u0e48" + "\u3000" + " a-’\n"
EUROPEAN = "aéßæŒçñ’'-–«» 1" + "жёйЁ" + "ﬁ" + "\u0301\u00ad\u200b"


@pytest.mark.parametrize("alphabet", [SPACELESS, EUROPEAN])
@settings(max_examples=600, deadline=None)
@given(st.data())
def test_scripts_with_paths_of_their_own_are_cut_as_the_reference_does(alphabet, data):
    text = data.draw(st.text(alphabet=alphabet, max_size=300)).encode()
    assert_kernel_agrees(text)
    assert_kernel_agrees(text + b" " * 24)  # the paths that read ahead take what is not near the end


@some
@given(texts, texts, texts)
def test_a_slice_is_cut_as_if_nothing_lay_around_it(before, data, after):
    room = most_words(len(data))
    hashes, begins, ends = np.empty(room, np.uint64), np.empty(room, np.uint32), np.empty(room, np.uint32)
    start = len(before)
    count, invalid = cut_words(
        array(before + data + after), start, start + len(data), text_rules(), KEYS[0], hashes, begins, ends
    )
    alone = words_of(array(data), KEYS)
    assert (hashes[:count].tolist(), invalid) == (alone.hashes.tolist(), alone.invalid)
    assert (begins[:count].tolist(), ends[:count].tolist()) == (alone.begins.tolist(), alone.ends.tolist())


@some
@given(texts)
def test_hashes_are_the_same_whether_or_not_offsets_are_asked_for(data):
    hashes, nothing = np.empty(most_words(len(data)), np.uint64), np.empty(0, np.uint32)
    count, _ = cut_words(array(data), 0, len(data), text_rules(), KEYS[0], hashes, nothing, nothing)
    assert hashes[:count].tolist() == words_of(array(data), KEYS).hashes.tolist()


def test_transitions_are_those_of_the_reference():
    transitions = text_rules().transitions.reshape(8, 16)
    for state, kind in itertools.product(range(8), range(9)):
        assert transitions[state, kind] & 7 == next_state(state, kind)
        assert bool(transitions[state, kind] & 8) == (state != rules.OUT and ends_word(state, kind))


def test_keys_are_the_published_outputs_of_splitmix64():
    assert splitmix64(1234567, 3) == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert derive_keys(1234567).tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert derive_keys(0).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


@some
@given(st.integers(0, 2**64 - 1))
def test_the_shingle_multiplier_is_odd_for_every_seed(seed):
    keys = splitmix64(seed, 3)
    assert derive_keys(seed).tolist() == [keys[0], keys[1], keys[2] | 1]


def test_another_key_gives_other_hashes():
    data = array(b" ".join(b"w%d" % n for n in range(1000)))
    assert not set(words_of(data, derive_keys(1)).hashes.tolist()) & set(words_of(data, derive_keys(2)).hashes.tolist())


def test_words_that_differ_by_a_letter_anywhere_have_unrelated_hashes():
    base = b"abcdefghijklmnopqrstuvwxyzabcdefghijkl"
    changed = [base[:i] + b"0" + base[i + 1 :] for i in range(len(base))] + [base[:i] for i in range(1, len(base) + 1)]
    hashes = words_of(array(b" ".join(changed)), KEYS).hashes.tolist()
    assert len(set(hashes)) == len(changed)
    bits = [(a ^ b).bit_count() for a, b in itertools.combinations(hashes, 2)]
    assert 31 < sum(bits) / len(bits) < 33
    assert min(bits) > 8
