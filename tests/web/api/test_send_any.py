"""Whatever stands in the properties: a message that everybody reads alike, or a fault that names what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email import message_from_bytes, policy
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from relay.config import Limits
from relay.transform.compose.fields import field
from relay.transform.compose.mailboxes import Mailbox, mailbox, written
from relay.transform.compose.message import message
from relay.transform.headers import read_header
from relay.web.api.call import Asked
from relay.web.api.problem import Problem
from relay.web.api.sending.names import PLAIN, SPELLED
from relay.web.api.sending.properties import Found, read_properties
from relay.web.api.services import Services

NAMES = sorted(
    {*PLAIN, *SPELLED.values(), "tags", "data", "trackclicks", "maxdelivertime", "merge", "options"} - {"template"}
)
TEXT = st.text(max_size=40)
NEAR = st.sampled_from(
    [
        "a@example.net",
        "Ann <a@example.net>",
        "jörg@bücher.example",
        '"a, b"@example.net',
        "https://example.com/x",
        "mailto:a@example.com",
        "a\r\nBcc: eve@example.net",
        "<>",
        "eA==",
        "true",
        "text/plain; charset=utf-8",
        "logo",
        "cid:x",
        "From: a@example.com\n\nx",
    ]
)
KEYS = st.sampled_from(
    ["address", "name", "email", "url", "oneclick", "data", "type", "cid", "disposition", "x-a", "0", "a@example.net"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT | NEAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | TEXT, inner, max_size=3),
    max_leaves=6,
)
BODIES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)


async def _here(work: Callable[..., Any], *given: Any) -> Any:
    return work(*given)


async def _nowhere(*given: Any, **named: Any) -> Any:
    raise Problem("fetch", "nothing is fetched here")


SERVICES = cast(
    Services,
    SimpleNamespace(
        config=SimpleNamespace(limits=Limits()),
        threaded=_here,
        brief=_here,
        http=SimpleNamespace(get=_nowhere),
        fetching=asyncio.Semaphore(4),
    ),
)


def read(properties: dict[str, Any]) -> Found:
    return asyncio.run(read_properties(SERVICES, cast(Asked, None), properties, 1000))


def check(octets: bytes) -> None:
    """One reading of it: CRLF at every end of a line, a header whose fields we wrote, one From."""
    assert octets.endswith(b"\r\n")
    assert octets.count(b"\r") == octets.count(b"\n") == octets.count(b"\r\n")
    header = read_header(octets)
    assert len(header.named(b"from")) == 1
    assert not header.has(b"bcc")
    assert max(map(len, octets[: header.body].split(b"\r\n"))) <= 998


@given(BODIES)
def test_any_properties_are_a_message_or_a_fault_that_has_a_name(properties: dict[str, Any]) -> None:
    asked = {"recipient": "a@example.net", "from": "me@example.com", "text": "x", **properties}
    try:
        found = read(asked)
    except Problem as problem:
        assert problem.status in (413, 422)
        assert problem.message.isprintable() or "\n" not in problem.message
        assert len(problem.message) < 500
    else:
        assert found.recipients
        if asked.get("mime") is None:
            check(found.octets)


@given(st.text(), st.text(), st.text(max_size=300))
def test_any_text_subject_and_html_arrive_as_they_were(text: str, html: str, subject: str) -> None:
    try:
        found = read(
            {"recipient": "a@example.net", "from": "a@example.com", "subject": subject, "text": text, "html": html}
        )
    except Problem as problem:
        assert problem.field in ("subject", "text", "html")
        return
    check(found.octets)
    message = message_from_bytes(found.octets, policy=policy.default)
    for kind, said in (("text/plain", text), ("text/html", html)):
        for part in message.walk():
            if part.get_content_type() == kind:
                octets = part.get_payload(decode=True)
                assert isinstance(octets, bytes)
                wanted = said.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
                assert octets.decode().replace("\r\n", "\n").removesuffix("\n") == wanted


@given(st.text(max_size=200))
def test_any_name_is_a_name_and_nothing_more(name: str) -> None:
    try:
        line = f"From: {written(mailbox('a@example.com', name))}\r\n".encode()
    except ValueError:
        return
    header = read_header(line + b"\r\n")
    assert [header.shape.names, line.isascii()] == [(b"from",), True]
    assert written(Mailbox("a@example.com")) == "a@example.com"


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=2000))
def test_any_value_of_a_field_comes_back(value: str) -> None:
    value = value.strip()
    line = field("X-Test", value)
    header = read_header(message([line, b"From: a@example.com\r\n"], "x", None, []))
    assert header.shape.names[:2] == (b"x-test", b"from")
    assert max(map(len, line.split(b"\r\n"))) <= 998
    assert not [each for each in line.rstrip(b"\r\n").split(b"\r\n")[1:] if not each.strip()]
