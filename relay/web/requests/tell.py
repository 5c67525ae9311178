"""Telling whoever waits for a data request that it has ended: a POST to a URL, or a mail with the result in it.

In:  the request, and the file of its result. Out: what became of telling it, in words.

A POST has the JSON of the result as its body, or the state of the request where it failed or is over `POSTED`; a mail
likewise, over `ATTACHED` or what the configuration lets a message have. `X-Data-Request` has the id.

Why so: a URL is asked three times within a minute, and then given up; the result stays to be fetched. The mail goes
from the null reverse-path, as the relay's other notes do, so that nothing comes back to anybody.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from relay.http.client import Failed
from relay.model.address import domain_of
from relay.store.interface import StoreDown
from relay.store.requests import Request, Requests, Stage
from relay.submission.enclosure import Enclosure, enclosing

if TYPE_CHECKING:
    from relay.web.api.services import Services

POSTED: Final = 10 << 20  # octets
ATTACHED: Final = 10 << 20
PAUSES: Final = (0.0, 5.0, 30.0)  # seconds before each try
TIMEOUT: Final = 30.0
NOT_YET: Final = "Data not available (yet)."
TOLD: Final = "told"


def is_url(monitor: str) -> bool:
    return monitor.lower().startswith(("http://", "https://"))


def is_own(services: Services, account: str, address: str) -> bool:
    """Whether mail with somebody's data may go there: a verified domain of the account's, or a name below one."""
    domain = services.directory.governing(domain_of(address).lower())
    return domain is not None and domain.account == account


async def tell(services: Services, store: Requests, request: Request) -> str:
    """`TOLD`, or why not. Raises StoreFull, StoreDown: a mail cannot be stored now."""
    if is_url(request.monitor):
        return await _post(services, store, request)
    return await _mail(services, store, request)


def state_of(request: Request) -> dict[str, object]:
    """A request as its owner is told of it."""
    told: dict[str, object] = {"id": request.id, "status": request.stage.value, "email": request.email}
    if request.stage is Stage.DONE:
        told |= {"size": request.octets, "complete": request.complete}
    if request.error:
        told["error"] = request.error
    return told


async def _post(services: Services, store: Requests, request: Request) -> str:
    body = await services.threaded(_result, store, request, POSTED)
    if body is None:
        body = msgspec.json.encode({**state_of(request), "data": NOT_YET})
    headers = {"Content-Type": "application/json", "X-Data-Request": request.id}
    said = ""
    for pause in PAUSES:
        await asyncio.sleep(pause)
        try:
            answer = await services.http.post(request.monitor, headers=headers, body=body, timeout=TIMEOUT)
        except Failed as failed:
            said = failed.text
            continue
        if answer.ok:
            return TOLD
        said = f"it answered {answer.status}"
    return f"not told: {said}"


async def _mail(services: Services, store: Requests, request: Request) -> str:
    if not is_own(services, request.account, request.monitor):
        return "not told: the address is at no verified domain of the account any more"
    limit = min(ATTACHED, services.config.limits.size // 2)
    file = await services.threaded(_result, store, request, limit)
    if request.stage is Stage.FAILED:
        text = f"Data request {request.id} failed: {request.error}"
    elif file is None:
        text = f"Data request {request.id} has {request.octets} octets, too many for mail; fetch them from the API."
    else:
        text = f"What is known of the address that data request {request.id} is about is attached."
    hostname = services.config.hostname
    domain = services.directory.governing(hostname)
    asker = services.directory.credential(request.credential)
    enclosure = Enclosure(
        account=request.account,
        credential=request.credential,
        to=request.monitor,
        subject=f"Data request {request.id}",
        text=f"{text}\r\n",
        name=f"datarequest-{request.id}.json" if file is not None else "",
        file=file or b"",
        hostname=hostname,
        signers=services.directory.signers(domain.name) if domain is not None else (),
        sandbox=services.config.sandbox.enabled or (asker is not None and asker.sandbox),
    )
    await services.intake.add_own(partial(enclosing, enclosure))
    return TOLD


def _result(store: Requests, request: Request, limit: int) -> bytes | None:
    """None: there is none, or a larger one. Raises StoreDown."""
    if request.stage is not Stage.DONE or request.octets > limit:
        return None
    try:
        return store.result(request.id).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreDown(f"the result of a data request cannot be read: {error}") from error
