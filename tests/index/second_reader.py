"""A second reader of indexes, written from `indexes/README.md` alone: simple ASCII words, and nothing of ours."""

import json
import re
from array import array
from pathlib import Path

import pyarrow.parquet as pq

MASK = (1 << 64) - 1
KINDS = {"<u4": "I", "<u8": "Q", "u1": "B"}


def public_keys() -> tuple[int, int, int]:
    keys = []
    for n in range(1, 4):  # splitmix64, started at 0
        z = n * 0x9E3779B97F4A7C15 & MASK
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        keys.append(z ^ z >> 31)
    return keys[0], keys[1], keys[2] | 1


def fingerprint(words: list[str], keys: tuple[int, int, int]) -> int:
    word_key, x, multiplier = keys
    for word in words:
        h, data = word_key, word.encode()
        for at in range(0, len(data), 16):
            block = data[at : at + 16].ljust(16, b"\0")
            h ^= int.from_bytes(block[:8], "little")
            h = (h ^ h >> 32) * 0x9E3779B97F4A7C15 & MASK
            h = (h ^ h >> 29) + int.from_bytes(block[8:], "little") & MASK
            h = (h ^ h >> 32) * 0xBF58476D1CE4E5B9 & MASK
            h ^= h >> 32
        x = x * multiplier + h & MASK
    x = (x ^ x >> 33) * 0xFF51AFD7ED558CCD & MASK
    x = (x ^ x >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return x ^ x >> 33


def look_up(folder: Path, text: str, keys: tuple[int, int, int], hide=None) -> dict[int, list[tuple[str, int]]]:
    """For each word of the text at which a kept shingle begins: editions and words that have the same one."""
    index = json.loads((folder / "index.json").read_text())
    read = {n: array(KINDS[k], (folder / n).read_bytes()) for n, k in (
        ("buckets.bin", index["bucket_dtype"]), ("fingerprints.u32", "<u4"), ("postings.u32", "<u4"))}  # fmt: skip
    editions = pq.read_table(folder / "editions.parquet", columns=["edition_id", "first_word", "words"]).to_pylist()
    largest, bits, found = MASK // index["sketch"]["scale"], index["bucket_bits"], {}
    words, size = re.findall(r"[a-z0-9]+", text.lower()), index["sketch"]["shingle"]
    for at in range(len(words) - size + 1):
        if (h := fingerprint(words[at : at + size], keys)) <= largest:
            value = (hide(h) if hide else h << (64 - largest.bit_length())) >> 16
            bucket, rest = value >> 48 - bits, value & (1 << 48 - bits) - 1
            run = range(read["buckets.bin"][bucket], read["buckets.bin"][bucket + 1])
            places = [read["postings.u32"][n] for n in run if read["fingerprints.u32"][n] == rest]
            found[at] = [(e["edition_id"], p - e["first_word"]) for p in places for e in editions
                         if e["first_word"] <= p < e["first_word"] + e["words"]]  # fmt: skip
    return found
