"""The text rules, one claim a rule, on the reference tokenizer."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.text import rules
from provenance.text.places import word_places
from provenance.text.reference import code_points, fold, tokenize, words
from provenance.text.tables import fold_table

some = settings(max_examples=300, deadline=None)

SHY, ZWSP, ZWNJ, ZWJ, WJ, BOM, LRM, CGJ = "\u00ad", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u200e", "\u034f"
PLAIN = "abcdefghijklmnopqrstuvwxyz0123456789"
NASTY = list("aZ9 .\t\r\n-'’ʼ‐‑—½⑴ßﬁœéÅïжΩ中の한ภါ🙂㍍\u0301\u0345\u20dd\x00\u2028\u2029\u3000\ufffd\u3164") + [
    SHY,
    ZWSP,
    BOM,
]
texts = st.one_of(st.text(), st.lists(st.sampled_from(NASTY), max_size=40).map("".join))
latin_words = st.lists(st.text(PLAIN, min_size=1, max_size=12), min_size=1, max_size=8)


def spans(data: bytes) -> list[bytes]:
    return [data[word.begin : word.end] for word in words(data)]


@some
@given(texts | st.lists(st.sampled_from([*"aZ9.\n -'中", SHY, ZWJ, "\u0301"]), max_size=16).map("".join))
def test_places_by_a_regular_expression_are_those_of_the_reference(text):
    valid = text.encode("utf-8", "replace")
    assert word_places(valid.decode()) == [(word.begin, word.end) for word in words(valid)]


# Rule 1: UTF-8, invalid sequences separate and are counted


@pytest.mark.parametrize(
    ("data", "expected", "invalid"),
    [
        (b"caf\xe9 noir", ["caf", "noir"], 1),  # Latin-1
        (b"a\x80b", ["a", "b"], 1),  # continuation byte alone
        (b"a\xe2\x82b", ["a", "b"], 1),  # three-byte sequence cut short: one sequence, not two
        (b"a\xf0\x9f\x98", ["a"], 1),  # cut short by the end
        (b"\xff\xfe\xfd", [], 3),
        (b"a\xc0\xafb", ["a", "b"], 2),  # overlong
        (b"a\xed\xa0\x80b", ["a", "b"], 3),  # surrogate
        (b"a\xf4\x90\x80\x80b", ["a", "b"], 4),  # above U+10FFFF
        (b"exam-\xff\nple", ["exam", "ple"], 1),
        (b"don\xff't", ["don", "t"], 1),
    ],
)
def test_an_invalid_sequence_separates_words_and_is_counted(data, expected, invalid):
    tokens = tokenize(data)
    assert [word.folded.decode() for word in tokens.words] == expected
    assert tokens.invalid == invalid


def test_a_genuine_replacement_character_separates_but_is_not_invalid():
    assert tokenize("a\ufffdb".encode()).invalid == 0
    assert fold("a\ufffdb") == ["a", "b"]


@some
@given(st.binary())
def test_code_points_cover_every_byte_once_and_count_errors_as_cpython_does(data):
    found = list(code_points(data))
    assert [begin for _, begin, _ in found] == [0, *(end for _, _, end in found)][: len(found)]
    assert not data or found[-1][2] == len(data)
    replaced = "".join("\ufffd" if code_point < 0 else chr(code_point) for code_point, _, _ in found)
    assert replaced == data.decode("utf-8", "replace")


def test_nothing_comes_of_nothing():
    assert tokenize(b"") == ([], 0)


# Rule 2: folding, and the evasions it defeats


INVISIBLE = [ZWSP, ZWNJ, ZWJ, WJ, BOM, LRM, CGJ, "\u061c", "\u3164", "\ufe0f", "\U000e0061"]


@pytest.mark.parametrize("invisible", [*INVISIBLE, SHY])
def test_an_invisible_character_inside_a_word_does_not_change_it(invisible):
    assert fold(f"pro{invisible}ve{invisible}{invisible}nance") == ["provenance"]


@some
@given(latin_words, st.randoms(use_true_random=False), st.lists(st.sampled_from(INVISIBLE)))
def test_zero_width_characters_anywhere_change_no_word(plain, random, invisible):
    text = list("don't to-day exam-\nple " + " ".join(plain))
    for character in invisible:
        text.insert(random.randint(0, len(text)), character)
    assert fold("".join(text)) == ["dont", "today", "example", *plain]


@some
@given(latin_words, st.randoms(use_true_random=False))
def test_soft_hyphens_inside_words_change_no_word(plain, random):
    hidden = ["".join(c + SHY * random.randint(0, 2) for c in word[:-1]) + word[-1] for word in plain]
    assert fold(" ".join(hidden)) == plain


@pytest.mark.parametrize(
    ("evasion", "plain"),
    [
        ("Тhе quісk brоwn fох", "The quick brown fox"),  # Cyrillic
        ("τηε quιcκ βrοwn", "the quick brown"),  # Greek
        ("ꓔꓧꓰ ꓠꓰꓪꓢ", "THE NEWS"),  # Lisu
        ("ᎪᎡᎢ", "ART"),  # Cherokee
        ("ⅿⅰⅹed", "mixed"),  # Roman numerals
        ("dıɑɡram", "diagram"),
    ],
)
def test_homoglyphs_of_other_scripts_read_as_latin(evasion, plain):
    assert fold(evasion) == fold(plain)
    assert "".join(fold(evasion)).isascii()


@some
@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_full_width_forms_read_as_ascii(text):
    wide = "".join("\u3000" if c == " " else chr(ord(c) + 0xFEE0) for c in text)
    assert fold(wide) == fold(text)


@pytest.mark.parametrize(
    ("evasion", "plain"),
    [
        ("oﬃce ﬁnds ﬂuﬀ ﬄ ﬅop ﬆop", "office finds fluff ffl stop stop"),
        ("Cæsar ŒUVRE Ĳssel straße ǆ", "caesar oeuvre ijssel strasse dz"),
        ("𝐓𝐡𝐞 𝒒𝓾𝔦𝕔𝖐 𝗯𝘳𝙤𝚠𝚗 ⓕⓞⓧ", "the quick brown fox"),
        ("ℌ ℝ ﬁ K Å", "h r fi k a"),
        ("x² H₂O ½ ⑴ №", "x2 h2o 12 1 no"),
        ("ﻻ", "لا"),
    ],
)
def test_ligatures_and_compatibility_forms_are_taken_apart(evasion, plain):
    assert fold(evasion) == plain.split()


@some
@given(st.text("abcXYZéÉßÆœΣσςжЖÅﬁǅ ", max_size=30))
def test_case_does_not_matter(text):
    assert fold(text.upper()) == fold(text.lower()) == fold(text.title()) == fold(text)


@pytest.mark.parametrize(
    "text", ["naïve café Ålesund", "Việt Nam", "Ǆ Ḝ ṩ", "ἄειδε θεά Πηληϊάδεω", "й ё ї", "한국어", "がぎぐ", "ক্ষো"]
)
def test_composed_and_decomposed_forms_are_the_same_words(text):
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text)) == fold(text)


def test_marks_are_dropped():
    assert fold("Ge\u0301ant crème naïve e\u20dd Zͯ") == ["geant", "creme", "naive", "e", "z"]


def test_a_spacing_mark_is_part_of_its_word():
    assert fold("किताब") == ["किताब"]


SIGNS = [", ", ". ", "; ", "! ", "? ", " (", ") ", "… ", " — ", "--", "/", "\u2028", "\u00a0", "\x00", "_"]


@some
@given(latin_words, st.sampled_from(SIGNS))
def test_punctuation_does_not_matter(plain, sign):
    assert fold(sign + sign.join(plain) + sign) == plain


# Rule 3: apostrophes and hyphens between word characters


@pytest.mark.parametrize("apostrophe", ["'", "’", "ʼ", "\uff07"])
def test_an_apostrophe_between_letters_is_ignored(apostrophe):
    assert fold(f"don{apostrophe}t rock{apostrophe}n{apostrophe}roll") == ["dont", "rocknroll"]


@pytest.mark.parametrize("text", ["'tis", "dogs'", "''a''", "'", "'a '"])
def test_an_apostrophe_at_the_edge_of_a_word_is_not_part_of_it(text):
    assert all(span.isalnum() for span in spans(text.encode()))


@pytest.mark.parametrize("joint", ["''", "’’", "'-", "-'", '"', "‘", "`", "´", " '", "' "])
def test_other_signs_than_one_apostrophe_separate(joint):
    assert fold(f"don{joint}t") == ["don", "t"]


@pytest.mark.parametrize("hyphen", ["-", "‐", "‑", "\uff0d", "\ufe63"])
def test_a_single_hyphen_between_letters_is_ignored(hyphen):
    assert fold(f"to{hyphen}day well{hyphen}to{hyphen}do 1{hyphen}2") == ["today", "welltodo", "12"]


@pytest.mark.parametrize("dash", ["--", "---", "‐-", "–", "—", "―", "−", "\u2043", " - ", " -", "- "])
def test_two_hyphens_and_dashes_separate(dash):
    assert fold(f"to{dash}day") == ["to", "day"]


@pytest.mark.parametrize("hyphen", ["-", "‐", "‑", SHY])
@pytest.mark.parametrize("end", ["\n", "\r\n", " \n", "\t \r\n", "\n  ", "\r\n\t", " \n ", "\u00a0\n\u3000", "\u2028"])
def test_a_hyphen_at_a_line_end_joins(hyphen, end):
    assert fold(f"an exam{hyphen}{end}ple") == ["an", "example"]


@pytest.mark.parametrize("hyphen", ["-", "‐", SHY])
@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\n \n", "\u2029", "\n\u2029", "\f", "\n\f"])
def test_a_hyphen_before_a_paragraph_or_page_break_does_not_join(hyphen, end):
    assert fold(f"an exam{hyphen}{end}ple") == ["an", "exam", "ple"]


@pytest.mark.parametrize("joint", ["\n", "--\n", "—\n", " -\n", "-.\n", "'\n", "-\n-", "-\r"])
def test_a_line_end_without_one_hyphen_before_it_separates(joint):
    assert fold(f"exam{joint}ple") == ["exam", "ple"]


@pytest.mark.parametrize("text", [f"exam{SHY} ple", f"exam{SHY}--ple", f"exam{SHY}.ple"])
def test_a_soft_hyphen_joins_nothing_but_letters_and_lines(text):
    assert fold(text) == ["exam", "ple"]


def test_a_soft_hyphen_beside_an_apostrophe_or_a_hyphen_does_not_part_the_word():
    assert (
        fold(f"don{SHY}'t don'{SHY}t to{SHY}-day to-{SHY}day exam-{SHY}\nple")
        == "dont dont today today example".split()
    )


def test_an_invisible_character_between_hyphen_and_line_end_does_not_hinder_the_join():
    assert fold(f"exam{ZWSP}-{ZWSP}\n{ZWSP}ple") == ["example"]


@pytest.mark.parametrize("text", ["-a", "a-", "a-\n", "'a'", f"{SHY}a{SHY}", "a- \n ", f"{ZWSP}a"])
def test_signs_before_and_after_a_word_lie_outside_its_offsets(text):
    assert spans(text.encode()) == [b"a"]


# Rule 4: scripts without spaces


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("Han", "道可道非常道〇豈々𠀀"),
        ("Hiragana", "わがはいはねこ"),
        ("Katakana", "カタカナー"),
        ("Thai", "ภาษาไทย"),
        ("Lao", "ພາສາລາວ"),
        ("Khmer", "ភាសាខមរ"),
        ("Myanmar", "ဘာသာ"),
    ],
)
def test_each_code_point_of_a_script_without_spaces_is_a_word(script, text):
    assert len(fold(text)) == len(text)
    assert "".join(spans(text.encode())[i].decode() for i in range(len(text))) == text


def test_half_width_katakana_and_compatibility_ideographs_are_their_plain_forms():
    assert fold("ｶﾀｶﾅ 豈") == ["カ", "タ", "カ", "ナ", "豈"]


def test_a_letter_of_a_spaceless_script_separates_the_words_beside_it():
    assert fold("iPhoneを買う a中-b中's c") == ["iphone", "を", "買", "う", "a", "中", "b", "中", "s", "c"]


def test_hyphens_and_apostrophes_join_nothing_to_a_spaceless_letter():
    assert fold("a-中 中'a 中-\n中") == ["a", "中", "中", "a", "中", "中"]


def test_hangul_and_digits_of_spaceless_scripts_form_words():
    assert [unicodedata.normalize("NFC", word) for word in fold("한국어 책 ๑๒๓")] == ["한국어", "책", "๑๒๓"]


def test_a_square_word_is_one_word():
    assert fold("㍍") == ["メートル"]


# Rule 5: offsets


def test_offsets_are_those_of_the_untouched_bytes():
    data = f"“Don’t”, ex{SHY}am-\r\n ple cafe\u0301! 道".encode()
    assert [span.decode() for span in spans(data)] == ["Don’t", f"ex{SHY}am-\r\n ple", "cafe\u0301", "道"]


def test_a_mark_belongs_to_the_letter_before_it():
    assert spans("e\u0301\u20dd か\u3099x".encode()) == ["e\u0301\u20dd".encode(), "か\u3099".encode(), b"x"]


@some
@given(st.one_of(st.binary(), texts.map(str.encode)))
def test_words_rise_do_not_overlap_and_read_alone_as_in_the_text(data):
    found = list(words(data))
    ends = [0, *(word.end for word in found)]
    assert [word for word, end in zip(found, ends, strict=False) if not end <= word.begin < word.end <= len(data)] == []
    for word in found:
        assert word.folded
        assert tokenize(data[word.begin : word.end]) == ([word._replace(begin=0, end=word.end - word.begin)], 0)


@some
@given(st.one_of(st.binary(), texts.map(str.encode)))
def test_no_word_character_lies_outside_all_words(data):
    inside = bytearray(len(data))
    for word in words(data):
        inside[word.begin : word.end] = b"\1" * (word.end - word.begin)
    letters = [
        (begin, end)
        for code_point, begin, end in code_points(data)
        if code_point >= 0 and fold_table().entry(code_point)[0] in (rules.WORD, rules.SOLO)
    ]
    assert [(begin, end) for begin, end in letters if not all(inside[begin:end])] == []


@some
@given(texts)
def test_folding_is_idempotent(text):
    folded = list(fold(text))
    assert ["".join(fold(word)) for word in folded] == folded
    for word in folded:
        again = fold(word)
        # A square word (㍍) folds to several letters of a spaceless script, which alone are as many words.
        spaceless = any(fold_table().entry(ord(c))[0] == rules.SOLO for c in word)
        assert again == [word] or (spaceless and len(word) > 1)


@some
@given(texts, texts)
def test_a_separator_makes_the_halves_independent(left, right):
    assert fold(left + "!" + right) == fold(left) + fold(right)
