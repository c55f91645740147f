"""Where shards lie when they are not here: object stores. Objects are listed, and fetched whole; nothing is parsed.

What is scanned is then a local file, whose bytes are the very ones that were hashed as they came, and the processes
that parse need neither network nor credentials.
"""

from provenance.storage.fetching import Fetched, RetryPolicy, fetch
from provenance.storage.listing import RemoteObject, list_remote
from provenance.storage.locations import is_remote
from provenance.storage.specs import expand_lists

__all__ = ["Fetched", "RemoteObject", "RetryPolicy", "expand_lists", "fetch", "is_remote", "list_remote"]
