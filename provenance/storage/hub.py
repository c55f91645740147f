"""Datasets of the Hugging Face Hub, each pinned to one commit; the Hub's SHA-256 of large files is passed on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from provenance.errors import UsageError
from provenance.storage.clients import Entry, Opened, Properties
from provenance.storage.locations import Location

if TYPE_CHECKING:
    from huggingface_hub import HfApi, HfFileSystem


@dataclass(frozen=True)
class HubClient:
    """One commit of a dataset; `location.revision` is its hash."""

    location: Location
    api: HfApi
    files: HfFileSystem

    def open(self, key: str) -> Opened:
        """A file of the dataset; `etag` is git's id of it, which follows its content."""
        from huggingface_hub.hf_api import RepoFile

        found = self.api.get_paths_info(
            self.location.container, [key], revision=self.location.revision, repo_type="dataset"
        )
        if not found or not isinstance(found[0], RepoFile):
            raise FileNotFoundError(key)
        file = found[0]
        sha256 = file.lfs.sha256 if file.lfs else None
        properties = Properties(file.size, etag=file.blob_id, version=self.location.revision, sha256=sha256)
        return Opened(properties, lambda offset, length: self._read(key, offset, length))

    def _read(self, key: str, offset: int, length: int) -> bytes:
        revision = self.location.revision
        data = self.files.cat_file(f"datasets/{self.location.container}@{revision}/{key}", offset, offset + length)
        return bytes(data)

    def entries(self, prefix: str, recursive: bool) -> Iterator[Entry]:
        """Files and folders below a folder of the dataset."""
        from huggingface_hub.hf_api import RepoFolder

        for item in self.api.list_repo_tree(
            self.location.container,
            prefix.rstrip("/") or None,
            recursive=recursive,
            revision=self.location.revision,
            repo_type="dataset",
        ):
            yield Entry(item.path, isinstance(item, RepoFolder))


def open_dataset(location: Location, anonymous: bool) -> HubClient:
    """The client for a dataset; its revision is looked up and pinned unless it is a commit already."""
    try:
        from huggingface_hub import HfApi, HfFileSystem
    except ImportError:
        raise UsageError(f"{location.uri}: reading hf:// needs 'pip install provenance-scanner[hf]'") from None
    token = False if anonymous else None  # None: HF_TOKEN, or the token saved by `hf auth login`
    endpoint = os.environ.get("HF_ENDPOINT") or None
    api = HfApi(endpoint=endpoint, token=token)
    info = api.dataset_info(location.container, revision=location.revision or None)
    if not info.sha:
        raise UsageError(f"{location.uri}: the Hub names no commit for this dataset: give one after @")
    files = HfFileSystem(endpoint=endpoint, token=token, skip_instance_cache=True)
    return HubClient(replace(location, revision=info.sha), api, files)
