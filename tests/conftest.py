"""Fixtures that several folders of tests share."""

from tests.shards.fixtures import books, index, rows, tokenizer
from tests.storage.servers import bucket, gcs, put, s3, s3_port

__all__ = ["books", "bucket", "gcs", "index", "put", "rows", "s3", "s3_port", "tokenizer"]
