"""How a process that used a storage client ends: at once."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """End this process with what it printed written out, and without waiting for reads that were given up.

    The ordinary end of the interpreter finalizes Arrow's S3 client, which waits for every read under way: with a
    server that sends a byte now and then it never ends (see also apache/arrow#50188). For the same reason a process
    in which a read was given up should fetch nothing more: opening another client waits for that read too.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
