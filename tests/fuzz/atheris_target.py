"""One target under coverage-guided fuzzing: `python -m tests.fuzz.atheris_target TARGET [options of libFuzzer]`.

Needs atheris, which is not among our dependencies. Inputs that found something new are kept in `fuzz/TARGET`, from
where the next run goes on; one that fails is written to the working directory.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[2]
KERNELS = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "provenance" / "kernels").glob("*.py")
]
"""Not instrumented: numba compiles them, and cannot compile what is added."""
INSTRUMENTED = {"include": ["provenance", "tarfile", "zipfile"], "exclude": KERNELS}

with atheris.instrument_imports(**INSTRUMENTED):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz one target until it fails or libFuzzer is told to stop, as by -max_total_time=SECONDS."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python -m tests.fuzz.atheris_target TARGET [-max_total_time=60]; known: {', '.join(TARGETS)}")
    name = sys.argv.pop(1)
    corpus = Path("fuzz") / name
    corpus.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(TARGETS[name].seeds(Path(folder))):
            (corpus / f"seed-{number}").write_bytes(data)
        with atheris.instrument_imports(**INSTRUMENTED):
            attempt = TARGETS[name].attempt(Path(folder))
            for seed in sorted(corpus.glob("seed-*")):  # so that readers are imported, and kernels compiled
                attempt(seed.read_bytes())
        atheris.Setup([*sys.argv, str(corpus)], attempt)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
