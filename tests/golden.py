"""Golden vectors of everything that ends up on disk: words, offsets, hashes, fingerprints, signatures, keys.

`python tests/golden.py` rewrites `tests/golden.json`. A difference means that indexes already written no longer
fit: it needs a new version of the text rules or of the index format, not just a new file. Another implementation
can be checked against the file alone; 64-bit numbers are hexadecimal strings, because JSON readers round them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from provenance.kernels.fingerprints import fingerprints_of
from provenance.kernels.hashing import derive_keys
from provenance.kernels.minhash import signature_of
from provenance.kernels.probe import (
    bucket_bits,
    bucket_starts,
    fill_filter,
    filter_shape,
    largest_value,
    lift_of,
    stored_values,
)
from provenance.kernels.words import words_of
from provenance.sketch import BandedMinHash, FracMinHash, Key, permutations
from provenance.text.reference import words
from provenance.text.rules import TEXT_RULES_VERSION

GOLDEN_FILE = Path(__file__).with_suffix(".json")
SEEDS = (0, 0x1234_5678_9ABC_DEF0)
SHINGLE = 5
SCALES = (1, 2, 3, 4, 7, 8, 32, 1000, 1 << 32)
SECRETS = (b"sixteen bytes ok", bytes(range(32)))

TEXTS: dict[str, bytes] = {
    "empty": b"",
    "one word": b"Provenance",
    "only separators": " \t\r\n.,;!—…".encode(),
    "english": b"It was the best of times, it was the worst of times, it was the age of wisdom.",
    "apostrophes": "Don't, don’t, donʼt, dont; 'tis the dogs' rock 'n' roll, it''s".encode(),
    "hyphens": "to-day to‐day to‑day today; to--day, to—day, to - day, -day to-".encode(),
    "line ends": b"an exam-\nple, an exam-\r\nple, an exam- \t\r\n  ple; no exam-\n\nple, no exam\nple",
    "soft hyphens": "ex\u00adam\u00adple, exam\u00ad\nple, exam\u00ad ple".encode(),
    "zero width": "zero\u200bwidth \ufeffzero\u200dwidth zero\u2060width\u200e z\u034fero".encode(),
    "homoglyphs": "Тhе quісk brоwn fох jumрs оvеr thе lаzу dоg, ΤΗΕ quιck βrown".encode(),
    "full width": "Ｔｈｅ　ｑｕｉｃｋ－ｂｒｏｗｎ　ｆｏｘ＇ｓ　１２３！".encode(),
    "ligatures": "The oﬃce ﬁnds ﬂuﬀy Œuvres, Cæsar's ﬆraße, Ĳssel".encode(),
    "mathematical": "𝐓𝐡𝐞 𝒒𝓾𝔦𝕔𝖐 𝗯𝘳𝙤𝚠𝚗 ⓕⓞⓧ ℌ ½ ⑴ x² H₂O".encode(),
    "combining marks": "cafe\u0301 café naı\u0308ve naïve Å A\u030a e\u20dd\u0301x A\u0328\u0301".encode(),
    "greek and cyrillic": "Μῆνιν ἄειδε, θεά, Πηληϊάδεω Ἀχιλῆος; Все счастливые семьи похожи".encode(),
    "arabic and hebrew": "بِسْمِ ٱللَّٰهِ ﷺ ﻻ ٣٤ בְּרֵאשִׁית בָּרָא".encode(),
    "indic": "हिन्दी में किताब, বাংলা বই, தமிழ் நூல்".encode(),
    "chinese": "道可道，非常道。名可名，非常名。〇豈𠀀".encode(),
    "japanese": "吾輩は猫である。ｶﾞｷﾞ カード ㍍ ㋀".encode(),
    "korean": "한국어 책, 한국어\u3164책 ㈀".encode(),
    "thai lao khmer myanmar": "ภาษาไทย ๑๒ ພາສາລາວ ໜ ភាសាខ្មែរ မြန်မာဘာသာ".encode(),
    "mixed scripts": "Tokyo東京2020年 iPhoneを買う a中-b c's中's".encode(),
    "long words": (
        b"sixteen-bytes-abc abcdefghijklmnop abcdefghijklmnopq "
        b"donaudampfschifffahrtsgesellschaft abcdefghijklmnopabcdefghijklmnop abcdefghijklmnopabcdefghijklmnopq "
        + b"llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch "
        * 2
    ),
    "digits and signs": b"In 1984, 3.14 x 10^-7 = $2,000.50; A_B #tag @user user@example.org 50% C++ 1/2",
    "invalid utf-8": b"caf\xe9 noir \xff\xfe a\x80b \xe2\x82 c\xe2\x82d \xc0\xaf \xf4\x90\x80\x80 end\xf0\x9f\x98",
    "surrogates and overlong": b"a\xed\xa0\x80b \xe0\x80\x80 \xf0\x80\x80\x80 \xf8\x88\x80\x80\x80 ok",
    "control characters": b"a\x00b c\x00\x00d e\x07f g\x0bh i\x0cj k\x7fl",
    "astral": "𐐀𐐨 𐎠𐎡 𝟘𝟙 🙂x🙂 👩\u200d👩\u200d👧 end".encode(),
}


def vectors() -> dict[str, Any]:
    """All golden vectors, as they stand in the file."""
    return {
        "text_rules_version": TEXT_RULES_VERSION,
        "shingle": SHINGLE,
        "keys": {_hex(seed): _hexes(derive_keys(seed)) for seed in SEEDS},
        "texts": {name: text_vector(data) for name, data in TEXTS.items()},
        "max_kept": {str(scale): _hex(FracMinHash(scale=scale).max_kept) for scale in SCALES},
        "minhash": minhash_vector(),
        "banded": banded_vector(),
        "table": table_vector(),
        "secrets": {secret.hex(): secret_vector(secret) for secret in SECRETS},
    }


def text_vector(data: bytes) -> dict[str, Any]:
    """Words, offsets, hashes and fingerprints of one text."""
    array = np.frombuffer(data, dtype=np.uint8)
    cut = words_of(array, derive_keys(0))
    seeded = {seed: words_of(array, derive_keys(seed)).hashes for seed in SEEDS}
    return {
        "bytes": data.hex(),
        "words": [word.folded.decode() for word in words(data)],
        "begins": cut.begins.tolist(),
        "ends": cut.ends.tolist(),
        "invalid": cut.invalid,
        "word_hashes": {_hex(seed): _hexes(hashes) for seed, hashes in seeded.items()},
        "fingerprints": {
            _hex(seed): _hexes(fingerprints_of(hashes, SHINGLE, derive_keys(seed))) for seed, hashes in seeded.items()
        },
    }


def minhash_vector() -> dict[str, Any]:
    """A signature of 128 permutations over a few 32-bit hashes."""
    hashes = np.array([0, 1, 0x7FFFFFFF, 0x80000000, 0xDEADBEEF, 0xFFFFFFFF], dtype=np.uint32)
    return {"hashes": hashes.tolist(), "signature": signature_of(hashes, *permutations(128)).tolist()}


def banded_vector() -> dict[str, Any]:
    """Band fingerprints of 40 words in windows of 16."""
    sketch = BandedMinHash(num_perm=64, window=16, stride=8, bands=8, rows=4)
    data = b" ".join(b"word%d" % (n * n % 23) for n in range(40))
    offsets = np.array([0, len(data)], dtype=np.int64)
    found = sketch.sketch(np.frombuffer(data, dtype=np.uint8), offsets, derive_keys(SEEDS[1]))
    return {
        "text": data.decode(),
        "seed": _hex(SEEDS[1]),
        "sketch": {"num_perm": 64, "window": 16, "stride": 8, "bands": 8, "rows": 4},
        "positions": found.positions.tolist(),
        "fingerprints": _hexes(found.fingerprints),
    }


def table_vector() -> dict[str, Any]:
    """Membership filter and buckets of a sorted table of fingerprints with duplicates."""
    scale = 3
    table = np.sort(np.repeat(derive_keys(7) // np.uint64(scale), 2))
    table = np.sort(np.concatenate([table, np.arange(1, 40, dtype=np.uint64) * np.uint64(0x0123_4567_89AB_CDEF)]))
    most = FracMinHash(scale=scale).max_kept
    values = stored_values(table, lift_of(most))
    size, filter_scale = filter_shape(np.unique(values).size, largest_value(most))
    blocks = np.zeros(size, dtype=np.uint64)
    fill_filter(values, filter_scale, blocks)
    bits = bucket_bits(values.size)
    places = bucket_starts(values, 0, 1 << bits, bits)
    return {
        "scale": scale,
        "fingerprints": _hexes(table),
        "stored_values": _hexes(values),
        "filter": _hexes(blocks),
        "filter_scale": filter_scale,
        "bucket_bits": bits,
        "bucket_of_each": [int(np.searchsorted(places, row, side="right")) - 1 for row in range(values.size)],
    }


def secret_vector(secret: bytes) -> dict[str, Any]:
    """All that is made of a key file's bytes, and what an index under this key holds of some numbers."""
    key = Key.from_secret(secret)
    return {
        "numbers": [_hex(number) for number in key.numbers],
        "key_id": key.key_id,
        "hidden": _hexes(key.hidden(np.array(SEEDS, dtype=np.uint64))),
        "sealed": key.keyed_digest("0" * 64),
        "pseudonym": key.pseudonym("work", "moby-dick"),
    }


def _hex(number: int) -> str:
    return f"{number:016x}"


def _hexes(numbers: np.ndarray) -> list[str]:
    return [_hex(int(number)) for number in numbers]


def main() -> None:
    """Rewrite the file."""
    GOLDEN_FILE.write_text(json.dumps(vectors(), indent=1, ensure_ascii=True) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
