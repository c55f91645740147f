"""Shows on stderr how a run goes on."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from tqdm import tqdm

from provenance.cli.compiling import tell_unusual_place
from provenance.display.text import safe
from provenance.runs.engine import Watch


@contextmanager
def watching() -> Iterator[Watch]:
    """A progress bar on stderr, fed by a run."""
    with tqdm(unit="B", unit_scale=True, desc="scanning", file=sys.stderr, disable=None) as bar:
        matches = 0

        def on_progress(text_bytes: int, new_matches: int) -> None:
            nonlocal matches
            matches += new_matches
            bar.set_description_str("scanning", refresh=False)
            bar.set_postfix_str(f"{matches} matches", refresh=False)
            bar.update(text_bytes)

        def on_planned(text_bytes: int) -> None:
            bar.total = max(0, (bar.total or 0) + text_bytes)

        def on_compiling() -> None:
            bar.set_description_str("compiling for this processor, once")
            tell_unusual_place()

        def on_resumed(done: int, units: int) -> None:
            click.echo(f"provenance: going on: {done:,} of {units:,} units are done", err=True)

        def on_lost(message: str) -> None:
            bar.write(f"provenance: {safe(message)}", file=sys.stderr)

        yield Watch(on_planned, on_progress, on_compiling, on_lost=on_lost, on_resumed=on_resumed)


@contextmanager
def counting(noun: str, verb: str) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr that appears when something is counted."""
    bars: list[tqdm[None]] = []

    def step(total: int) -> None:
        if not bars:
            bars.append(tqdm(total=total, unit=f" {noun}s", desc=verb, file=sys.stderr, disable=None, leave=False))
        bars[0].update()

    try:
        yield step
    finally:
        for bar in bars:
            bar.close()
