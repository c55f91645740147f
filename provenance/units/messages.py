"""The tasks of those children that see shards, and their results."""

from typing import Annotated, Any, ClassVar, Literal

from msgspec import UNSET, Meta, UnsetType

from provenance.isolation.tasks import Answer, Item, Number, Seconds, ShardTask, Task
from provenance.matching.counts import Counts
from provenance.shards.columns import Columns
from provenance.shards.shard import Part
from provenance.storage.locations import RemoteObject

Kind = Literal["site", "collection"]
SITE: Kind = "site"
COLLECTION: Kind = "collection"
MOST_NAMES = 256  # of a unit and a kind of origin; the others, of which it has least text, are summed up


class Problem(Item, frozen=True):
    """Something that was not scanned, or not as it should be: a row of the table `exception`."""

    shard: str
    row_group: Number | None
    row: Number | None
    kind: str
    reason: str


class Origin(Item, frozen=True):
    """How much of a unit is from one site or collection: a row of the table `origin`."""

    kind: Kind
    name: str | None  # None: all beyond the first MOST_NAMES
    documents: Number
    text_bytes: Number
    documents_matched: Number


class InspectedColumn(Item, frozen=True):
    """A column of a shard, and what it could serve as."""

    name: str
    type: str
    holds: str


class InspectedText(Item, frozen=True):
    """A text of one of a shard's first rows."""

    row: Number
    id: str | None
    column: str
    bytes: Number
    tokens: Number | None
    text: str  # its beginning


class DescribeAnswer(Answer, frozen=True):
    """What a shard is, and how it can be cut."""

    format: str
    rows: Number | None
    row_groups: Number | None
    bytes: Number
    columns: Columns
    parts: tuple[Part, ...]
    identity: str


class DigestAnswer(Answer, frozen=True):
    """The SHA-256 of a file."""

    sha256: str


class ScanAnswer(Answer, frozen=True):
    """What a unit held; its matches are the payload, a table of RESULT_SCHEMA."""

    counts: Counts
    rows_read: Number
    untold_bytes: Number  # of text, since the last progress
    compile_seconds: Seconds
    problems: tuple[Problem, ...]
    origins: Annotated[tuple[Origin, ...], Meta(max_length=2 * (MOST_NAMES + 1))]

    @property
    def ran_out(self) -> bool:
        """Whether memory did not suffice for a part of it."""
        return any(problem.kind == "memory" for problem in self.problems)


class ScanWholeAnswer(Answer, frozen=True):
    """All there is to say of a shard that is one unit; its matches are the payload."""

    described: DescribeAnswer
    sha256: str
    scanned: ScanAnswer

    @property
    def ran_out(self) -> bool:
        """Whether memory did not suffice for a part of it."""
        return self.scanned.ran_out


class LearnAnswer(Answer, frozen=True):
    """What was learned; the payload is a table of LEARNED_SCHEMA."""

    documents: Number


class InspectAnswer(Answer, frozen=True):
    """What a shard holds."""

    format: str
    bytes: Number
    rows: Number | None
    row_groups: Number | None
    columns: tuple[InspectedColumn, ...]
    text: tuple[str, ...] = ()  # columns
    id: str | None = None
    problem: str | None = None
    sample: tuple[InspectedText, ...] = ()
    bad: tuple[str, ...] = ()
    text_bytes: Number | UnsetType = UNSET  # of a shard with text


class SampleAnswer(Answer, frozen=True):
    """What was looked at; the payload is a table of SAMPLE_SCHEMA."""

    texts: Number
    empty: Number  # nulls, and texts of no bytes
    unscanned: Number  # what a scan leaves out too: too long, or not to be read


class ListAnswer(Answer, frozen=True):
    """The objects that a URI names."""

    objects: tuple[RemoteObject, ...]


class FetchAnswer(Answer, frozen=True):
    """The first of the objects that were fetched."""

    sha256: str
    bytes: Number
    version: str | None


class Describe(ShardTask, frozen=True):
    """Say what a shard is."""

    answer: ClassVar[type[Answer]] = DescribeAnswer


class Digest(ShardTask, frozen=True):
    """Take the SHA-256 of a shard."""

    answer: ClassVar[type[Answer]] = DigestAnswer


class Learn(ShardTask, frozen=True, kw_only=True):
    """Learn fingerprints of the index from some parts of a shard of ordinary text."""

    columns: Columns
    parts: tuple[Part, ...]

    answer: ClassVar[type[Answer]] = LearnAnswer


class Scan(ShardTask, frozen=True, kw_only=True):
    """Scan a unit."""

    slot: int
    columns: Columns
    parts: tuple[Part, ...]

    answer: ClassVar[type[Answer]] = ScanAnswer

    def check(self, answer: Answer) -> None:
        """Raise ValueError for problems of another shard."""
        _check_problems(self, answer)


class ScanWhole(ShardTask, frozen=True):
    """Describe, digest and scan a small shard that is one unit. Whatever goes wrong, the tasks for each follow."""

    answer: ClassVar[type[Answer]] = ScanWholeAnswer
    ahead: ClassVar[int] = 8

    def second(self) -> Task:
        """The first of the tasks for each."""
        return Describe(self.shard, self.path, self.identity)

    def check(self, answer: Answer) -> None:
        """Raise ValueError for problems of another shard."""
        if isinstance(answer, ScanWholeAnswer):
            _check_problems(self, answer.scanned)


def _check_problems(task: ShardTask, answer: Answer) -> None:
    if isinstance(answer, ScanAnswer) and any(problem.shard != task.shard for problem in answer.problems):
        raise ValueError("it has problems of another shard")


class Inspect(ShardTask, frozen=True):
    """Look into a shard."""

    answer: ClassVar[type[Answer]] = InspectAnswer


class Sample(ShardTask, frozen=True):
    """Take some rows of a shard."""

    answer: ClassVar[type[Answer]] = SampleAnswer


class List(Task, frozen=True):
    """List what a URI, which is called `shard`, names."""

    answer: ClassVar[type[Answer]] = ListAnswer


class Fetch(Task, frozen=True):
    """Fetch objects into new files."""

    objects: tuple[RemoteObject, ...]
    targets: tuple[str, ...]  # one for each

    answer: ClassVar[type[Answer]] = FetchAnswer


class WorkerHello(Item, frozen=True):
    """What a worker is told first; with it go the fingerprints of the background."""

    config: dict[str, Any]  # of a ScanConfig
    index: str
    index_digest: str
    key: dict[str, Any]
    memory: int  # bytes


class InspectorHello(Item, frozen=True):
    """What an inspector is told first."""

    config: dict[str, Any]  # of a ScanConfig
    rows: int  # of each shard
    seed: int = 0


class FetcherHello(Item, frozen=True):
    """What a fetcher is told first."""

    anonymous: bool = False
