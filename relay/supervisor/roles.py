"""Which children a relay has, and which shards each of them owns. No IO.

In:  the sockets, the number of mail workers, the shards that lie in the data directory.
Out: one role a child.

A shard without a worker (there were more workers once) is adopted: one of the workers delivers what is in
it and takes no new mail for it. The division is the same at every start, so a worker that is replaced finds
the shards of its predecessor. The web worker has a shard of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from relay.config import Config
from relay.supervisor.child import Role
from relay.supervisor.sockets import Sockets
from relay.worker.context import WEB_SHARD, Context

Run = Callable[[Context], int]


def count_workers(config: Config) -> int:
    """As configured, or one for each core this process may use."""
    return config.processes.workers or max(1, len(os.sched_getaffinity(0)))


def adopted(workers: int, shards: Sequence[int]) -> list[tuple[int, ...]]:
    """For each worker the shards it drains besides its own."""
    orphans = sorted(shard for shard in shards if shard >= workers and shard != WEB_SHARD)
    return [tuple(orphans[number::workers]) for number in range(workers)]


def roles(sockets: Sockets, workers: int, shards: Sequence[int], *, mail: Run, web: Run, reporter: Run) -> list[Role]:
    drains = adopted(workers, shards)
    return [
        *(
            Role(
                name=f"worker-{number}",
                run=mail,
                shard=number,
                adopted=drains[number],
                listeners=sockets.of_worker(number),
            )
            for number in range(workers)
        ),
        Role(name="web", run=web, shard=WEB_SHARD, http=sockets.http, https=sockets.https),
        Role(name="reporter", run=reporter, last=True),
    ]
