"""Books: files become texts with metadata. Nothing here knows what an index is."""

from provenance.readers.books import Book, BookColumns, SourceOutcome, read_books, size_of
from provenance.readers.metadata import Metadata, read_metadata

__all__ = ["Book", "BookColumns", "Metadata", "SourceOutcome", "read_books", "read_metadata", "size_of"]
