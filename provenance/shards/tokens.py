"""Token ids become text again: decoded in batches, split at the end-of-text id, and checked for the right tokenizer."""

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from provenance.errors import UsageError
from provenance.process.extras import load, tokenizers

END_OF_TEXT = ("<|endoftext|>", "<|end_of_text|>", "<|eot_id|>", "<|im_end|>", "</s>", "<eos>", "[SEP]", "<|return|>")
"""Names by which tokenizers call the token that ends a document, of which one has to be in `tokenizer.json`."""

MOST_TOKENIZER_BYTES = 1 << 28
CHECKED_TEXTS, CHECKED_TOKENS = 16, 512  # of a part, encoded again to see whether the same ids come out
LEAST_CHECKED = 64  # fewer tokens say nothing
LEAST_AGREEMENT = 0.8  # of the ids; the right tokenizer gives nearly all of them back
MOST_UNKNOWN = 0.001  # share of ids that the tokenizer does not have
MOST_UNPRINTABLE = 0.02  # share of characters that are no text: controls, and U+FFFD for what is no UTF-8

Ids = npt.NDArray[np.integer]


@dataclass
class Health:
    """What tells the right tokenizer from a wrong one, over the texts decoded so far."""

    tokens: int = 0
    unknown: int = 0
    characters: int = 0
    unprintable: int = 0
    texts_checked: int = 0
    checked: int = 0  # ids that were encoded again
    agreed: int = 0

    def complaint(self) -> str | None:
        """Why the tokenizer seems to be another one than the shard was made with, or None."""
        if self.unknown > MOST_UNKNOWN * self.tokens:
            return f"{self.unknown:,} of {self.tokens:,} token ids are not in its vocabulary"
        if self.unprintable > MOST_UNPRINTABLE * self.characters:
            return f"{100 * self.unprintable / self.characters:.0f} % of the decoded characters are no printable text"
        if self.checked >= LEAST_CHECKED and self.agreed < LEAST_AGREEMENT * self.checked:
            return f"only {100 * self.agreed / self.checked:.0f} % of the ids come out again when the text is encoded"
        return None


class Decoder:
    """A `tokenizer.json` and the ids at which packed sequences are split."""

    def __init__(self, path: str, end_of_text: int | None = None) -> None:
        """Raises UsageError where the file is no tokenizer, or the extra `tokens` is not installed."""
        raw = _read(Path(path))
        self.path, self.sha256 = path, hashlib.sha256(raw).hexdigest()
        load("tokenizers")
        try:
            self._tokenizer = tokenizers.Tokenizer.from_str(raw.decode())
        except Exception as error:  # the library raises Exception itself
            raise UsageError(f"tokenizer {path} cannot be used: {error}") from error
        vocabulary = self._tokenizer.get_vocab(with_added_tokens=True)
        self.vocabulary = max(vocabulary.values(), default=-1) + 1
        if end_of_text is not None and not 0 <= end_of_text < self.vocabulary:
            ids = f"0 to {self.vocabulary - 1}"
            raise UsageError(f"--end-of-text {end_of_text} is no id of tokenizer {path}: it has {ids}")
        named = [vocabulary[name] for name in END_OF_TEXT if name in vocabulary]
        self.end_of_text = np.array(named if end_of_text is None else [end_of_text], dtype=np.int64)
        self.health = Health()

    def spans(self, ids: Ids) -> list[tuple[int, int]]:
        """Where the documents in a sequence of ids begin and end: those with a token, between end-of-text ids."""
        edges = [-1, *np.flatnonzero(np.isin(ids, self.end_of_text)).tolist(), len(ids)]
        return [(low + 1, high) for low, high in pairwise(edges) if high > low + 1]

    def texts(self, pieces: Sequence[Ids]) -> list[str]:
        """The text of each of some sequences of ids."""
        decodable = [self._decodable(ids) for ids in pieces]
        texts = self._tokenizer.decode_batch(decodable, skip_special_tokens=True)
        health = self.health
        for ids, decoded, text in zip(pieces, decodable, texts, strict=True):
            health.tokens += len(ids)
            health.unknown += len(ids) - len(decoded)
            health.characters += len(text)
            health.unprintable += _unprintable(text)
            if health.texts_checked < CHECKED_TEXTS and decoded:
                self._check(decoded[:CHECKED_TOKENS])
        return texts

    def _decodable(self, ids: Ids) -> list[int]:
        return cast(list[int], ids[(ids >= 0) & (ids < self.vocabulary)].tolist())

    def _check(self, ids: list[int]) -> None:
        """Decode and encode again: the right tokenizer gives the same ids, but for where the text was cut."""
        again = self._tokenizer.encode(self._tokenizer.decode(ids, skip_special_tokens=False), add_special_tokens=False)
        self.health.texts_checked += 1
        self.health.checked += len(ids)
        self.health.agreed += (Counter(ids) & Counter(again.ids)).total()

    def token_span(self, ids: Ids, begin: int, end: int) -> tuple[int, int]:
        """The tokens, from and up to, that hold the bytes `begin` to `end` of the text of these ids.

        Found by decoding beginnings of the sequence, so that it holds for every kind of decoder.
        """
        bytes_of_first = cache(lambda count: self.decoded_bytes(ids[:count]))
        first = bisect_right(range(len(ids) + 1), begin, key=bytes_of_first) - 1
        last = bisect_left(range(len(ids) + 1), end, lo=first, key=bytes_of_first)
        return max(first, 0), min(last, len(ids))

    def decoded_bytes(self, ids: Ids) -> int:
        """Bytes of the text of a beginning of a sequence; a character that is not whole yet does not count."""
        text = self._tokenizer.decode(self._decodable(ids), skip_special_tokens=True)
        return len(text.rstrip("\ufffd").encode())


def _unprintable(text: str) -> int:
    if text.isprintable():
        return text.count("\ufffd")
    return sum(character == "\ufffd" or not (character.isprintable() or character.isspace()) for character in text)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_TOKENIZER_BYTES:
            raise UsageError(f"tokenizer {path} has more than {MOST_TOKENIZER_BYTES >> 20} MB: is it a tokenizer.json?")
        raw = path.read_bytes()
        json.loads(raw)
    except OSError as error:
        raise UsageError(f"cannot read tokenizer {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"tokenizer {path} is no JSON: give the tokenizer.json of the model") from error
    return raw
