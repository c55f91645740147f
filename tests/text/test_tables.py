"""The committed fold table: it is what `generate` makes, and what the rules say, code point by code point."""

from __future__ import annotations

import string
import unicodedata

import numpy as np
import pytest

from provenance.text import generate, rules
from provenance.text.generate import CONFUSABLES, INVISIBLE_LETTERS
from provenance.text.tables import TABLE_FILE, FoldTable, fold_table, pack_entry

SAME_UNICODE = unicodedata.unidata_version == fold_table().unicode_version
CODE_POINTS = [cp for cp in range(0x110000) if not 0xD800 <= cp < 0xE000]


@pytest.fixture(scope="module")
def entries() -> dict[int, tuple[int, bytes]]:
    table = fold_table()
    return {cp: table.entry(cp) for cp in CODE_POINTS}


@pytest.mark.skipif(
    not SAME_UNICODE,
    reason=f"this Python has Unicode {unicodedata.unidata_version}, the table {fold_table().unicode_version}",
)
def test_the_committed_table_is_the_generated_one():
    built, committed = generate.build(), fold_table()
    assert np.array_equal(built.pages, committed.pages)
    assert np.array_equal(built.entries, committed.entries)
    assert np.array_equal(built.folds, committed.folds)


# Code points whose general category Unicode changed after version 14, so that a newer Python classifies them otherwise.
RECLASSIFIED = {0x1171E}  # AHOM CONSONANT SIGN MEDIAL RA: Mn to Mc in 17


@pytest.mark.skipif(SAME_UNICODE, reason="compared whole by test_the_committed_table_is_the_generated_one")
def test_code_points_of_both_unicode_versions_are_classified_alike(entries):
    # The table does not say what was assigned: what it does not call a separator was, and so was all of Unicode 3.2.
    assigned = (
        cp
        for cp in CODE_POINTS
        if unicodedata.category(chr(cp)) != "Cn"
        and cp not in RECLASSIFIED
        and (entries[cp][0] != rules.SEPARATOR or unicodedata.ucd_3_2_0.category(chr(cp)) != "Cn")
    )
    wrong = {}
    for cp in assigned:
        kind, folded = generate.classify(cp)
        if entries[cp] != (kind, folded.encode()):
            wrong[hex(cp)] = (entries[cp], (kind, folded))
    assert not wrong


def test_every_ascii_code_point_has_the_class_and_fold_written_here(entries):
    expected = dict.fromkeys(range(128), (rules.SEPARATOR, b""))
    expected |= {ord(c): (rules.WORD, c.lower().encode()) for c in string.ascii_letters + string.digits}
    expected |= {ord(c): (rules.SPACE, b"") for c in " \t\r"}
    expected |= {ord("\n"): (rules.NEWLINE, b""), ord("-"): (rules.HYPHEN, b""), ord("'"): (rules.APOSTROPHE, b"")}
    assert {cp: entries[cp] for cp in range(128)} == expected


@pytest.mark.parametrize(
    ("kind", "characters"),
    [
        (rules.SEPARATOR, '\x00\x0b\x0c\x7f\x85.,;:!?"`_@#$%&()*+/—–‘“”…\u2029\u2212\ufffd\ue000🙂\U0010ffff'),
        (rules.WORD, "aZ0éßﬁæжΩאبकি한ᄀ½⑴²Ⅳ𝐀𐐀๑٣"),
        (rules.SOLO, "中豈〇々𠀀のカｶーภาລខမာ㍍㋀"),
        (
            rules.IGNORED,
            "\u0301\u20dd\u200b\u200c\u200d\u200e\u2060\ufeff\ufe0f\u034f\u061c\u3164\u115f\u1160\uffa0\U000e0061",
        ),
        (rules.APOSTROPHE, "'’ʼ\uff07"),
        (rules.HYPHEN, "-‐‑\uff0d\ufe63"),
        (rules.SPACE, " \t\r\u00a0\u2003\u2009\u202f\u3000"),
        (rules.NEWLINE, "\n\u2028"),
        (rules.SOFT_HYPHEN, "\u00ad"),
    ],
)
def test_every_class_has_the_members_it_should(entries, kind, characters):
    assert {c: entries[ord(c)][0] for c in characters} == dict.fromkeys(characters, kind)


def test_only_the_named_code_points_can_join_words(entries):
    members = {kind: {cp for cp, entry in entries.items() if entry[0] == kind} for kind in range(16)}
    assert members[rules.APOSTROPHE] == {0x27, 0x2019, 0x2BC, 0xFF07}
    assert members[rules.HYPHEN] == {0x2D, 0x2010, 0x2011, 0xFE63, 0xFF0D}
    assert members[rules.NEWLINE] == {0x0A, 0x2028}
    assert members[rules.SOFT_HYPHEN] == {0xAD}
    assert not any(members[kind] for kind in range(9, 16))


def test_words_and_only_words_have_a_fold(entries):
    assert all(bool(folded) == (kind in (rules.WORD, rules.SOLO)) for kind, folded in entries.values())


def test_folds_are_valid_utf8_without_nul_so_that_padding_a_hash_with_zeros_is_safe(entries):
    assert all(folded.decode() and b"\0" not in folded for _, folded in entries.values() if folded)


def test_the_fold_of_every_code_point_is_a_fixpoint(entries):
    folds = {folded.decode() for _, folded in entries.values() if folded}
    letters = {c for folded in folds for c in folded}
    assert all(entries[ord(c)][0] in (rules.WORD, rules.SOLO) for c in letters)
    assert all(entries[ord(c)][1] == c.encode() for c in letters)


def test_a_word_of_spaceless_letters_is_told_by_its_fold(entries):
    solo = {cp for cp, (kind, _) in entries.items() if kind == rules.SOLO}
    assert all(any(ord(c) in solo for c in folded.decode()) for kind, folded in entries.values() if kind == rules.SOLO)
    assert not any(ord(c) in solo for kind, folded in entries.values() if kind == rules.WORD for c in folded.decode())


def test_the_case_of_every_code_point_is_ignored(entries):
    def folds(text: str) -> bytes:
        return b"".join(entries[ord(c)][1] for c in text)

    forms = (str.upper, str.lower, str.title, str.casefold)
    pairs = [(chr(cp), form(chr(cp))) for cp in CODE_POINTS if entries[cp][1] for form in forms]
    known = [(a, b) for a, b in pairs if SAME_UNICODE or all(entries[ord(c)][0] != rules.SEPARATOR for c in b)]
    assert [(a, b) for a, b in known if folds(a) != folds(b)] == []


def test_canonically_equivalent_code_points_fold_alike(entries):
    different = []
    for cp in CODE_POINTS if SAME_UNICODE else [cp for cp in CODE_POINTS if entries[cp][1]]:
        parts = unicodedata.normalize("NFD", chr(cp))
        if parts != chr(cp) and b"".join(entries[ord(c)][1] for c in parts) != entries[cp][1]:
            different.append(hex(cp))
    # Notes of music decompose into a head (a sign) and a stem, which is a spacing mark and so counts as a letter.
    assert all(0x1D15E <= int(cp, 16) <= 0x1D1C0 for cp in different)


def test_every_look_alike_folds_to_its_latin_letter(entries):
    assert {c: entries[ord(c)][1].decode() for c in CONFUSABLES} == CONFUSABLES
    assert all(latin.isascii() and latin.isalpha() and latin.islower() for latin in CONFUSABLES.values())


def test_every_mark_and_format_character_is_ignored(entries):
    dropped = {cp for cp in CODE_POINTS if unicodedata.category(chr(cp)) in ("Mn", "Me", "Cf")}
    dropped |= {ord(c) for c in INVISIBLE_LETTERS}
    if not SAME_UNICODE:
        dropped = {cp for cp in dropped if entries[cp][0] != rules.SEPARATOR} - RECLASSIFIED
    # U+0345 is the iota below, which case folding makes a letter as it does in the composed letters.
    assert {cp for cp in dropped if entries[cp][0] != rules.IGNORED} == {0xAD, 0x345}
    assert {cp for cp, (kind, _) in entries.items() if kind == rules.IGNORED} >= dropped - {0xAD, 0x345}


def test_the_first_page_is_that_of_ascii_as_the_kernel_takes_for_granted():
    assert fold_table().pages[0] == 0


def test_every_entry_lies_inside_the_table():
    table = fold_table()
    length, place = table.entries >> 4 & 63, table.entries >> 10
    assert table.pages.shape == (0x1100,)
    assert int(table.pages.max()) * 256 + 256 == table.entries.size
    assert int((length + place).max()) <= table.folds.size


def test_a_saved_table_is_read_back_without_pickle(tmp_path):
    table = fold_table()
    table.save(tmp_path / TABLE_FILE)
    with np.load(tmp_path / TABLE_FILE, allow_pickle=False) as arrays:
        again = FoldTable(
            arrays["pages"], arrays["entries"], arrays["folds"], arrays["unicode_version"].tobytes().decode()
        )
    assert np.array_equal(again.pages, table.pages)
    assert np.array_equal(again.entries, table.entries)
    assert np.array_equal(again.folds, table.folds)
    assert again.unicode_version == table.unicode_version


@pytest.mark.parametrize("entry", [(16, 0, 0), (-1, 0, 0), (1, 64, 0), (1, 0, 1 << 22)])
def test_an_entry_that_does_not_fit_its_bits_is_refused(entry):
    with pytest.raises(ValueError, match="fold entry out of range"):
        pack_entry(*entry)
