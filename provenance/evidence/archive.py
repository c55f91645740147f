"""A bundle as a zip file of which every byte is determined by its files: stored, sorted, without times and owners.

So an archive can be checked by making it again. Reading one takes nothing on trust: only stored members, only names
that stay inside, nothing larger than the archive itself.
"""

import errno
import filecmp
import shutil
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO

from provenance.errors import BundleError
from provenance.evidence.manifest import files_of
from provenance.files.digests import BLOCK

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can say
MODE = 0o100644 << 16


def write_archive(folder: Path, file: IO[bytes]) -> None:
    """All files of a folder as an archive."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, strict_timestamps=True) as archive:
        for name in files_of(folder):
            member = zipfile.ZipInfo(name, EPOCH)
            member.external_attr, member.create_system = MODE, 3
            member.file_size = (folder / name).stat().st_size
            with archive.open(member, "w") as target, (folder / name).open("rb") as source:
                shutil.copyfileobj(source, target, BLOCK)


def extract_archive(path: Path, folder: Path) -> None:
    """The files of an archive that `write_archive` made, into a folder; raises BundleError for any other."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check(path, members)
            for member in members:
                target = folder / member.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file, BLOCK)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise BundleError(f"{path} is damaged, or no bundle: {str(error)[:200]}") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # what the archive says is where a member lies, and there is nothing
            raise
        raise BundleError(f"{path} is damaged: it points outside of itself") from error


def _check(path: Path, members: list[zipfile.ZipInfo]) -> None:
    size, names = path.stat().st_size, set[str]()
    for member in members:
        name = member.filename
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or "\\" in name or name.endswith("/") or name in names:
            raise BundleError(f"{path} holds {name!r}, which no bundle does")
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
            raise BundleError(f"{path} is no bundle of ours: {name!r} is compressed or encrypted")
        names.add(name)
    if inside := names & {str(parent) for name in names for parent in PurePosixPath(name).parents}:
        raise BundleError(f"{path} holds {min(inside)!r} as a file and as a folder, which no bundle does")
    if sum(member.file_size for member in members) > size:
        raise BundleError(f"{path} is no bundle: its members say that they are larger than all of it")


def is_as_written(path: Path, folder: Path, scratch: Path) -> bool:
    """Whether an archive is, byte for byte, what its files give; `scratch` gets a second one."""
    again = scratch / "again.zip"
    with again.open("wb") as file:
        write_archive(folder, file)
    same = filecmp.cmp(path, again, shallow=False)
    again.unlink()
    return same
