"""Cleans shards on a cluster: what the driver hands out, and the cleaners on its nodes."""

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from msgspec import convert, to_builtins

from provenance.cleaning.job import Cleaning, Order, Result, ledger_in
from provenance.cleaning.messages import CleanerHello
from provenance.cleaning.parts import Part
from provenance.errors import ShardError
from provenance.runs.cluster import Actor, ClusterJob, Piece, do_on_ray, everywhere
from provenance.runs.engine import Watch
from provenance.runs.request import Request
from provenance.storage.folders import open_folder


def clean_on_ray(cleaning: Cleaning, orders: Sequence[Order], request: Request, watch: Watch) -> Generator[Result]:
    """Write shards on a cluster, as `Cleaning.do` does here; see `do_on_ray`."""
    order_of = {order.unit: order for order in orders}
    hello = {
        "cleaner": to_builtins(cleaning.hello), "stall": cleaning.stall, "anonymous": cleaning.anonymous,
        "out": everywhere(cleaning.folder.place),
    }  # fmt: skip
    job = ClusterJob[Result](
        ShardCleaner, hello, cleaning.ledger, deque(_piece(cleaning, order) for order in orders),
        lambda saved: (order_of[saved.unit], Part(**saved.record["part"])),
        lambda unit, reason: (order_of[unit], ShardError(reason)),
    )  # fmt: skip
    return do_on_ray(job, request.workers, request.ray_address, watch.on_lost)


def _piece(cleaning: Cleaning, order: Order) -> Piece:
    """A shard; its passages go along, because the run database lies at the driver alone."""
    return Piece([order.unit], lambda: (to_builtins(order), cleaning.passages(order.unit.shard) if order.anew else b""))


class ShardCleaner(Actor):
    """Writes shards where all nodes see them, with a child process."""

    noun = "cleaner"

    def piece(self, *words: Any) -> dict[str, Any]:
        """Write a shard anew."""
        order, passages = convert(words[0], Order), words[1]
        if self._cleaning.ledger.is_done(order.unit):
            return {}
        cleaning = replace(self._cleaning, passages=lambda shard: passages)
        ((_, part),) = cleaning.do([order], 1, self.pool, keep=True)
        return {"failure": str(part)} if isinstance(part, ShardError) else {}

    @cached_property
    def _cleaning(self) -> Cleaning:
        hello, folder = self.hello, open_folder(self.hello["out"])
        cleaner, scratch = convert(hello["cleaner"], CleanerHello), Path(self.scratch.name)
        rest = folder, ledger_in(folder), scratch
        return Cleaning(cleaner, hello["stall"], hello["anonymous"], lambda shard: b"", *rest)
