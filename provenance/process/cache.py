"""Where this machine keeps what can be made again: copies of indexes, and compiled code for want of a better place."""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

CACHE = "PROVENANCE_CACHE"
"""Environment variable: a directory of this machine's own disk, instead of ~/.cache/provenance."""


def cache_folder() -> Path:
    """Where copies are kept; it need not exist."""
    home = os.environ.get(CACHE)
    if home:
        return Path(home)
    with suppress(RuntimeError):  # a user without an entry in the system's list, as in containers, has no home
        return Path.home() / ".cache" / "provenance"
    return private_folder(Path(tempfile.gettempdir())) or Path(tempfile.gettempdir()) / "provenance"


def code_folder() -> Path | None:
    """Where compiled code is kept if neither the package nor the user's cache can be written; made if need be."""
    named = os.environ.get(CACHE)
    places = [Path(named)] if named else []
    folders = map(private_folder, [*places, Path(tempfile.gettempdir())])
    return next((folder for folder in folders if folder is not None), None)


def private_folder(place: Path) -> Path | None:
    """A folder in `place` that only this user can write or put another in the place of; None if there can be none.

    What lies in it is executed, and anybody may have made it before in a temporary directory.
    """
    user = os.geteuid()
    folder = place / f"provenance-{user}"
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700, parents=True)
        above, own = place.stat(), folder.lstat()
    except OSError:
        return None
    others = stat.S_IWGRP | stat.S_IWOTH
    guarded = above.st_uid in (0, user) and (not above.st_mode & others or above.st_mode & stat.S_ISVTX)
    ours = stat.S_ISDIR(own.st_mode) and own.st_uid == user and stat.S_IMODE(own.st_mode) == stat.S_IRWXU
    return folder if guarded and ours else None
