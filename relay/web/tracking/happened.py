"""What somebody did with a message of ours, and the event that tells it. No IO.

In:  a request with a valid token, the recipient it stands for, the time.
Out: a `Happened`, small enough to wait in memory; later its `Event`.
"""

from __future__ import annotations

from typing import Any

from relay.config.tracking import ClientAddress
from relay.model.event import Event, EventName
from relay.model.light import light
from relay.store.interface import Tracked
from relay.web.tracking.asked import Asked, shown
from relay.web.tracking.machines import Verdict, verdict

URL = 2048  # characters of a link or picture that an event tells


@light(frozen=True, slots=True, kw_only=True)
class Happened:
    name: EventName
    at: float
    tracked: Tracked
    link: int | None  # number of the link or picture
    client: str  # as it may be told
    agent: str
    referer: str
    secure: bool  # over https
    verdict: Verdict


def happened(
    name: EventName, at: float, tracked: Tracked, asked: Asked, how: ClientAddress, link: int | None = None
) -> Happened:
    """An open or a click."""
    agent = asked.agent
    since = None
    if not tracked.test:
        since = -1.0 if tracked.ended is None else max(0.0, at - tracked.ended)
    return Happened(
        name=name,
        at=at,
        tracked=tracked,
        link=link,
        client=shown(asked.client, how),
        agent=agent,
        referer=asked.referer,
        secure=asked.secure,
        verdict=verdict(click=name is EventName.CLICKED, agent=agent, prefetch=asked.prefetch, since_delivery=since),
    )


def event_of(what: Happened, judged: Verdict | None = None) -> Event:
    """`judged`: what else is known by now, if nothing was against it before."""
    found = what.verdict if what.verdict.machine or judged is None else judged
    data = told(what.tracked) | _asker(what.client, what.agent, what.referer)
    if what.secure:
        data["secure"] = True
    if what.link is not None:
        data["link"] = what.link
        data["url"] = url_told(what.tracked, what.link)
    if found.machine:
        data["machine"] = True
        data["machine_reason"] = found.reason
    if found.proxy:
        data["proxy"] = found.proxy
    return _event(what.name, what.at, what.tracked, data)


def unsubscribed(
    at: float, tracked: Tracked, asked: Asked, how: ClientAddress, *, via: str, group: str, back: bool = False
) -> Event:
    """`via`: one-click or page; `group` "": all mail; `back`: the reverse."""
    data = told(tracked) | _asker(shown(asked.client, how), asked.agent, asked.referer)
    data["via"] = via
    if group:
        data["group"] = group
    if back:
        data["resubscribed"] = True
    return _event(EventName.UNSUBSCRIBED, at, tracked, data)


def told(tracked: Tracked) -> dict[str, Any]:
    """The words that each event of a message's recipient has."""
    options = tracked.options
    asked = {
        "tags": list(options.tags),
        "metadata": dict(options.metadata),
        "campaign": options.campaign,
        "tenant": options.tenant,
        "stream": options.stream,
        "message_ref": options.message_ref,
    }
    data: dict[str, Any] = {"to": tracked.address}
    data.update((word, value) for word, value in asked.items() if value)
    if tracked.test:
        data["test"] = True
    return data


def url_told(tracked: Tracked, link: int) -> str:
    url = tracked.targets[link]
    if tracked.options.track_strip_query:
        url = url.partition("?")[0].partition("#")[0]
    return url[:URL]


def _asker(client: str, agent: str, referer: str) -> dict[str, Any]:
    given = (("client", client), ("user_agent", agent), ("referer", referer))
    return {word: value for word, value in given if value}


def _event(name: EventName, at: float, tracked: Tracked, data: dict[str, Any]) -> Event:
    return Event(
        name=name,
        at=at,
        message=tracked.message,
        recipient=tracked.number,
        account=tracked.account,
        credential=tracked.credential,
        data=data,
    )
