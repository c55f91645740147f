"""What a scan is asked for, by whatever engine and into whatever it writes."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from provenance.errors import UsageError
from provenance.options.field import argument, flag, group, option
from provenance.units.config import ScanConfig, WorkerLimits, check_workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provenance.sketch import Key


@dataclass(frozen=True)
class Request:
    """What is to be scanned, for what, how."""

    shards: tuple[str, ...] = argument("SHARD...", kind="place", terms=True)
    index: str | Path = option(
        "--index", "Index of the known books, also s3://...", MISSING, "place", metavar="DIR", unnamed=True, terms=True
    )
    config: ScanConfig = group(ScanConfig, terms=True)
    workers: int | None = option("--workers", "Worker processes; by default one a core.", unnamed=True)
    limits: WorkerLimits = group(WorkerLimits)
    key: Key | None = None
    background: tuple[str, ...] = option(
        "--background", "Ordinary text, to learn from which phrases are common; they then count for nothing.", (),
        "place", metavar="SHARD", terms=True,
    )  # fmt: skip
    decoys: tuple[str, ...] = option(
        "--decoys",
        "Books that cannot be in the shards: how many match is reported, with the rate of errors it allows.", (),
        "place", metavar="BOOKS", terms=True,
    )  # fmt: skip
    anonymous: bool = flag("--anonymous", "Read objects without credentials.", unnamed=True)
    scratch: Path | None = option(
        "--scratch", "Where objects are fetched to; by default beside the database.", metavar="DIR"
    )
    engine: str = option("--engine", "Where workers run.", "local", choices=("local", "ray"))
    ray_address: str | None = option(
        "--ray-address", "Of a running cluster, or `auto`; without: one on this machine.", metavar="ADDRESS"
    )

    def __post_init__(self) -> None:
        if self.ray_address is not None and self.engine != "ray":
            raise UsageError("--ray-address goes with --engine ray")

    @property
    def cores(self) -> int:
        """Worker processes on this machine; raises UsageError for a number that makes no sense."""
        return check_workers(self.workers)


class RequestOptions(TypedDict, total=False):
    """The fields of a Request that `provenance.scan` takes by name."""

    config: ScanConfig
    workers: int | None
    limits: WorkerLimits
    key: Key | None
    background: Sequence[str | Path]
    decoys: Sequence[str | Path]
    anonymous: bool
    scratch: str | Path | None
    engine: str
    ray_address: str | None


def request_of(shards: Sequence[str | Path], index: str | Path, **options: Unpack[RequestOptions]) -> Request:
    """The request that names shards and books as paths or text; `None` is the default of an option."""
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    for name in ("background", "decoys"):
        given[name] = tuple(map(str, given.get(name, ())))
    if "scratch" in given:
        given["scratch"] = Path(given["scratch"])
    return Request(tuple(map(str, shards)), index, **given)
