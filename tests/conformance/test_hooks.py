"""Rows 52 to 55: webhooks in SMTPeter's shape, as a receiver that was written for it sees them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.conformance.stage import PERSON, REFUSES, SENDER, Sent, Stage, links, message, part
from tests.conformance.test_returning import GONE, come_back
from tests.peers.hook import Receiver, receiver
from tests.returns.test_kinds import COMPLAINT, VACATION

TYPES = ("bounce", "failure", "click", "open", "delivery", "abuse")
PAGE = '<a href="https://a.example/x?y=1">x</a><p>y</p>'


@contextmanager
def hook(it: Stage, there: Receiver, events: str, *words: str, path: str = "/hook.php") -> Iterator[str]:
    """A webhook in SMTPeter's shape that is trusted, and removed again."""
    made = it.relay.ask(
        "webhook", "add", there.url(path), "--shape", "smtpeter", "--events", events, "--trust", *words
    )
    try:
        yield made["id"]
    finally:
        it.relay.cli("webhook", "remove", made["id"])


@pytest.fixture(scope="module")
def there(it: Stage) -> Iterator[Receiver]:
    """Where a webhook tells all that SMTPeter tells."""
    with receiver() as made, hook(it, made, ",".join(TYPES)):
        yield made


def told(there: Receiver, sent: Sent) -> list[dict[str, Any]]:
    """Bodies about a message, in the order in which they came."""
    bodies = [json.loads(body) for _, _, body in list(there.got)]
    return [each for each in bodies if each["id"].startswith(sent.id)]


def wait_for(it: Stage, there: Receiver, sent: Sent, *kinds: str) -> list[dict[str, Any]]:
    """The first body of each of these types."""

    def found() -> list[dict[str, Any]]:
        by_type = {each["type"]: each for each in reversed(told(there, sent))}
        return [by_type[kind] for kind in kinds] if by_type.keys() >= set(kinds) else []

    return it.wait(found, f"{kinds} of {sent.id}")


def file_of(made: dict[str, Any]) -> str:
    """Name of the file that a new webhook asks for."""
    (name,) = set(re.findall(r"smtpeter-\w+\.txt", json.dumps(made)))
    return str(name)


@pytest.mark.parametrize("place", ["root", "folder"])
def test_row_52_nothing_is_sent_before_a_file_at_the_root_or_in_the_folder_was_seen(it: Stage, place: str) -> None:
    with receiver() as there:
        url = there.url("/deep/folder/hook.php?x=1")
        made = it.relay.ask("webhook", "add", url, "--shape", "smtpeter", "--events", "delivery")
        try:
            assert made["found"].startswith("no:")
            unseen = it.send(message())
            it.state(unseen, "delivered")
            file = file_of(made)
            text = file.removeprefix("smtpeter-").removesuffix(".txt")
            there.files["/" + file if place == "root" else "/deep/folder/" + file] = text.encode()
            (checked,) = it.relay.ask("webhook", "check", made["id"])
            assert checked["passed"], checked
            there.files.clear()  # may be deleted afterwards
            sent = it.send(message())
            wait_for(it, there, sent, "delivery")
            assert {path for path, _, _ in there.got} == {"/deep/folder/hook.php?x=1"}
        finally:
            it.relay.cli("webhook", "remove", made["id"])


def test_row_52_a_file_that_says_something_else_is_no_proof_and_each_webhook_has_its_own(it: Stage) -> None:
    with receiver() as there:
        names = set()
        for _ in range(2):
            made = it.relay.ask("webhook", "add", there.url("/h"), "--shape", "smtpeter", "--events", "open")
            file = file_of(made)
            names.add(file)
            there.files["/" + file] = b"It works!"
            (checked,) = it.relay.ask("webhook", "check", made["id"], code=1)
            assert not checked["passed"]
            it.relay.cli("webhook", "remove", made["id"])
        assert len(names) == 2
        assert there.got == []


def common(it: Stage, sent: Sent, body: dict[str, Any], kind: str) -> dict[str, Any]:
    """What is left of a body once the fields that all have were judged."""
    left = dict(body)
    assert left.pop("id") == f"{sent.id}-1"
    assert left.pop("type") == kind
    assert left.pop("recipient") == sent.to[0]
    assert left.pop("tags") == ["spring", "sale"]
    at = left.pop("time")
    assert isinstance(at, int) and abs(at - time.time()) < 60
    assert left.pop("timestamp") == datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return left


def tagged(*control: str, **more: Any) -> bytes:
    return message("Tags: spring, sale", *control, **more)


def test_row_53_delivery(it: Stage, there: Receiver) -> None:
    sent = it.send(tagged())
    (body,) = wait_for(it, there, sent, "delivery")
    assert common(it, sent, body, "delivery") == {"code": 250, "extended": "2.0.0", "description": "taken"}


def test_row_53_failure(it: Stage, there: Receiver) -> None:
    sent = it.send(tagged(), it.somebody(REFUSES))
    (body,) = wait_for(it, there, sent, "failure")
    assert [each["type"] for each in told(there, sent)] == ["failure"]
    assert common(it, sent, body, "failure") == {
        "action": "failed",
        "state": "rcptto",
        "code": 550,
        "extended": "5.1.1",
        "description": "no such mailbox",
    }


def test_row_53_a_report_is_a_failure_and_a_bounce(it: Stage, there: Receiver) -> None:
    sent = it.send(tagged("TrackBounces: true"))
    come_back(it, it.arrived(sent).sender, GONE)
    bounced, failed = wait_for(it, there, sent, "bounce", "failure")
    bounce = common(it, sent, bounced, "bounce")
    assert bounce["envelope"] == SENDER and "No such user" in bounce["mime"]
    failure = common(it, sent, failed, "failure")
    assert (failure["state"], failure["action"], failure["extended"]) == ("bounce", "failed", "5.1.1")


def test_reading_out_of_office_is_told_as_a_bounce_and_stands_in_the_events_as_an_answer(
    it: Stage, there: Receiver
) -> None:
    sent = it.send(tagged("TrackBounces: true"))
    come_back(it, it.arrived(sent).sender, VACATION)
    (body,) = wait_for(it, there, sent, "bounce")
    assert "In June again." in common(it, sent, body, "bounce")["mime"]
    assert it.events(sent, "replied")


def test_row_53_click_and_open(it: Stage, there: Receiver) -> None:
    sent = it.send(tagged("TrackClicks: true", "TrackOpens: true", html=PAGE))
    html = part(it.arrived(sent).content)
    it.http(links(html)[0], Referer="https://mail.example/inbox")
    it.http(links(html, "src")[0])
    click, opened = wait_for(it, there, sent, "click", "open")
    client = {"ip": "127.0.0.1", "useragent": PERSON, "machine": True}  # nobody clicks that fast
    assert common(it, sent, click, "click") == {
        **client,
        "original": "https://a.example/x?y=1",
        "referer": "https://mail.example/inbox",
    }
    assert common(it, sent, opened, "open") == client


def test_row_53_abuse(it: Stage, there: Receiver) -> None:
    sent = it.send(tagged("TrackBounces: true"))
    come_back(it, it.arrived(sent).sender, COMPLAINT, "fbl@takes.example")
    (body,) = wait_for(it, there, sent, "abuse")
    own = common(it, sent, body, "abuse")
    assert own["emailfrom"] == "fbl@takes.example"
    assert "Feedback-Type: abuse" in own["mime"]


def test_reading_the_body_is_json_unless_a_webhook_is_set_to_forms(it: Stage) -> None:
    with receiver() as there, hook(it, there, "delivery"), hook(it, there, "delivery", "--format", "form", path="/f"):
        sent = it.send(tagged())
        it.wait(lambda: len(there.got) >= 2, "both")
        kinds = {path: headers["content-type"] for path, headers, _ in there.got}
        assert kinds == {"/hook.php": "application/json", "/f": "application/x-www-form-urlencoded"}
        (form,) = [body.decode() for path, _, body in there.got if path == "/f"]
    found = parse_qs(form)
    assert found["tags[]"] == ["spring", "sale"]
    assert dict(parse_qsl(form))["id"] == f"{sent.id}-1"


def verified(it: Stage, headers: dict[str, str], body: bytes, target: str) -> dict[str, str]:
    """draft-cavage-http-signatures-11, as SMTPeter's own verifier goes about it; the parameters of the signature.

    That one compares the digest's name with lower case, and looks fields up by their names as they stand in the list.
    """
    said = dict(re.findall(r'(\w+)="([^"]*)"', headers["signature"]))
    names = said["headers"].split(" ")
    assert {"(request-target)", "host", "date", "x-copernica-id", "digest"} <= set(names)
    assert {"content-length", "content-type", "x-nonce"} <= set(names)
    assert headers["digest"] == "sha-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()
    assert abs(parsedate_to_datetime(headers["date"]).timestamp() - time.time()) < 60
    fields = {**headers, "(request-target)": f"post {target}"}
    text = "\n".join(f"{name}: {fields[name]}" for name in names)
    record = it.internet.text(said["keyId"].encode()).decode()
    tags = dict(each.partition("=")[::2] for each in record.split(";"))  # not trimmed, as it does not
    assert tags["v"] == "DKIM1"
    public = load_der_public_key(base64.b64decode(tags["p"]))
    assert isinstance(public, RSAPublicKey)
    public.verify(base64.b64decode(said["signature"]), text.encode(), PKCS1v15(), SHA256())
    return said


def publish(it: Stage) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = it.relay.ask("webhook", "key")
    for each in keys:
        text = each["record"]
        it.internet.dns.set(each["name"], "TXT", " ".join(f'"{text[n : n + 250]}"' for n in range(0, len(text), 250)))
    return keys


def test_row_54_requests_are_signed_with_a_key_that_stands_in_dns_and_changes(it: Stage) -> None:
    with receiver() as there, hook(it, there, "delivery", path="/a/hook.php?x=1&y=%2F"):
        publish(it)
        nonces, ids = [], []
        for again in (False, True):
            if again:
                it.relay.cli("webhook", "key", "--new")
                publish(it)
                it.relay.cli("webhook", "key", "--retire")
            before = len(there.got)
            sent = it.send(message())
            wait_for(it, there, sent, "delivery")
            path, headers, body = there.got[before]
            said = verified(it, headers, body, path)
            assert said["algorithm"] == "rsa-sha256"
            assert headers["x-copernica-id"].startswith("environment-")
            nonces.append(headers["x-nonce"])
            ids.append(said["keyId"])
        assert len(set(nonces)) == 2
        assert re.fullmatch(r"\w+\._domainkey\.relay\.test", ids[0]) and ids[0] != ids[1]


def test_reading_what_signs_is_in_lower_case_and_has_the_nonce(it: Stage) -> None:
    with receiver() as there, hook(it, there, "delivery"):
        publish(it)
        wait_for(it, there, it.send(message()), "delivery")
        _, headers, body = there.got[0]
        said = verified(it, headers, body, "/hook.php")
    assert said["headers"] == said["headers"].lower()
    assert "x-nonce" in said["headers"].split()
    assert headers["digest"].startswith("sha-256=")


def test_row_55_webhooks_are_listed_changed_tested_and_removed_by_commands(it: Stage) -> None:
    with receiver() as there:
        made = it.relay.ask("webhook", "add", there.url(), "--shape", "smtpeter", "--events", "open", "--trust")
        ident = made["id"]
        assert ident in {each["id"] for each in it.relay.ask("webhook", "list")}
        it.relay.cli("webhook", "set", ident, "--events", ",".join(TYPES))
        assert set(it.relay.ask("webhook", "show", ident)["events"]) == set(TYPES)
        for kind in ("click", "failure"):
            it.relay.cli("webhook", "test", ident, "--event", kind)
            assert json.loads(there.got[-1][2])["type"] == kind
        it.relay.cli("webhook", "remove", ident)
        it.relay.cli("webhook", "show", ident, code=3)
