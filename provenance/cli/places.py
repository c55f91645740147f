"""Arguments that name a file, a folder or an object of a store: taken as they are, completed as files."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem


class Place(click.types.StringParamType):
    """A name as it was typed; a shell completes files."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Let the shell look for files."""
        return [CompletionItem(incomplete, type="file")]


PLACE = Place()
