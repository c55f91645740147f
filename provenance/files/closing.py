"""What is open and must be closed: the one way to be a context manager."""

from typing import Self


class Closing:
    """Is closed at the end of a `with`, whatever happened in it."""

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close what is open; nothing to do where nothing is kept open."""
