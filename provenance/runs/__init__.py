"""Runs: one scan, cut into units of work, done by child processes, loaded into one database.

`config` holds the options, `unit` is the one function that scans a unit, `worker` runs it in a child process,
`local` feeds the children, `scan` joins listing, engine and store into one call.
"""

from provenance.runs.config import ScanConfig
from provenance.runs.scan import ScanSummary, scan

__all__ = ["ScanConfig", "ScanSummary", "scan"]
