"""Datasets of the Hugging Face Hub, each pinned to one commit; the Hub's SHA-256 of large files is passed on."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from huggingface_hub import HfApi, HfFileSystem
from huggingface_hub.hf_api import RepoFile, RepoFolder

from provenance.errors import UsageError
from provenance.storage.locations import Location, RemoteObject

READS = 3  # of some bytes, where fewer come than were asked for


@dataclass(frozen=True)
class HubStore:
    """One commit of a dataset, to be read; `location.revision` is its hash."""

    location: Location
    api: HfApi
    files: HfFileSystem

    def head(self, key: str) -> RemoteObject:
        """See BucketStore; `etag` is git's id of a file, which follows its content."""
        with _errors():
            entries = self.api.get_paths_info(self.location.container, [key], **self._where)
        if not entries or not isinstance(entries[0], RepoFile):
            raise FileNotFoundError(key)
        return self._object(entries[0])

    def below(self, prefix: str) -> Iterable[RemoteObject]:
        """See BucketStore."""
        return [self._object(file) for file in self._tree(prefix, True) if isinstance(file, RepoFile)]

    def level(self, prefix: str) -> tuple[list[RemoteObject], list[str]]:
        """See BucketStore."""
        tree = self._tree(prefix, False)
        files = [self._object(item) for item in tree if isinstance(item, RepoFile)]
        return files, [item.path for item in tree if isinstance(item, RepoFolder)]

    def read(self, item: RemoteObject, begin: int, end: int) -> bytes:
        """See BucketStore: a commit does not change."""
        place = item.uri.removeprefix("hf://")
        for _ in range(READS):
            with _errors():
                data = bytes(self.files.cat_file(place, begin, end))
            if len(data) == end - begin:
                return data
        raise OSError(f"{len(data)} bytes came instead of {end - begin}, at byte {begin}, {READS} times")

    @property
    def _where(self) -> dict[str, Any]:
        return {"revision": self.location.revision, "repo_type": "dataset"}

    def _tree(self, prefix: str, recursive: bool) -> list[RepoFile | RepoFolder]:
        folder = prefix.rstrip("/") or None
        with suppress(FileNotFoundError), _errors():
            return list(self.api.list_repo_tree(self.location.container, folder, recursive=recursive, **self._where))
        return []

    def _object(self, file: RepoFile) -> RemoteObject:
        uri, sha256 = self.location.at(file.path).uri, file.lfs.sha256 if file.lfs else None
        return RemoteObject(uri, file.size, file.blob_id, self.location.revision, None, sha256)


def open_dataset(location: Location, anonymous: bool) -> HubStore:
    """The store of a dataset; its revision is looked up and pinned unless it is a commit already."""
    token = False if anonymous else None  # None: HF_TOKEN, or the token saved by `hf auth login`
    endpoint = os.environ.get("HF_ENDPOINT") or None
    api = HfApi(endpoint=endpoint, token=token)
    with _errors():
        info = api.dataset_info(location.container, revision=location.revision or None)
    if not info.sha:
        raise UsageError(f"{location.uri}: the Hub names no commit for this dataset: give one after @")
    files = HfFileSystem(endpoint=endpoint, token=token, skip_instance_cache=True)
    return HubStore(replace(location, revision=info.sha), api, files)


@contextmanager
def _errors() -> Iterator[None]:
    """What the Hub's package raises, as errors of the system."""
    try:
        yield
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in (401, 403):
            raise PermissionError(str(error)) from error
        if status == 404:
            raise FileNotFoundError(str(error)) from error
        if type(error).__module__.partition(".")[0] in ("httpx", "httpx2", "huggingface_hub"):
            raise OSError(str(error)) from error
        raise
