"""Fixtures that several folders of tests share."""

import contextlib
import signal

from tests.report.runs_to_report import hostile, rich
from tests.shards.fixtures import books, index, rows, tokenizer

__all__ = ["books", "hostile", "index", "rich", "rows", "tokenizer"]

# a shell that starts tests in the background has them, and all they start, ignore Ctrl-C, which some of them send
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    with contextlib.suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGINT, signal.default_int_handler)
