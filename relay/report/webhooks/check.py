"""Whether a URL is the account's, and whether anybody listens there: asked before anything else is sent to it.

In:  a webhook. Out: what was found, in words; or `Unproven`.

In SMTPeter's shape a text file, `smtpeter-xxxxx.txt` with the text `xxxxx`, stands at the root of the web server or
in the folder of the script, and may be deleted afterwards. In ours a signed `webhook.test` is answered with 2xx.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from yarl import URL

from relay.http.client import Client, Failed, Response
from relay.model.account import DkimKey
from relay.model.clock import Clock
from relay.model.event import EventName
from relay.model.webhook import SMTPETER, TYPES, Shape, Webhook
from relay.report.webhooks.payload import Told, body_of, event_id, test_event
from relay.report.webhooks.request import request, test_body

LARGEST = 4096  # octets of the file


class Unproven(Exception):
    """It did not pass; the text says why."""


async def check(
    hook: Webhook, client: Client, key: DkimKey | None, *, timeout: float, clock: Clock, nonce: Callable[[], str]
) -> str:
    """What showed it. Raises Unproven."""
    if hook.shape is Shape.SMTPETER:
        return await _file(hook, client, timeout)
    body = test_body(hook.account, f"evt_test-{nonce()}", clock())
    response = await post(hook, client, key, body, timeout=timeout, clock=clock, nonce=nonce)
    if not response.ok:
        raise Unproven(f"it answered webhook.test with {response.status}, not with 2xx")
    return f"it answered webhook.test with {response.status}"


async def post(
    hook: Webhook,
    client: Client,
    key: DkimKey | None,
    body: Mapping[str, Any],
    *,
    timeout: float,
    clock: Clock,
    nonce: Callable[[], str],
) -> Response:
    """Send one body now, past the outbox. Raises Unproven: no answer."""
    ident = str(body.get("event_id", f"evt_test-{nonce()}"))
    try:
        asked = request(hook, [body], [ident], key=key, now=clock(), nonce=nonce())
        return await client.post(hook.url, headers=asked.headers, body=asked.body, timeout=timeout)
    except Failed as error:
        raise Unproven(error.text) from error
    except ValueError as error:
        raise Unproven(str(error)) from error


def made_up(hook: Webhook, wanted: str, now: float, nonce: str) -> dict[str, Any]:
    """A body with made-up data, of an event or a type of SMTPeter. Raises ValueError: there is none of that name."""
    kind, name = "", wanted
    if hook.shape is Shape.SMTPETER:
        found = [each for each, names in SMTPETER.items() if wanted == each or any(wanted == it for it in names)]
        if not found:
            raise ValueError(f"SMTPeter's webhooks have no {wanted}; there are {', '.join(SMTPETER)}")
        kind = found[0]
        name = SMTPETER[kind][0].value
    else:
        names = [each.value for each, known in TYPES.items() if wanted in (each.value, known)]
        if not names:
            raise ValueError(f"there is no event {wanted}; there are {', '.join(each.value for each in EventName)}")
        name = names[0]
    told = Told(f"test-{nonce}", kind, test_event(EventName(name), now, hook.account), {"from": "sender@example.com"})
    body = body_of(told, "From: someone@example.net\r\n\r\nIt came back.\r\n")
    return body if kind else {**body, "event_id": event_id(told)}


def places(hook: Webhook) -> list[str]:
    """Where the file may stand: the root, and the folder of the script."""
    url = URL(hook.url)
    root = url.origin()
    folder = url.raw_path.rpartition("/")[0]
    found = [str(root.with_path(f"/{hook.check_file}"))]
    if folder:
        found.append(str(root.with_path(f"{folder}/{hook.check_file}", encoded=True)))
    return list(dict.fromkeys(found))


async def _file(hook: Webhook, client: Client, timeout: float) -> str:
    said = []
    for place in places(hook):
        try:
            text = (await client.get(place, limit=LARGEST, timeout=timeout)).content()
        except Failed as error:
            said.append(f"{place}: {error.text}")
            continue
        if text.strip() == hook.token.encode():
            return f"{place} is there"
        said.append(f"{place}: it does not say {hook.token}")
    raise Unproven("; ".join(said))
