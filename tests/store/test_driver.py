"""Ctrl-C and SIGTERM wait until DuckDB has done what it was asked, and are not lost."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading

import duckdb
import pytest

from provenance.errors import OutputError, StoreError
from provenance.store.driver import store_errors, undisturbed


def test_what_comes_meanwhile_comes_after():
    done = []
    with pytest.raises(KeyboardInterrupt), undisturbed():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)  # whoever presses twice means it once
        done.append("all of it")
    assert done == ["all of it"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_meanwhile_gives_way_to_it():
    with pytest.raises(KeyboardInterrupt) as raised, undisturbed():
        os.kill(os.getpid(), signal.SIGINT)
        raise OSError("a full disk")
    assert isinstance(raised.value.__context__, OSError)


def test_a_signal_without_a_handler_still_ends_the_process():
    code = (
        "import os, signal\n"
        "from provenance.store.driver import undisturbed\n"
        "with undisturbed():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('inside', flush=True)\n"
        "print('after')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGTERM
    assert done.stdout == "inside\n"


def test_other_threads_change_nothing():
    found = []

    def work() -> None:
        with undisturbed():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError("Query interrupted"), KeyboardInterrupt),  # Ctrl-C, as DuckDB tells it
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), OutputError),
        (OSError(errno.EACCES, os.strerror(errno.EACCES)), StoreError),
        (duckdb.IOException("interrupted system call"), StoreError),
    ],
    ids=["Ctrl-C", "full disk", "denied", "DuckDB's own"],
)
def test_what_duckdb_raises_is_an_error_of_ours_or_ctrl_c(error, kind):
    with pytest.raises(kind), store_errors("the query failed"):
        raise error
