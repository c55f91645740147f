"""Templates of a package, compiled once: to do so each time takes longer than to fill them in."""

from contextlib import suppress
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache, PackageLoader, StrictUndefined
from jinja2.bccache import Bucket

from provenance._version import __version__
from provenance.process.cache import code_folder


class _Compiled(FileSystemBytecodeCache):
    """Templates as Python code; one that cannot be kept is compiled each time."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            super().dump_bytecode(bucket)


def environment(package: str, **options: Any) -> Environment:
    """What the folder `templates` of a package is rendered in, with the same options each time: Jinja tells what it
    compiled by names and sources alone.
    """
    folder = code_folder()
    cache = None if folder is None else _Compiled(str(folder), f"{package}-{__version__}-%s.cache")
    loader = PackageLoader(package)
    return Environment(loader=loader, undefined=StrictUndefined, trim_blocks=True, bytecode_cache=cache, **options)
