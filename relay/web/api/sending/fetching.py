"""Files of attachments, fetched from the URLs that a request names.

In:  URLs. Out: answers; or a Problem that names the attachment and why, and tells no more of the URL than its host.

The client is guarded (`relay/http`): no private addresses, each redirect judged anew. A few files are fetched at
once, within `EACH` seconds each and `ALL` together, and all within the limit of a message. A few messages do so at
once, since each may have as much in memory; others wait `WAIT` seconds for their turn, and may be sent again then.

Why so: a file that could not be fetched refuses the call, since a message without its invoice is worse than none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from relay.http.client import Failed, Failure, Response
from relay.web.api.problem import Problem
from relay.web.api.services import Services

EACH, ALL = 20.0, 30.0  # seconds
WAIT = 30.0  # seconds
AT_ONCE = 3  # of a message
REDIRECTS = 3


class Room:
    """Octets that files may still have."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.left = limit

    def take(self, octets: int, where: str) -> None:
        self.left -= octets
        if self.left < 0:
            raise Problem(
                "too_large", f"{where}: the attachments are over the limit of {self.limit:,} octets", field=where
            )


async def fetch_all(services: Services, wanted: Sequence[tuple[str, str]], room: Room) -> dict[str, Response]:
    """`wanted`: which attachment (`attachments[2]`), and its URL. Raises Problem: fetch, too_large, unavailable."""
    if not wanted:
        return {}
    try:
        await asyncio.wait_for(services.fetching.acquire(), WAIT)
    except TimeoutError:
        text = "attachments: too many messages fetch theirs at the moment; please try again later"
        raise Problem("unavailable", text, field="attachments") from None
    try:
        async with asyncio.timeout(ALL):
            return await _together(services, wanted, room)
    except TimeoutError:
        text = f"attachments: they could not be fetched within {ALL:g} s together"
        raise Problem("fetch", text, field="attachments") from None
    finally:
        services.fetching.release()


async def _together(services: Services, wanted: Sequence[tuple[str, str]], room: Room) -> dict[str, Response]:
    turn = asyncio.Semaphore(AT_ONCE)

    async def fetch(where: str, url: str) -> tuple[str, Response]:
        async with turn:
            return where, await _fetch(services, where, url, room)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(fetch(where, url)) for where, url in wanted]
    except BaseExceptionGroup as errors:
        raise next((each for each in errors.exceptions if isinstance(each, Problem)), errors) from None
    return dict(task.result() for task in tasks)


async def _fetch(services: Services, where: str, url: str, room: Room) -> Response:
    field = f"{where}.url"
    try:
        response = await services.http.get(url, limit=max(room.left, 0), timeout=EACH, redirects=REDIRECTS)
        response.content()
    except Failed as failed:
        if failed.failure is Failure.TOO_LARGE:
            room.take(room.left + 1, where)
        raise Problem("fetch", f"{field}: {failed.text}", field=field) from None
    room.take(len(response.body), where)
    return response
