"""The process that parses books, with a parser of PDFs that crashes."""

from __future__ import annotations

import os
import signal

from provenance.isolation.child import Result, Send
from provenance.readers import process
from provenance.readers.document import Read
from provenance.readers.limits import Limits


def main() -> None:
    read = process.read

    def crash(task: Read, limits: Limits, send: Send) -> Result:
        if task.format.name == "pdf":
            os.kill(os.getpid(), signal.SIGSEGV)
        return read(task, limits, send)

    process.read = crash
    process.main()
