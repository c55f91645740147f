"""Where shards lie when not on this machine: names of objects, their listing, and fetching them whole into a file.

Fetched bytes are hashed as they pass, so the bytes scanned are the bytes hashed, and what parses them afterwards
needs neither network nor credentials. Nothing here knows what an object holds.
"""

from provenance.storage.fetching import Fetched, fetch
from provenance.storage.leaving import leave
from provenance.storage.listing import RemoteObject, list_remote
from provenance.storage.locations import Location, is_remote, parse
from provenance.storage.patience import RetryPolicy
from provenance.storage.specs import expand_lists

__all__ = [
    "Fetched",
    "Location",
    "RemoteObject",
    "RetryPolicy",
    "expand_lists",
    "fetch",
    "is_remote",
    "leave",
    "list_remote",
    "parse",
]
