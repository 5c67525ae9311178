"""POST /send with switches, reports and times: SMTPeter's properties, their defaults, and who decides."""

from __future__ import annotations

import dataclasses
import time
from datetime import UTC, datetime
from typing import Any

from relay.model.account import Domain
from relay.model.envelope import Notify, Ret
from relay.model.event import EventName
from relay.model.message import Message
from relay.store.sqlite import open_reader, shard_directory
from relay.worker.context import WEB_SHARD
from tests.web.api.stage import Stage
from tests.web.api.test_send import PROPERTIES, rehearsed, told
from tests.web.api.test_send_content import GIVEN, by, refused, sent

DAY = 86_400.0


def message(api: Stage, ident: str) -> Message:
    reader = open_reader(shard_directory(api.data, WEB_SHARD), WEB_SHARD)
    try:
        return reader.message(ident.partition("-")[0])
    finally:
        reader.close()


def utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


async def values(api: Stage, **properties: Any) -> dict[str, Any]:
    """The options that hold."""
    found = await rehearsed(api, **{**PROPERTIES, **properties})
    return {name: each["value"] for name, each in found["options"].items()}


async def test_send_has_smtpeters_defaults_below_all_others(api: Stage) -> None:
    found = await rehearsed(api, **PROPERTIES)
    assert {name: (each["value"], each["set_by"]) for name, each in found["options"].items()} == {
        "track_clicks": ("html", "default of the API"),
        "track_opens": (True, "default of the API"),
        "track_bounces": (True, "default of the API"),
        "deliver_within": (DAY, "default of the API"),
        "dsn_notify": (["FAILURE"], "default of the API"),
        "dsn_ret": ("HDRS", "default of the API"),
        "preserve_recipients": (True, "default of the API"),
    }
    credential = api.registry.credential("shop-app")
    api.registry.update_credential(
        dataclasses.replace(credential, options={"inline_css": True, "track_opens": False})
    )
    held = await rehearsed(api, **PROPERTIES, inlinecss=False)
    assert held["options"]["track_opens"] == {"value": False, "set_by": "credential shop-app"}
    assert held["options"]["inline_css"] == {"value": False, "set_by": "property inlinecss"}


async def test_send_takes_switches_by_all_their_names_and_spellings(api: Stage) -> None:
    for name, option in (
        ("trackclicks", "track_clicks"),
        ("clicktracking", "track_clicks"),
        ("track-clicks", "track_clicks"),
        ("trackopens", "track_opens"),
        ("openstracking", "track_opens"),
        ("trackbounces", "track_bounces"),
        ("bouncetracking", "track_bounces"),
    ):
        for value in (False, "false", "0", 0, "no", "off"):
            assert (await values(api, **by(name, value)))[option] in (False, "off"), (name, value)
    for name in ("inlinecss", "inlinizecss", "inlineizecss", "preventscam"):
        option = "prevent_scam" if name == "preventscam" else "inline_css"
        assert option not in await values(api)
        for value in (True, "true", "1", 1, "TRUE"):
            assert (await values(api, **by(name, value)))[option] is True, (name, value)
    await refused(api, "trackclicks", "maybe", code="unacceptable", trackclicks="maybe")
    assert "track_clicks" in await values(api, trackclicks="")


async def test_send_hosts_images_where_asked_and_does_nothing_by_default(api: Stage) -> None:
    domain = api.registry.domain("example.com")
    _lead_links(api, domain)
    for name, value in (("images", "hosted"), ("embedded", "hosted"), ("hosted_images", True)):
        assert (await values(api, **by(name, value)))["hosted_images"] is True
    assert (await values(api, images="default"))["hosted_images"] is False
    await refused(api, "images", "hosted or default", code="unacceptable", images="somewhere")


def _lead_links(api: Stage, domain: Domain) -> None:
    host = f"clicks.{domain.name}"
    api.registry.update_domain(dataclasses.replace(domain, tracking_host=host, tracking_verified=1.0))


async def test_send_tracks_clicks_and_opens_where_there_is_a_host_for_links(api: Stage) -> None:
    _lead_links(api, api.registry.domain("example.com"))
    page = '<a href="https://shop.example/sale">Sale</a>'
    tracked = await sent(api, html=page)
    plain = await sent(api, html=page, trackclicks=False, trackopens=False)
    read = [each.get_body(("html",)) for each in (tracked, plain)]
    texts = [each.get_content() for each in read if each is not None]
    assert "clicks.example.com" in texts[0] and "https://shop.example/sale" not in texts[0]
    assert texts[1].strip() == page


async def test_send_takes_tags_as_a_list_or_as_one_text(api: Stage) -> None:
    for given in (["a", "b"], "a,b", "a; b", ["a", "b", "a"]):
        assert (await values(api, tags=given))["tags"] == ["a", "b"]
    assert (await values(api, tags="one"))["tags"] == ["one"]
    for bad in (["a b"], ["a;b"], ["a\tb"], ["x" * 256], [f"t{number}" for number in range(26)]):
        error = await told(api, **GIVEN, tags=bad)
        assert (error["code"], error["field"]) == ("unacceptable", "tags")
    assert "tags" not in await values(api, tags=[])


async def test_send_takes_maxdelivertime_in_utc_and_in_no_other_form(api: Stage) -> None:
    at = float(int(time.time()) + 3600)
    [ident] = await api.send(maxdelivertime=utc(at))
    assert message(api, ident).deadline == at
    [day] = await api.send()
    taken = message(api, day)
    assert taken.deadline == taken.received + DAY
    iso = utc(at).replace(" ", "T") + "Z"
    for bad in (iso, utc(at)[:-3], "tomorrow", at, "+2h", "2026-1-2 03:04:05", True):
        await refused(api, "maxdelivertime", "YYYY-MM-DD hh:mm:ss", maxdelivertime=bad)
    await refused(api, "maxdelivertime", "no such time", code="unacceptable", maxdelivertime="2026-02-30 00:00:00")
    error = await told(api, **GIVEN, maxdelivertime="2020-01-01 00:00:00")
    assert (error["code"], "past" in error["message"]) == ("unacceptable", True)
    [late] = await api.send(deliver_by=iso)
    assert message(api, late).deadline == at
    assert "deliver_by" not in await values(api, maxdelivertime="")


async def test_send_with_an_envelope_reports_there_as_dsn_says(api: Stage) -> None:
    [ident] = await api.send(envelope="back@example.com")
    envelope = message(api, ident).envelope
    assert (envelope.reverse_path, envelope.ret) == ("back@example.com", Ret.HDRS)
    assert envelope.recipients[0].notify is Notify.FAILURE
    dsn = {"notify": "SUCCESS,DELAY", "ret": "FULL", "envid": "my-id", "orcpt": "old@example.net"}
    [ident] = await api.send(envelope="back@example.com", dsn=dsn)
    envelope = message(api, ident).envelope
    assert (envelope.ret, envelope.envid) == (Ret.FULL, "my-id")
    [recipient] = envelope.recipients
    assert (recipient.notify, recipient.original) == (Notify.SUCCESS | Notify.DELAY, "rfc822;old@example.net")
    for bad, word in (({"notify": "NEVER,FAILURE"}, "NEVER"), ({"ret": "ALL"}, "FULL"), ({"what": "x"}, "what")):
        error = await told(api, **GIVEN, envelope="back@example.com", dsn=bad)
        assert (error["code"], word in error["message"]) == ("unacceptable", True)


async def test_send_without_an_envelope_tells_nobody_and_says_that_dsn_has_no_effect(api: Stage) -> None:
    for given in ({"dsn": {"notify": "SUCCESS"}}, {"dsn_notify": "SUCCESS"}):
        found = await rehearsed(api, **{**PROPERTIES, **given})
        [name] = given
        assert f"{name}: without envelope nobody is notified, so it has no effect" in found["warnings"]
    [ident] = await api.send(dsn={"notify": "SUCCESS"})
    envelope = message(api, ident).envelope
    assert envelope.reverse_path == "me@example.com"
    assert envelope.recipients[0].notify is Notify.NEVER


async def test_send_puts_our_return_path_on_the_wire_where_bounces_lead_to_us(api: Stage) -> None:
    domain = api.registry.domain("example.com")
    host = "bounces.example.com"
    api.registry.update_domain(dataclasses.replace(domain, bounce_host=host, bounce_verified=1.0))
    for given, path, wire in (
        ({}, "", host),
        ({"envelope": "back@example.com"}, "back@example.com", host),
        ({"envelope": "back@example.com", "trackbounces": False}, "back@example.com", ""),
        ({"trackbounces": "0"}, "me@example.com", ""),
        ({"envelope": ""}, "", ""),
        ({"envelope": "<>"}, "", ""),
    ):
        [ident] = await api.send(**given)
        kept = message(api, ident)
        assert (kept.envelope.reverse_path, kept.return_host) == (path, wire), given


async def test_send_takes_a_pure_address_of_a_verified_domain_as_envelope(api: Stage) -> None:
    for bad in ("Back <back@example.com>", "back", ["back@example.com"], "a@example.com, b@example.com"):
        await refused(api, "envelope", envelope=bad)
    error = await told(api, 403, **GIVEN, envelope="back@stranger.example")
    assert "the envelope sender: stranger.example is not a verified domain" in error["message"]


async def test_send_takes_every_option_of_the_relay_as_a_property(api: Stage) -> None:
    found = await values(
        api,
        campaign="spring",
        metadata={"order": 7},
        message_ref="r-1",
        send_at="+2h",
        priority="low",
        options={"stream": "transactional"},
        merge_error="drop",
    )
    assert (found["campaign"], found["metadata"], found["message_ref"]) == ("spring", {"order": 7}, "r-1")
    assert (found["priority"], found["stream"], found["merge_error"]) == (2, "transactional", "drop")
    assert found["send_at"] > time.time() + 7000
    error = await told(api, 403, **GIVEN, dkim=False)
    assert "needs grant dkim-off" in error["message"]


async def test_send_tells_warnings_in_the_events_of_the_message(api: Stage) -> None:
    await api.send(dsn={"notify": "NEVER"}, bcc="x@example.net")
    [event] = [each for each in api.events() if each.name is EventName.RECEIVED]
    assert [each.partition(":")[0] for each in event.data["warnings"][:2]] == ["dsn", "bcc"]


async def test_send_takes_data_by_three_doors_and_the_recipients_own_wins(api: Stage) -> None:
    own = {"ann@example.net": {"a": "recipient"}}
    found = await sent(
        api,
        text="{$a} {$b} {$c}",
        recipients=own,
        merge={"ann@example.net": {"b": "merge"}},
        merge_global={"c": "global", "a": "global"},
    )
    assert found.get_content().strip() == "recipient  global"


async def test_send_takes_more_data_than_a_header_field_could_hold(api: Stage) -> None:
    data = {f"name{number}": number for number in range(900)}
    people = {f"p{number}@example.net": data for number in range(30)}
    found = await values(api, recipients=people, text="{$name899}")
    assert found["merge"]["p29@example.net"] == data
    error = await told(api, **{**GIVEN, "recipients": {"p@example.net": {f"n{each}": 1 for each in range(1001)}}})
    assert "at most 1,000 names" in error["message"]


async def test_send_leaves_out_what_a_domain_without_a_host_for_links_cannot_have(api: Stage) -> None:
    """Applications name SMTPeter's switches in every request, whatever their domain is set up for."""
    given = {"recipient": "ann@example.net", "from": "me@example.com", "html": '<a href="https://example.com">x</a>'}
    switches = {"trackclicks": True, "trackopens": True, "images": "hosted", "trackbounces": True}
    answer = await api.post("/v1/send", json=given | switches)
    assert answer.status_code == 200, answer.text
    assert "relay domain tracking" in answer.headers["x-warnings"]
    assert b"https://example.com" in api.content(next(iter(answer.json())))
    refused = await api.post("/v1/send", json=given | {"view_online": True})
    assert refused.status_code == 422 and "relay domain tracking" in refused.json()["error"]["message"]
