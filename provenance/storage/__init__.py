"""Where shards lie when not on this machine: names of objects, their listing, and fetching them whole into a file.

Fetched bytes are hashed as they pass, so the bytes scanned are the bytes hashed, and what parses them afterwards
needs neither network nor credentials. Nothing here knows what an object holds.
"""
