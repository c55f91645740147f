"""What is fuzzed: each target has valid small inputs to start from, and a function that no input may break.

An input gives a result or one of the documented errors. Whatever else comes out of the function is a fault of ours.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np

from provenance.errors import UsageError
from provenance.kernels.hashing import derive_keys
from provenance.kernels.words import words_of
from provenance.storage.locations import expand_lists
from provenance.text.reference import tokenize
from tests.fuzz import book_targets, index_targets, shard_targets
from tests.fuzz.target import BOOK, Attempt, Target

KEYS = derive_keys(0)


def text_attempt(folder: Path) -> Attempt:
    """The kernel cuts what the reference cuts."""

    def one(data: bytes) -> None:
        reference, kernel = tokenize(data), words_of(np.frombuffer(data, dtype=np.uint8), KEYS)
        places = list(zip(kernel.begins.tolist(), kernel.ends.tolist(), strict=True))
        assert places == [(word.begin, word.end) for word in reference.words]
        assert kernel.invalid == reference.invalid

    return one


def text_seeds(folder: Path) -> list[bytes]:
    texts = ["don’t exam-\nple ﬁt Straße １２ a\u00adb\u200bc", "日月盈昃 ภาษา ひらがな", "e\u0301 -- x--y 'q' 𝐀𝐁"]
    return [text.encode() for text in texts] + [BOOK[:300].encode(), b"\xff\xfe caf\xe9 \xed\xa0\x80 \xf0\x9f"]


def list_attempt(folder: Path) -> Attempt:
    def one(data: bytes) -> None:
        try:
            expand_lists(["-"], BytesIO(data))
        except UsageError as error:
            str(error).encode()

    return one


def list_seeds(folder: Path) -> list[bytes]:
    lines = [
        "a.parquet",
        "# note",
        "",
        "s3://bucket/key*.parquet",
        "gs://b/k",
        "abfss://c@account.dfs.core.windows.net/k",
    ]
    return ["\n".join(lines).encode(), b"hf://datasets/org/name@~parquet/x/*.parquet\r\naz://c/k?sig=1\n"]


TARGETS = {
    "text": Target(text_seeds, text_attempt),
    "list": Target(list_seeds, list_attempt),
    **index_targets.TARGETS,
    **shard_targets.TARGETS,
    **book_targets.TARGETS,
}
"""By the name that is given on the command line."""
