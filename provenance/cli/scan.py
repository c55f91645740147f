"""`provenance scan`, its beginning: worker processes start, and import what they need while this process does."""

from importlib import import_module

import click

from provenance.cli.definitions.scan import Scan
from provenance.isolation.supervisor import Children, cores

EARLY = 2  # worker processes started before it is known how many there is work for


def run(options: Scan) -> None:
    """Start workers, then load all that scans."""
    request = options.request
    early = min(EARLY, request.workers or cores()) if request.engine == "local" and not options.only_plan else 0
    children = click.get_current_context().with_resource(Children(max(0, early)))
    import_module("provenance.cli.scanning").run(options, children)
