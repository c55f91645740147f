"""Fixtures that several folders of tests share."""

from tests.shards.fixtures import books, index, rows, tokenizer

__all__ = ["books", "index", "rows", "tokenizer"]
