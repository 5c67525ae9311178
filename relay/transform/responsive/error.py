"""What is wrong with a document, and where."""

from __future__ import annotations

from relay.model.address import printable

TOLD = 400  # characters


class DocumentError(Exception):
    """A document that cannot be rendered. Its text is one printable line: `/content/blocks/3/image/src: ...`."""

    def __init__(self, path: str, what: str) -> None:
        self.path = path  # a JSON pointer (RFC 6901); "" is the whole document
        self.what = what
        super().__init__(printable(f"{path or '/'}: {what}", TOLD))
