"""All that is known of one submission, from the report database and from every journal.

In:  a submission id.
Out: its entries, oldest first. What a process saw that does not own the message is among them.
"""

from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path

from relay.model.event import Event
from relay.report import database
from relay.store.interface import Entry, StoreDown
from relay.store.sqlite import existing_shards, open_reader, shard_directory
from relay.store.sqlite.connect import fetch

logger = logging.getLogger("relay.report")


def history(data: Path, message: str) -> list[Entry]:
    """All that is known of one submission, oldest first, whichever process saw it.

    Raises:
        StoreDown: the report database cannot be read.
    """
    known: dict[str, Entry] = {}
    connection = database.open_to_read(data)
    if connection is not None:
        with closing(connection):
            for shard, seq, text in fetch(connection, database.HISTORY, (message,)):
                entry = Entry(shard=shard, seq=seq, event=Event.from_json(text))
                known[entry.id] = entry
    for shard in existing_shards(data):
        try:
            with closing(open_reader(shard_directory(data, shard), shard)) as reader:
                for entry in reader.history(message):
                    known.setdefault(entry.id, entry)
        except StoreDown as error:
            logger.warning("shard %d is left out: %s", shard, error)
    return sorted(known.values(), key=lambda entry: (entry.event.at, entry.shard, entry.seq))
