"""Every error a caller can meet, as one tree, with exit codes; each message says what, where and what to do next."""

MOST_MESSAGE = 300  # characters of another library's message


class ProvenanceError(Exception):
    """Base of all errors raised on purpose; the command line prints its message and exits with `exit_code`."""

    exit_code = 2


class UsageError(ProvenanceError):
    """The call itself cannot be carried out: contradictory, missing or impossible arguments."""


class IncompleteError(ProvenanceError):
    """Something is damaged, gone, or cannot be read or written: not all was done, and what was done stands."""

    exit_code = 3


class BookError(IncompleteError):
    """A book, or a file of books, cannot be read."""


class MissingExtraError(UsageError):
    """What was asked for needs a package that is optional, and is not installed."""


class MetadataError(UsageError):
    """The metadata file does not fit the books."""


class IndexMissingError(UsageError):
    """There is no index at the given place."""


class IndexFormatError(UsageError):
    """The index was written by another version of the format or of the text rules."""


class IndexDamagedError(IncompleteError):
    """The index does not agree with its own digests, sizes or bounds."""


class KeyMismatchError(UsageError):
    """The index is keyed and the key is missing or another one."""


class ShardError(IncompleteError):
    """A shard, or part of one, cannot be scanned."""


class TextColumnError(ShardError):
    """A shard has no column that can be scanned as text."""


class StorageError(ShardError):
    """An object in remote storage cannot be listed or fetched."""


class ObjectChangedError(StorageError):
    """A remote object is no longer the one that was listed, or changed while it was being read."""


class StoreError(UsageError):
    """The run database cannot be created, opened or queried."""


class LedgerDamagedError(IncompleteError):
    """A file that a run left behind does not agree with its own digest, or does not belong there."""


class OtherRunError(UsageError):
    """The output belongs to a run on other terms, or to one that is under way."""


class BundleError(IncompleteError):
    """A bundle is damaged, or none."""


class OutputError(IncompleteError):
    """An output file cannot be written."""


class ClusterLostError(IncompleteError):
    """The cluster that a run is on does not answer any more."""


class WorkersLostError(IncompleteError):
    """Worker processes are killed before they have begun, one after another."""


class InterruptedRun(ProvenanceError):  # noqa: N818  (it is not a fault)
    """The run was stopped from outside."""

    exit_code = 130


def first_line(error: BaseException, longest: int = MOST_MESSAGE) -> str:
    """What another library has to say, on one line of bearable length."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:longest]


def error_named(name: str, message: str) -> ProvenanceError:
    """The error that another process met, of the class that it names; of the base class where there is none."""
    kind = globals().get(name)
    return (kind if isinstance(kind, type) and issubclass(kind, ProvenanceError) else ProvenanceError)(message)
