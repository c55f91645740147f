"""A real S3 server and a real GCS emulator in a process of their own: pyarrow holds the GIL in some calls.

Prints their ports as JSON and ends when its standard input closes, so it never outlives the tests.
"""

from __future__ import annotations

import json
import logging
import os
import sys

from gcp_storage_emulator.server import create_server
from moto.server import ThreadedMotoServer

logging.disable(logging.CRITICAL)


def main() -> None:
    s3 = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    s3.start()
    gcs = create_server("127.0.0.1", 0, in_memory=True)
    gcs.start()
    ports = {"s3": s3.get_host_and_port()[1], "gcs": gcs._api._httpd.server_address[1]}
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # the servers' threads would go on


if __name__ == "__main__":
    main()
