"""Readers are found by the id of a message, kept open, and not too many of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from relay.config.schema import Retention, Sandbox
from relay.model.ids import IdSource
from relay.store.interface import NotFound
from relay.store.readers import Readers
from relay.store.sqlite import open_queue, shard_directory
from tests.store.mail import NOON, mail

LEADS = ("https://example.com/",)


async def test_what_a_link_names_is_found_in_whichever_shard_holds_it(tmp_path: Path) -> None:
    sent = []
    for shard in (0, 3, 1000):
        queue = await open_queue(shard_directory(tmp_path, shard), shard, Retention(), Sandbox(), lambda: NOON)
        new = replace(mail(ident=IdSource(shard, lambda: NOON).new(), links=True), targets={0: LEADS})
        await queue.add(new)
        await queue.close()
        sent.append((shard, new.message.id))
    readers = Readers(tmp_path, kept=2)
    for shard, message in sent * 2:
        found = readers.tracked(message, 1)
        assert found is not None
        assert (found.shard, found.message, found.targets) == (shard, message, LEADS)
        assert readers.of(message) is readers.of(message)
        assert len(readers._open) <= 2
        assert readers.tracked(message, 2) is None
    readers.close()


def test_a_message_of_a_shard_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    readers = Readers(tmp_path)
    message = IdSource(9, lambda: NOON).new()
    assert readers.tracked(message, 1) is None
    with pytest.raises(NotFound, match="shard 9"):
        readers.of(message)
