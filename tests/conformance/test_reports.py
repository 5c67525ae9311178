"""Rows 34 and 56: reports of DMARC come in by mail and are read over the API; all that is known of a person, too."""

from __future__ import annotations

import gzip
import smtplib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.bounce.test_aggregate import record, sample
from tests.conformance.stage import BOUNCES, Stage, message
from tests.e2e.world import HOME_DOMAIN
from tests.returns.test_reports import attached


@pytest.fixture(scope="module")
def api(it: Stage) -> Iterator[httpx.Client]:
    """SMTPeter's way in: the token in the query."""
    token = it.relay.ask("token", "add", "--account", "demo")["token"]
    base = f"http://127.0.0.1:{it.relay.port('http')}/v1/"
    with httpx.Client(base_url=base, params={"access_token": token}, timeout=30, trust_env=False) as client:
        yield client


def report(it: Stage, content: bytes, to: str = f"dmarc@{BOUNCES}") -> tuple[int, bytes]:
    with smtplib.SMTP("127.0.0.1", it.relay.port("returns"), timeout=30) as client:
        client.ehlo("mx.reports.example.net")
        client.mail("noreply@reports.example.net")
        code, reply = client.rcpt(to)
        return client.data(content) if code == 250 else (code, reply)


def test_row_34_a_report_that_came_by_mail_is_read_as_xml(it: Stage, api: httpx.Client) -> None:
    xml = [sample(record(f"{number + 1}"), domain=HOME_DOMAIN, ident=f"row-34-{number}") for number in range(2)]
    before = datetime.now(UTC).date().isoformat()
    for each in xml:
        code, reply = report(it, attached(gzip.compress(each)))
        assert code == 250, reply
    days = api.get("dmarc").json()
    assert days[-1] in {before, datetime.now(UTC).date().isoformat()}
    for tail, each in (("", xml[0]), ("/0", xml[0]), ("/1", xml[1])):
        answer = api.get(f"dmarc/{days[-1]}/reports.example.net/{HOME_DOMAIN}{tail}")
        assert (answer.headers["content-type"], answer.content) == ("application/xml", each)
    listed = api.get("dmarc/reports").json()["reports"]
    assert [(each["report_id"], each["messages"]) for each in listed] == [("row-34-1", 2), ("row-34-0", 1)]


def test_row_34_what_is_no_report_is_refused(it: Stage, api: httpx.Client) -> None:
    code, reply = report(it, message())
    assert (code, reply[:5]) == (550, b"5.6.0")
    code, reply = report(it, attached(gzip.compress(sample(domain="nobody.example"))))
    assert (code, reply[:5]) == (550, b"5.7.1")


def test_row_56_all_that_is_known_of_an_address_is_put_together(it: Stage, api: httpx.Client) -> None:
    sent = it.send(message(subject="Row 56", text="What was said.\n"))
    it.state(sent, "delivered")
    answer = api.post("datarequest/", data={"email": sent.to[0]})
    assert answer.status_code in (200, 201, 202)
    ident = answer.json()["id"]

    def done() -> bool:
        return bool(api.get(f"datarequest/{ident}/status").json()["status"] == "done")

    it.wait(done, f"data request {ident}")
    found: dict[str, Any] = api.get(f"datarequest/{ident}").json()
    assert found["info"] == {"type": "email", "id": sent.to[0]}
    ((_, _, told),) = [each for each in found["data"] if each[0] == "message"]
    assert (told["text"].strip(), told["state"]) == ("What was said.", "delivered")
    assert "Subject: Row 56" in told["headers"]
    assert {each[0] for each in found["data"]} >= {"received", "message"}


def test_row_56_who_asks_for_nobody_hears_why(api: httpx.Client) -> None:
    answer = api.post("datarequest", data={"email": "nobody"})
    assert answer.status_code == 422
    assert "email" in answer.json()["error"]["message"]
