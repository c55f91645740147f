"""Asks `forking.py` for a command, with our files, folder and variables, and ends as it ends. Loads next to nothing."""

import json
import os
import socket
import sys

with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asked:
    asked.connect(sys.argv[1])
    told = {
        "words": sys.argv[2:],
        "environment": dict(os.environ),
        "folder": os.getcwd(),  # noqa: PTH109
        "cores": sorted(os.sched_getaffinity(0)),
        "blocked": [],
    }
    socket.send_fds(asked, [json.dumps(told).encode()], [0, 1, 2])
    code = int(asked.recv(16) or 1)
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
