"""What variables say: which credentials there are, never what they are; the scheduler around."""

import os
from pathlib import Path

from provenance.display.text import number
from provenance.doctor.checks import OK, WARNING, Diagnoses, Diagnosis
from provenance.units.config import check_workers

CREDENTIALS = {  # by scheme: variables, and files of the home directory, that a client looks for
    "s3": (
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ROLE_ARN",
         "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
         "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_SHARED_CREDENTIALS_FILE"),
        (".aws/credentials",),
    ),
    "gs": (("GOOGLE_APPLICATION_CREDENTIALS",), (".config/gcloud/application_default_credentials.json",)),
    "abfss": (
        ("AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_TENANT_ID", "AZURE_CLIENT_ID",
         "AZURE_CLIENT_SECRET"),
        (),
    ),
    "hf": (("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH"), (".cache/huggingface/token",)),
}  # fmt: skip
NEEDS = {  # one is of no use without the other
    "AWS_ACCESS_KEY_ID": "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY": "AWS_ACCESS_KEY_ID",
    "AWS_SESSION_TOKEN": "AWS_SECRET_ACCESS_KEY", "AWS_ROLE_ARN": "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_STORAGE_KEY": "AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_SAS_TOKEN": "AZURE_STORAGE_ACCOUNT",
}  # fmt: skip
NAMES_OF_FILES = (
    "GOOGLE_APPLICATION_CREDENTIALS", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_SHARED_CREDENTIALS_FILE", "HF_TOKEN_PATH",
)  # fmt: skip


def credentials() -> Diagnoses:
    """Names of what the environment has for each kind of store, and what cannot work of it."""
    lines = []
    for scheme, (names, files) in CREDENTIALS.items():
        variables = [name for name in names if os.environ.get(name)]
        variables += [f"~/{file}" for file in files if _at_home(file)]
        lines.append(f"{scheme}:// {', '.join(variables) or 'none'}")
        for name in names:
            yield from _doubtful(name)
    for name, other in NEEDS.items():
        if os.environ.get(name) and not os.environ.get(other):
            remedy = f"set {other} too, or unset {name}"
            yield Diagnosis("credentials", WARNING, f"{name} is set without {other}", remedy)
    yield Diagnosis("credentials", OK, "; ".join(lines))


def _doubtful(name: str) -> Diagnoses:
    """What is wrong with a variable by the look of it; its value is never told."""
    value = os.environ.get(name)
    if value == "":
        yield Diagnosis("credentials", WARNING, f"{name} is set, but to nothing", f"set it, or unset {name}")
    elif value and value != value.strip():
        remedy = "set it again; a file it was read from may end in a line break"
        yield Diagnosis("credentials", WARNING, f"{name} begins or ends with white space", remedy)
    elif value and name in NAMES_OF_FILES and not os.access(value, os.R_OK):
        text = f"{name} names a file that cannot be read"
        yield Diagnosis("credentials", WARNING, text, "correct the path, or the right")


def _at_home(file: str) -> bool:
    try:
        return (Path.home() / file).is_file()
    except (OSError, RuntimeError):  # it may not be entered, or this user has none
        return False


def scheduler() -> Diagnoses:
    """Slurm or Ray around this process, and whether it gave as many processors as will be used."""
    lines = []
    if job := os.environ.get("SLURM_JOB_ID"):
        task, count = os.environ.get("SLURM_ARRAY_TASK_ID"), os.environ.get("SLURM_ARRAY_TASK_COUNT")
        lines.append(f"Slurm job {job}" + (f", array task {task}, one of {count}" if task else ""))
        given, workers = os.environ.get("SLURM_CPUS_PER_TASK", ""), check_workers(None)
        if given.isdecimal() and int(given) < workers:
            text = f"Slurm gave {number(int(given), 'core')}, but {workers} can be used, and would be"
            yield Diagnosis("scheduler", WARNING, text, 'pass --workers "$SLURM_CPUS_PER_TASK"')
    if address := os.environ.get("RAY_ADDRESS"):
        lines.append(f"Ray at {address.rpartition('@')[2]}")
    elif os.environ.get("RAY_JOB_ID"):
        lines.append("a Ray job")
    yield Diagnosis("scheduler", OK, "; ".join(lines) or "none: processes of this machine")
