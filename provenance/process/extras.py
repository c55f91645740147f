"""Packages that only some need: which extra brings each, and what to say where it is missing.

Import them from here at the top of a module. Each is loaded when something of it is first used, and then raises
MissingExtraError where it is not installed. So is datasketch, which is always there: it loads SciPy for a formula.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from provenance.errors import MissingExtraError

__all__ = [
    "DISTRIBUTION", "EXTRAS", "Extra", "datasets", "datasketch", "fastwarc_warc", "huggingface_hub", "load",
    "pypdfium2", "ray", "spark_arrow", "spark_sql", "spark_types", "tokenizers",
]  # fmt: skip

DISTRIBUTION = "provenance-scanner"


class Extra(NamedTuple):
    """An extra of this package, and what cannot be done without it."""

    name: str  # as in `pip install 'provenance-scanner[name]'`
    module: str  # that it brings
    purpose: str  # in the plural
    is_format: bool = False  # something that a scan, or an index, reads
    in_runs: bool = False  # the record of a run names its version


EXTRAS = (
    Extra("pdf", "pypdfium2", "PDF books", is_format=True, in_runs=True),
    Extra("tokens", "tokenizers", "token ids", is_format=True, in_runs=True),
    Extra("warc", "fastwarc", "WARC and WET shards", is_format=True, in_runs=True),
    Extra("hf", "huggingface_hub", "hf:// datasets", is_format=True, in_runs=True),
    Extra("ray", "ray", "scans on a Ray cluster", in_runs=True),
    Extra("datasets", "datasets", "columns in Hugging Face datasets"),
    Extra("datatrove", "datatrove", "filters of datatrove"),
    Extra("spark", "pyspark", "columns in Spark frames"),
    Extra("demo", "pythonbible", "texts of the demo"),
)
OF_MODULE = {extra.module: extra for extra in EXTRAS}


def load(name: str) -> ModuleType:
    """A module of a package; raises MissingExtraError, which says how to install it, where that is optional."""
    extra = OF_MODULE.get(name.partition(".")[0])
    try:
        return import_module(name)
    except ImportError as error:
        if extra is None:
            raise
        reason = "" if isinstance(error, ModuleNotFoundError) else f" ({error})"
        remedy = f"pip install '{DISTRIBUTION}[{extra.name}]'"
        raise MissingExtraError(f"{extra.purpose} need {extra.module}{reason}: {remedy}") from error


class _Lazy(ModuleType):
    """Stands for a package until something of it is used, a submodule too."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # that of a loader or a debugger, which only looks
            raise AttributeError(name)
        package = load(self.__name__)
        try:
            value: object = getattr(package, name)
        except AttributeError:
            value = import_module(f"{self.__name__}.{name}")
        setattr(self, name, value)
        return value


if TYPE_CHECKING:
    import datasets
    import datasketch
    import fastwarc.warc as fastwarc_warc
    import huggingface_hub
    import pypdfium2
    import pyspark.sql as spark_sql
    import pyspark.sql.pandas.types as spark_arrow
    import pyspark.sql.types as spark_types
    import ray
    import tokenizers
else:
    datasets = _Lazy("datasets")
    datasketch = _Lazy("datasketch")
    fastwarc_warc = _Lazy("fastwarc.warc")
    huggingface_hub = _Lazy("huggingface_hub")
    pypdfium2 = _Lazy("pypdfium2")
    spark_sql = _Lazy("pyspark.sql")
    spark_arrow = _Lazy("pyspark.sql.pandas.types")
    spark_types = _Lazy("pyspark.sql.types")
    ray = _Lazy("ray")
    tokenizers = _Lazy("tokenizers")
