"""`provenance inspect`, its beginning: the inspector starts, and imports what it needs while this process does."""

from importlib import import_module

from provenance.cli.definitions.scan import Inspect
from provenance.isolation.supervisor import INSPECTOR, Children


def run(options: Inspect) -> None:
    """Start the inspector, then load the rest."""
    with Children(1, INSPECTOR) as children:
        import_module("provenance.cli.inspecting").run(options, children)
