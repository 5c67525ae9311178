"""The shards of this relay, read from outside their owners: also while the relay runs, or while it is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from relay.cli.frame import CommandError, ExitCode, relay_data, store_errors
from relay.config import Config
from relay.model.ids import Id, parse_id, shard_of
from relay.store.interface import Reader


@contextmanager
def reader(config: Config, shard: int) -> Iterator[Reader]:
    """One shard. Raises CommandError where it is not there, or something looked for in it is not."""
    from relay.store.sqlite import existing_shards, open_reader, shard_directory

    if shard not in existing_shards(relay_data(config)):
        raise CommandError(f"there is no shard {shard} under {config.data}", ExitCode.NOT_FOUND)
    with store_errors(config.data), closing(open_reader(shard_directory(config.data, shard), shard)) as opened:
        yield opened


def every_reader(config: Config) -> Iterator[Reader]:
    """All shards in turn, each closed before the next."""
    from relay.store.sqlite import existing_shards

    for shard in sorted(existing_shards(relay_data(config))):
        with reader(config, shard) as opened:
            yield opened


def known_id(text: str) -> tuple[Id, int]:
    """An id of a submission or of a recipient, and its shard. What is no id is not found, either."""
    try:
        found = parse_id(text)
    except ValueError as error:
        raise CommandError(str(error), ExitCode.NOT_FOUND) from error
    return found, shard_of(found.submission)
