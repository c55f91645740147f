"""What the system gives: processor, memory, limits, disks, the clock."""

import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from provenance.display.text import number, size
from provenance.doctor.checks import FAILED, OK, WARNING, Diagnoses, Diagnosis
from provenance.units.config import WorkerLimits, check_workers

try:
    import resource
except ImportError:  # not a Unix
    resource = None  # type: ignore[assignment]

FEATURES = ("avx512f", "avx2", "asimd", "sve")  # as Linux names them
PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")

LEAST_DISK = 100 << 20  # bytes; below it a run of any size fails
LITTLE_DISK = 2 << 30
LEAST_FILES = 64  # a process without workers
FILES_A_WORKER = 4
THREADS_A_WORKER = 16  # its own, and those of the libraries in it
MOST_SKEW = 2.0  # seconds between this clock and that of the file system
OLDEST = datetime(2026, 1, 1, tzinfo=UTC)  # this program did not exist before


@dataclass(frozen=True)
class Processor:
    """What kernels are compiled for, in words."""

    model: str
    vectors: tuple[str, ...]  # of FEATURES


def processor() -> Processor:
    """As Linux describes it; elsewhere the architecture alone."""
    facts = _facts("cpuinfo")
    features = f"{facts.get('flags', '')} {facts.get('Features', '')}".split()
    return Processor(facts.get("model name", platform.machine()), tuple(name for name in FEATURES if name in features))


def processor_found() -> Diagnoses:
    """The processor, and how much of it this process may use."""
    chip, cores = processor(), check_workers(None)
    vectors = "/".join(chip.vectors) or "no wide vectors known: a slower scan"
    text = f"{chip.model} ({platform.machine()}), {vectors}; {number(cores, 'core')}, so many workers"
    quota = min(_cpu_quotas(), default=None)
    if quota is not None and quota < cores:
        text = f"{text}, but its control group gets the time of {quota:.1f}"
        yield Diagnosis("processor", WARNING, text, f"pass --workers {max(1, round(quota))}")
    else:
        yield Diagnosis("processor", OK, text)


def memory() -> Diagnoses:
    """Whether the memory holds as many workers as there will be, each at its limit."""
    most_each = WorkerLimits().memory_bytes
    total, available, workers = _meminfo("MemTotal"), memory_available(), check_workers(None)
    if total is None or available is None:
        yield Diagnosis("memory", OK, "this system does not say how much there is")
        return
    bounds = [f"{name} allows {size(most)}" for name, most in memory_bounds() if most < total]
    each = f"{number(workers, 'worker')} of at most {size(most_each)} each"
    text = "; ".join([f"{size(total)}, {size(available)} available", *bounds, each])
    if available >= workers * most_each:
        yield Diagnosis("memory", OK, text)
        return
    fewer, remedy = max(1, available // most_each), "add memory"
    if fewer < workers:
        remedy = f"pass --workers {fewer} where shards may be hostile; ordinary ones need a tenth of the limit"
    yield Diagnosis("memory", WARNING, f"{text}, which is more than there is", remedy)


def memory_available() -> int | None:
    """Bytes that may still be used, or None where the system does not say."""
    available = _meminfo("MemAvailable")
    return None if available is None else min([available, *(most for _, most in memory_bounds())])


def memory_bounds() -> Iterator[tuple[str, int]]:
    """Who bounds the memory of this process besides the machine, and to how many bytes."""
    for value in _of_control_group("memory", "memory.max", "memory.limit_in_bytes"):
        if value.isdecimal() and int(value) < 1 << 60:  # an unlimited group of version 1 says nearly 2^63
            yield "its control group", int(value)
    names = ("MEM_PER_NODE", "MEM_PER_CPU", "CPUS_ON_NODE")
    megabytes, per_core, cores = (os.environ.get(f"SLURM_{name}", "") for name in names)
    if megabytes.isdecimal() and int(megabytes):
        yield "Slurm", int(megabytes) << 20
    if per_core.isdecimal() and cores.isdecimal():
        yield "Slurm", int(per_core) * int(cores) << 20
    yield from _resources("RLIMIT_AS", "RLIMIT_DATA")


def limits() -> Diagnoses:
    """Whether as many files and processes may be open as workers need."""
    workers, lines = check_workers(None), []
    files, threads = LEAST_FILES + FILES_A_WORKER * workers, THREADS_A_WORKER * workers
    needs = {"RLIMIT_NOFILE": (files, "open files", "-n"), "RLIMIT_NPROC": (threads, "processes", "-u")}
    for name, bound in _resources(*needs):
        need, what, letter = needs[name]
        lines.append(f"{bound:,} {what}")
        if bound < need:
            text = f"{bound:,} {what} allowed; {number(workers, 'worker')} may need {need:,}"
            yield Diagnosis("limits", WARNING, text, f"raise it: ulimit {letter} {need}, or pass fewer --workers")
    for value in _of_control_group("pids", "pids.max", "pids.max"):
        if value.isdecimal():
            lines.append(f"{int(value):,} processes in its control group")
            if int(value) < threads:
                text = f"its control group allows {int(value):,} processes and threads"
                yield Diagnosis("limits", WARNING, text, "pass fewer --workers, or ask for a larger limit")
    for _, bound in _resources("RLIMIT_FSIZE"):
        yield Diagnosis("limits", WARNING, f"files may not grow beyond {size(bound)}", "ulimit -f unlimited")
    yield Diagnosis("limits", OK, ", ".join(lines) or "none on files and processes")


def directory(folder: Path) -> Diagnoses:
    """Whether runs, and objects that are fetched for them, can be written where they will be."""
    if not folder.is_dir():
        yield Diagnosis("directory", FAILED, f"{folder} is no directory", "make it, or pass another --dir")
        return
    try:
        _skew(folder)
    except OSError as error:
        text = f"cannot write to {folder}: {error.strerror or error}"
        yield Diagnosis("directory", FAILED, text, "pass another --dir, and write runs to it")
        return
    yield from _room(folder, "runs and their scratch")
    temporary = Path(tempfile.gettempdir())
    if temporary.stat().st_dev != folder.stat().st_dev:
        yield from _room(temporary, "temporary files")


def _room(folder: Path, purpose: str) -> Diagnoses:
    free = shutil.disk_usage(folder).free
    text = f"{folder.absolute()} ({purpose}): {size(free)} free"
    nodes = os.statvfs(folder) if hasattr(os, "statvfs") else None
    if free < LEAST_DISK:
        yield Diagnosis("directory", FAILED, text, "free some space")
    elif nodes is not None and nodes.f_files and nodes.f_favail < 1000:
        yield Diagnosis("directory", FAILED, f"{text}, but only for {number(nodes.f_favail, 'file')}", "remove files")
    elif free < LITTLE_DISK:
        remedy = "free some; objects are fetched whole, a few at a time: --scratch names another place for them"
        yield Diagnosis("directory", WARNING, text, remedy)
    else:
        yield Diagnosis("directory", OK, text)


def clock(folder: Path) -> Diagnoses:
    """Whether the clock can be right, and agrees with that of the file system, by which changed shards are noticed."""
    try:
        skew = _skew(folder)
    except OSError:
        skew = None  # that it cannot be written to is told of the directory
    yield judged_clock(datetime.now(UTC), skew)


def _skew(folder: Path) -> float:
    """Write a file, durably; returns by how many seconds the file system's clock differs. Raises OSError."""
    with tempfile.NamedTemporaryFile(prefix=".provenance-doctor-", dir=folder) as file:
        before = time.time()
        file.write(b"can this be written?\n")
        file.flush()
        written = os.fstat(file.fileno()).st_mtime
        skew = max(before - written, written - time.time(), 0.0)
        os.fsync(file.fileno())
    return skew


def judged_clock(now: datetime, skew: float | None) -> Diagnosis:
    """What there is to say of a clock that shows `now` and differs so much from the file system's, if that is known."""
    text = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if now < OLDEST:
        remedy = "set it: stores refuse requests of the past"
        return Diagnosis("clock", FAILED, f"{text}: this program is younger", remedy)
    if skew is None:
        return Diagnosis("clock", OK, text)
    if skew > MOST_SKEW:
        remedy = "have both machines set their clocks by NTP"
        return Diagnosis("clock", WARNING, f"{text}; the file system's differs by {skew:.1f} s", remedy)
    return Diagnosis("clock", OK, f"{text}; the file system agrees")


def _resources(*names: str) -> Iterator[tuple[str, int]]:
    """Limits of this process that are finite, by name."""
    for name in names:
        if hasattr(resource, name):  # there is none where this is no Unix
            bound = resource.getrlimit(getattr(resource, name))[0]
            if bound != resource.RLIM_INFINITY:
                yield name, bound


def _facts(file: str) -> dict[str, str]:
    """What a file of /proc says, by names; empty where there is none."""
    pairs = (line.partition(":") for line in (_read(PROC / file) or "").splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _meminfo(name: str) -> int | None:
    kilobytes = _facts("meminfo").get(name)
    return int(kilobytes.split()[0]) << 10 if kilobytes else None


def _cpu_quotas() -> Iterator[float]:
    """Processors' worth of time that control groups allow."""
    for value in _of_control_group("cpu", "cpu.max", "cpu.cfs_quota_us"):
        quota, _, period = value.partition(" ")
        if quota.isdecimal():  # not `max` or -1
            yield int(quota) / int(period or 100_000)


def _of_control_group(controller: str, name: str, old_name: str) -> Iterator[str]:
    """What a file says in the control group of this process and those it lies in, of version 2 or 1."""
    for line in (_read(PROC / "self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = CGROUPS / controller if controllers else CGROUPS
        inside = root / path.lstrip("/")
        for folder in (inside, *inside.parents):
            if folder.is_relative_to(root) and (value := _read(folder / (old_name if controllers else name))):
                yield value.strip()


def _read(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return None
