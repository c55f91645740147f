"""A real S3 server in a process of its own.

Prints its port as JSON and ends when its standard input closes, so it never outlives the tests.
"""

from __future__ import annotations

import json
import logging
import os
import sys

from moto.server import ThreadedMotoServer

logging.disable(logging.CRITICAL)


def main() -> None:
    s3 = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    s3.start()
    ports = {"s3": s3.get_host_and_port()[1]}
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # the server's threads would go on


if __name__ == "__main__":
    main()
