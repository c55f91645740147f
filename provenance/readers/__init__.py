"""Books: files become texts with metadata. Nothing here knows what an index is."""

from provenance.readers.books import DESCRIBED, Book, Reading, SourceOutcome, read_books
from provenance.readers.document import FACTS, BookColumns
from provenance.readers.limits import Limits
from provenance.readers.metadata import Metadata, checked_facts, read_metadata
from provenance.readers.walk import size_of

__all__ = [
    "DESCRIBED",
    "FACTS",
    "Book",
    "BookColumns",
    "Limits",
    "Metadata",
    "Reading",
    "SourceOutcome",
    "checked_facts",
    "read_books",
    "read_metadata",
    "size_of",
]
