"""What a batch, a unit or a run held."""

from operator import add
from typing import Self

from msgspec import Struct
from msgspec.structs import astuple

from provenance.isolation.tasks import Number


class Counts(Struct, forbid_unknown_fields=True):
    """What was examined, matched or not."""

    documents: Number = 0
    nulls: Number = 0
    text_bytes: Number = 0
    words: Number = 0
    invalid_utf8: Number = 0  # byte sequences
    invalid_documents: Number = 0  # documents with any of them
    common_fingerprints: Number = 0  # common text, at too many places or too often in one document: they start no chain
    common_passages: Number = 0  # aligned, and not reported because they are common text
    documents_matched: Number = 0

    def __add__(self, other: Self) -> Self:
        """The sums."""
        return type(self)(*map(add, astuple(self), astuple(other)))
