"""`provenance doctor` says what is wrong with a machine, tells no secret, and never falls over what it looks at."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

import provenance
from provenance.doctor import endpoints, environment, machine, selftest, software
from provenance.doctor.checks import FAILED, OK, WARNING, Diagnosis, guarded
from provenance.doctor.loaded import index_verified

COMMAND = [sys.executable, "-m", "provenance", "doctor"]
PACKAGE = Path(provenance.__file__).parent
CREDENTIALS = [name for names, _ in environment.CREDENTIALS.values() for name in names]
SECRET, PASSWORD = "wJalrXUtnFEMI/K7MDENG/secret", "hunter2"
ENVIRONMENT = {
    "AWS_SECRET_ACCESS_KEY": SECRET + "\n",
    "HF_TOKEN": SECRET,
    "AZURE_STORAGE_SAS_TOKEN": "sig=" + SECRET,
    "AZURE_STORAGE_ACCOUNT": "ours",
    "GOOGLE_APPLICATION_CREDENTIALS": f"/nowhere/{SECRET}",
    "AWS_ENDPOINT_URL": f"https://user:{PASSWORD}@store.example",
    "HF_ENDPOINT": f"http://hub.example:8080/{PASSWORD}",
    "HTTPS_PROXY": f"http://user:{PASSWORD}@proxy.example",
    "SLURM_JOB_ID": "7\x1b[31m",
    "SLURM_ARRAY_TASK_ID": "3",
    "SLURM_ARRAY_TASK_COUNT": "64",
}


def plain_environment(**more: str) -> dict[str, str]:
    """That of this process without what a developer's machine may have, and the package that is tested."""
    dropped = {*CREDENTIALS, *endpoints.ENDPOINTS, *endpoints.PROXIES, "NUMBA_CACHE_DIR"}
    kept = {name: value for name, value in os.environ.items() if name.upper() not in dropped}
    return {**kept, "PYTHONPATH": str(PACKAGE.parent), **more}


def shadowed(folder: Path, *modules: str) -> str:
    """A PYTHONPATH with modules of these names that cannot be imported."""
    for name in modules:
        (folder / f"{name}.py").write_text(f"raise ModuleNotFoundError('no {name}', name={name!r})\n")
    return os.pathsep.join([str(folder), str(PACKAGE.parent)])


def states(diagnoses: list[Diagnosis], name: str) -> list[str]:
    return [diagnosis.state for diagnosis in diagnoses if diagnosis.name == name]


def said(diagnoses: list[Diagnosis], name: str) -> str:
    return " | ".join(f"{diagnosis.text} {diagnosis.remedy}" for diagnosis in diagnoses if diagnosis.name == name)


@pytest.fixture(scope="module")
def examined(index, tmp_path_factory) -> tuple[list[Diagnosis], subprocess.CompletedProcess[str]]:
    """Diagnoses on a good machine with a doubtful environment, without a package that WARC needs."""
    folder = tmp_path_factory.mktemp("doctor")
    told = plain_environment(**ENVIRONMENT, PYTHONPATH=shadowed(folder, "fastwarc"))
    done = subprocess.run(
        [*COMMAND, "--json", "--index", index, "--dir", folder], env=told, capture_output=True, text=True, timeout=120
    )
    assert sorted(path.name for path in folder.iterdir() if path.name != "__pycache__") == ["fastwarc.py"]
    return [Diagnosis(**diagnosis) for diagnosis in json.loads(done.stdout)["diagnoses"]], done


def test_warnings_are_no_failure(examined):
    diagnoses, done = examined
    assert done.returncode == 0
    assert json.loads(done.stdout)["ok"] is True
    assert {diagnosis.state for diagnosis in diagnoses} == {OK, WARNING}
    for diagnosis in diagnoses:
        assert bool(diagnosis.remedy) == (diagnosis.state == WARNING), diagnosis


def test_the_small_scan_and_the_index_are_well(examined, index):
    diagnoses, _ = examined
    assert states(diagnoses, "self-test") == [OK]
    assert states(diagnoses, "index") == [OK]
    assert str(index) in said(diagnoses, "index")


def test_a_missing_extra_is_told_by_what_cannot_be_read(examined):
    diagnoses, _ = examined
    assert states(diagnoses, "formats") == [WARNING]
    assert "WARC" in said(diagnoses, "formats")
    assert "[warc]" in said(diagnoses, "formats")


def test_no_secret_is_told(examined):
    _, done = examined
    for word in (SECRET, PASSWORD, "user:"):
        assert word not in done.stdout + done.stderr


def test_credentials_are_told_by_name_with_what_cannot_work(examined):
    diagnoses, _ = examined
    text = said(diagnoses, "credentials")
    for expected in (
        "AWS_SECRET_ACCESS_KEY begins or ends with white space",
        "AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS_KEY_ID",
        "GOOGLE_APPLICATION_CREDENTIALS names a file that cannot be read",
        "hf:// HF_TOKEN",
        "abfss:// AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_SAS_TOKEN",
    ):
        assert expected in text
    assert "AZURE_STORAGE_SAS_TOKEN is set without" not in text


def test_endpoints_are_told_without_path_and_password(examined):
    diagnoses, _ = examined
    text = said(diagnoses, "endpoints")
    assert "AWS_ENDPOINT_URL is no address" in text
    assert "HF_ENDPOINT http://hub.example:8080" in text
    assert "HF_ENDPOINT is plain http" in text
    assert "HTTPS_PROXY" in text


def test_where_packages_are_broken_it_says_so_in_lines_without_a_traceback(tmp_path):
    heavy = shadowed(tmp_path, "numba", "numpy", "pyarrow", "duckdb", "datasketch", "xxhash", "rich", "tqdm")
    told = plain_environment(PYTHONPATH=heavy, RAY_ADDRESS="ray://\x1b[31mhead", PYTHONIOENCODING="cp1252")
    command = [*COMMAND, "--dir", tmp_path / "\u6f22", "--index", "x"]
    done = subprocess.run(command, env=told, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert "Traceback" not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    assert "\\x1b[31mhead" in done.stdout
    assert "\\u6f22 is no directory" in done.stdout
    assert "install provenance-scanner again" in done.stdout
    failed = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("failed")}
    assert {"self-test", "kernels", "index", "directory"} <= failed


def test_a_damaged_index_and_one_that_is_missing_have_failed(index, tmp_path):
    damaged = shutil.copytree(index, tmp_path / "damaged")
    largest = max(
        (path for path in damaged.iterdir() if path.name != "index.json"), key=lambda path: path.stat().st_size
    )
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.write_bytes(data)
    for folder, expected in ((damaged, largest.name), (tmp_path / "none", "none")):
        (diagnosis,) = guarded("index", lambda folder=folder: index_verified(folder, lambda: None))
        assert diagnosis.state == FAILED
        assert expected in diagnosis.text


def test_a_passage_found_elsewhere_or_twice_or_not_at_all_fails_the_small_scan(tmp_path):
    case = selftest.make_case()
    rows = [case.rows[-1], *case.rows[:-1]]
    found, scanned = selftest._scanned(tmp_path, case._replace(rows=rows), lambda: None)
    assert scanned == selftest.ROWS
    assert [place.row for place in found] == [selftest.PLANTED_ROW + 1]
    assert "was not found" in selftest.differs(found, case.expected)
    good = case.expected
    assert selftest.differs([good], good) == ""
    assert "planted" in selftest.differs([good._replace(doc_end=good.doc_end - 1)], good)
    assert "what is not there" in selftest.differs([good, good._replace(row=3)], good)


def kernels_in(package: Path, **more: str) -> list[Diagnosis]:
    """What is said of kernels in a new process that takes the package from `package`."""
    script = (
        "import json\nfrom provenance.doctor.checks import guarded\n"
        "from provenance.doctor.loaded import kernels\n"
        "print(json.dumps([vars(diagnosis) for diagnosis in guarded('kernels', kernels)]))"
    )
    told = plain_environment(PYTHONPATH=str(package.parent), **more)
    done = subprocess.run([sys.executable, "-c", script], env=told, cwd=package.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [Diagnosis(**diagnosis) for diagnosis in json.loads(done.stdout)]


def test_a_kernel_cache_that_nobody_can_write_is_told(tmp_path):
    package = shutil.copytree(PACKAGE, tmp_path / "provenance", ignore=shutil.ignore_patterns("__pycache__"))
    (package / "kernels" / "__pycache__").touch()  # no directory can be made there, not even by root
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    (temporary / f"provenance-{os.geteuid()}").touch()  # nor here
    nowhere = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null", "TMPDIR": str(temporary)}
    (diagnosis,) = kernels_in(package, **nowhere, PYTHONDONTWRITEBYTECODE="1")
    assert diagnosis.state == WARNING
    assert "PROVENANCE_CACHE" in diagnosis.remedy


def test_a_kernel_cache_that_is_empty_or_open_to_everybody_is_told(tmp_path):
    (empty,) = kernels_in(PACKAGE, NUMBA_CACHE_DIR=str(tmp_path))
    assert empty.state == OK
    assert "none compiled" in empty.text
    (folder,) = (path for path in tmp_path.iterdir() if path.name.startswith("kernels"))
    folder.chmod(0o777)
    _, writable = kernels_in(PACKAGE, NUMBA_CACHE_DIR=str(tmp_path))
    assert writable.state == WARNING
    assert "everybody may write" in writable.text


def test_limits_that_are_too_low_for_the_workers_are_told():
    script = (
        "import resource\nfrom provenance.doctor.machine import limits\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))\n"
        "print([(f.state, f.text) for f in limits()])"
    )
    done = subprocess.run([sys.executable, "-c", script], env=plain_environment(), capture_output=True, text=True)
    assert "('warning', '40 open files allowed" in done.stdout, done.stderr
    assert "('warning', 'files may not grow beyond 1.1 GB')" in done.stdout


def test_what_slurm_gives_is_compared_with_what_would_be_used(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "0")
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "1000")
    assert states(list(environment.scheduler()), "scheduler") == [WARNING, OK]
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "4096")
    assert states(list(environment.scheduler()), "scheduler") == [OK]
    assert machine.memory_available() == 1000 << 20
    assert "Slurm allows 1.0 GB" in said(list(machine.memory()), "memory")
    assert states(list(machine.memory()), "memory") == [WARNING]


@pytest.mark.parametrize(
    ("line", "folder", "names"),
    [
        ("0::/job/step", "job", ("memory.max", "cpu.max", "pids.max")),
        (
            "3:cpu,cpuacct:/others/job\n4:memory:/job\n5:pids:/others/job",
            "",
            ("memory.limit_in_bytes", "cpu.cfs_quota_us", "pids.max"),
        ),
    ],
)
def test_limits_of_a_control_group_are_known_in_both_versions(monkeypatch, tmp_path, line, folder, names):
    proc, groups = tmp_path / "proc", tmp_path / "groups"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text(line + "\n")
    (proc / "meminfo").write_text("MemTotal: 99000000 kB\nMemAvailable: 90000000 kB\n")
    for controller, name, value in zip(("memory", "cpu", "pids"), names, ("500000000", "50000", "3"), strict=True):
        place = groups / (folder or f"{controller}{'/job' if controller == 'memory' else '/others/job'}")
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(value + (" 100000\n" if name == "cpu.max" else "\n"))
    elsewhere = groups / "memory/others/job"  # a group of another controller has this path
    elsewhere.mkdir(parents=True, exist_ok=True)
    (elsewhere / names[0]).write_text("1000\n")
    monkeypatch.setattr(machine, "PROC", proc)
    monkeypatch.setattr(machine, "CGROUPS", groups)
    assert machine.memory_available() == 500_000_000
    assert "its control group allows 500.0 MB" in said(list(machine.memory()), "memory")
    assert "--workers 1" in said(list(machine.processor_found()), "processor")
    assert "allows 3 processes" in said(list(machine.limits()), "limits")


def test_a_directory_that_cannot_be_written_or_is_none_has_failed(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "none", Path("/proc/self")):  # not even root writes there
        assert states(list(machine.directory(place)), "directory") == [FAILED]
    assert FAILED not in states(list(machine.directory(tmp_path)), "directory")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_clock_that_cannot_be_right_is_told():
    now = datetime.now(UTC)
    assert machine.judged_clock(now.replace(year=1970), 0.0).state == FAILED
    assert machine.judged_clock(now, 60.0).state == WARNING
    assert machine.judged_clock(now, None).state == OK
    assert states(list(machine.clock(Path(tempfile.gettempdir()))), "clock") == [OK]


def test_versions_are_compared_as_numbers():
    assert software.fits("2.10.0rc1", "<3,>=2.9")
    assert not software.fits("2.10", "<2.10")
    assert not software.fits("26.0", ">=26.0.1")
    assert {"numba", "pyarrow"} <= software.requirements().keys()


def test_a_check_that_goes_wrong_is_a_finding():
    def broken():
        yield Diagnosis("x", OK, "so far")
        raise ValueError("\x1b odd")

    first, second = guarded("x", broken)
    assert (first.state, second.state) == (OK, FAILED)
    assert "ValueError" in second.text
