"""`provenance collect`: the units that tasks have scanned become a run database."""

import sys

from tqdm import tqdm

from provenance.cli.definitions.scan import Collect
from provenance.cli.gating import gating_of, tell
from provenance.runs.collect import collect, works_in


def run(options: Collect) -> None:
    """Load units into a run database."""
    if (gating := gating_of(options.gate)) is not None:
        gating.check(options.db, lambda: works_in(options.out), f"the run in {options.out}")
    with tqdm(unit=" units", desc="collecting", file=sys.stderr, disable=None) as bar:

        def on_unit(units: int) -> None:
            bar.total = units
            bar.update()

        summary = collect(options.out, options.db, overwrite=options.overwrite, on_unit=on_unit)
    if code := tell(summary, gating, options.as_json):
        sys.exit(code)
