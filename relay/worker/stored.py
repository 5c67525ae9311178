"""Is a submission on disk? Asked of whichever shard its id names, also one that another process owns.

In:  a submission's id. Out: whether its shard has it.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from relay.model.ids import parse_id, shard_of
from relay.store.interface import NotFound
from relay.store.sqlite import open_reader, shard_directory


class Stored:
    """Reads files; fit for a thread."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def __call__(self, submission: str) -> bool:
        """Raises StoreDown: the shard cannot be read, so nobody knows."""
        try:
            shard = shard_of(parse_id(submission).submission)
        except ValueError:
            return False
        directory = shard_directory(self._data, shard)
        if not directory.exists():
            return False
        with closing(open_reader(directory, shard)) as reader:
            try:
                reader.message(submission)
            except NotFound:
                return False
        return True
