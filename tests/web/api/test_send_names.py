"""POST /send: every option of the registry is a property, by its name, by its header's, and by its aliases."""

from __future__ import annotations

import dataclasses
import time

from relay.submission.control.grammar import squeezed
from relay.submission.control.option import Door, Option
from relay.submission.control.registry import OPTIONS, header_of
from tests.submission.options import EVERYTHING
from tests.submission.options_new import CONSENT_CASES, CONTENT_CASES
from tests.submission.options_old import OLD_CASES
from tests.web.api.stage import Stage

CASES = {**OLD_CASES, **CONTENT_CASES, **CONSENT_CASES}
PROPERTIES = [each for each in OPTIONS if Door.PROPERTY in each.doors]
SMALL = {
    "recipient": "ann@example.net",
    "envelope": "me@example.com",
    "from": "me@example.com",
    "subject": "Hi",
    "text": "Hello.",
    "html": "<p>Hi",
}
SOON = time.time() + 3600
VALUES = {
    "deliver_by": SOON,
    "send_at": SOON,
    "dkim_key": "r1",
    "dkim_extra": "example.com,e1",
    "template_version": 1,
}
SETTLED = {"on_invalid", "preset"}  # how the others are read; no wish for the message itself
NOT_HERE = {"pool", "source_ip", "return_path_domain", "webhook_url"}  # known, and told that this relay has none
OTHERS = {"cc", "bcc", "recipients", "xsmtpeterrecipients"}  # as properties these are SMTPeter's


async def _furnish(api: Stage) -> None:
    """All grants; a host for links; what options name."""
    api.registry.update_credential(dataclasses.replace(api.registry.credential("shop-app"), **EVERYTHING))
    domain = api.registry.domain("example.com")
    api.registry.update_domain(dataclasses.replace(domain, tracking_host="clicks.example.com", tracking_verified=1.0))
    for name in ("invoices",):
        assert (await api.client.put(f"/v1/presets/{name}", json={"options": {}})).is_success
    template = {"name": "welcome", "from": "me@example.com", "subject": "Hi", "content": "<p>Hi"}
    assert (await api.post("/v1/template", json=template)).is_success


async def _asked(api: Stage, option: Option, name: str) -> str:
    """What is wrong with an option under that name; "" nothing."""
    for value in (
        VALUES.get(option.name, CASES[option.name].good[0][0]),
        "yes",
    ):  # an alias may have a grammar of its own
        answer = await api.post("/v1/send?dry_run=1", json=SMALL | {name: value})
        found = answer.json()
        if answer.status_code == 200:
            held = found["options"].get(option.name)
            return "" if option.name in SETTLED or (held and "property" in held["set_by"]) else answer.text
        if option.name in NOT_HERE and found["error"]["field"] == option.name:
            return ""
    return answer.text


async def test_send_takes_every_option_by_all_its_names(api: Stage) -> None:
    await _furnish(api)
    wrong = {}
    for option in PROPERTIES:
        for name in (option.name, option.header, header_of(option), *[each.name for each in option.aliases]):
            if squeezed(name) not in OTHERS and (said := await _asked(api, option, name)):
                wrong[f"{option.name} as {name}"] = said
    assert wrong == {}


async def test_send_has_copies_of_ours_by_their_own_names(api: Stage) -> None:
    await _furnish(api)
    for name in ("extra_bcc", "X-SMTPeter-Bcc", "ExtraBcc"):
        answer = await api.post("/v1/send?dry_run=1", json=SMALL | {name: "bob@example.net"})
        assert answer.json()["recipients"] == ["ann@example.net", "bob@example.net"], name
    answer = await api.post("/v1/send?dry_run=1", json=SMALL | {"bcc": "bob@example.net"})
    assert answer.json()["recipients"] == ["ann@example.net"]
