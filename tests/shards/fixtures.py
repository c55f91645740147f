"""Texts, an index of books, and a tokenizer that was trained on them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from provenance.index.building import build_index
from provenance.shards.shard import Field
from tests.tools.prose import prose
from tests.tools.shared import made_once


def texts_of(field: Field) -> list[bytes | None]:
    """The texts of a field, None for nulls."""
    documents = field.documents
    return [None if null else documents.one(number).tobytes() for number, null in enumerate(documents.nulls.tolist())]


@pytest.fixture(scope="session")
def books() -> dict[str, str]:
    return {f"book{n}": prose(n, 3000) for n in range(3)}


@pytest.fixture(scope="session")
def rows(books) -> list[tuple[str, str]]:
    """Twenty documents: passages of the books, whole or inside other text, and text of no book."""
    found = []
    for n in range(20):
        book = books[f"book{n % 3}"]
        at = 100 + 700 * (n % 5)
        passage = book[at : at + 900]
        clean = prose(1000 + n, 60)
        text = (clean, passage, clean + "\n" + passage + "\n" + clean, passage + " " + clean)[n % 4]
        found.append((f"doc{n:03}", text))
    return found


@pytest.fixture(scope="session")
def index(books, tmp_path_factory):
    def make(folder: Path) -> None:
        (folder / "books").mkdir()
        for name, text in books.items():
            (folder / "books" / f"{name}.txt").write_text(text, encoding="utf-8")
        build_index([folder / "books"], folder / "index")

    return made_once(tmp_path_factory, "formats", make) / "index"


@pytest.fixture(scope="session")
def tokenizer(books, tmp_path_factory) -> tuple[Tokenizer, str]:
    """A byte-level BPE, as GPT-2's and Llama 3's are, and its file."""
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    return train(books.values(), path), str(path)


def train(texts, path, size: int = 2000) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(path))
    return tokenizer


def make_shards(folder: Path, books: dict[str, str], shards: int, seed: int = 9000) -> Path:
    """Shards of twenty row groups in a new folder, with passages of the books in every fifth row."""
    folder.mkdir()
    for number in range(shards):
        rows = []
        for row in range(100):
            text = prose(seed + 100 * number + row, 60)
            at = 50 * row + number
            rows.append(f"{text} {books[f'book{row % 3}'][at : at + 900]} {text}" if row % 5 == 0 else text)
        pq.write_table(pa.table({"text": rows}), folder / f"{number}.parquet", row_group_size=5)
    return folder


def make_long_shard(path: Path, text: str, times: int = 12) -> Path:
    """A compressed shard of one unit with 6,000 rows of 2,000 words, so many times: 0.8 GB, and open for seconds."""
    line = json.dumps({"text": text}).encode() + b"\n"
    path.write_bytes(gzip.compress(line * 6000, 1) * times)
    return path
