"""What the handlers of calls work with: the rooms of the process they run in.

In:  the parts that the web worker put together.
Out: the same, by name. Handlers run on the event loop: the registry and the suppressions are asked there and nowhere
else (microseconds; a change is one sync of the disk). What reads shards or the report database, or renders, goes
through `threaded`, and opens what it reads for itself. What is bounded by the size of its own request, such as
reading a large body, goes through `brief`: those threads never wait behind a search that takes a minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from relay.config import Config
from relay.dns.resolver import Resolver
from relay.http.client import Client
from relay.limits.interface import Limits
from relay.model.clock import Clock
from relay.store.beside import Idempotency, Suppressions
from relay.store.interface import Registry
from relay.submission.directory import Directory
from relay.submission.intake import Intake
from relay.web.requests.desk import DataRequests

THREADS = 4
BRIEF = 2  # threads for what takes less than a second
FETCHING = 4  # messages whose attachments are fetched at once; each may have one message's size in memory

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Services:
    config: Config  # replaced as a whole when it is read again
    clock: Clock
    registry: Registry
    suppressions: Suppressions
    idempotency: Idempotency
    directory: Directory
    intake: Intake
    limits: Limits
    http: Client  # towards others, guarded
    resolver: Callable[[], Resolver]  # the one in use now
    fetching: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(FETCHING))
    requests: DataRequests = field(init=False)  # of data; who owns the services keeps its `run` going
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(THREADS, thread_name_prefix="api"))
    _brief: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(BRIEF, thread_name_prefix="brief"))

    def __post_init__(self) -> None:
        self.requests = DataRequests(self)

    @property
    def data(self) -> Path:
        return self.config.data

    async def threaded(self, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """Run something that reads or computes for long, off the event loop."""

        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(work, *given, **named))

    async def brief(self, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """The same of what ends soon, whatever it is given."""
        return await asyncio.get_running_loop().run_in_executor(self._brief, partial(work, *given, **named))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._brief.shutdown(wait=False, cancel_futures=True)
