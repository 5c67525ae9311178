"""Stored templates on messages: what takes whose place, and what stays."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from relay.model.template import Template
from relay.transform.headers import read_header
from relay.transform.merge import TemplateError
from relay.transform.merge.message import apply, prepare

TOP = b"From: shop@example.com\r\nTo: x@example.net\r\nSubject: own {$name}\r\n"
PLAIN = TOP + b"\r\nHi <you>,\r\n{$name}\r\n"
HTML = TOP + b"MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hi <b>{$name}</b></p>\r\n"
BOTH = (
    TOP + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n"
    b"Content-Type: multipart/alternative; boundary=a\r\n\r\n"
    b"--a\r\nContent-Type: text/plain\r\n\r\nplain {$name}\r\n"
    b"--a\r\nContent-Type: text/html\r\n\r\n<p>page {$name}\r\n--a--\r\n"
    b"--m\r\nContent-Type: application/pdf; name=a.pdf\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n e0FB==  \r\n--m--\r\n"
)
FULL = Template(
    account="demo",
    name="t",
    created=0.0,
    subject="New: {$name}",
    html="<html>{$content}<i>{$name|escape}</i></html>",
    text="* {$content}\n-- {$name}",
)


def made(content: bytes, template: Template = FULL, block: str = "content") -> EmailMessage:
    found = message_from_bytes(apply(template, read_header(content), block, {"name": "Ann"}), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def said(message: EmailMessage) -> list[tuple[str, str]]:
    leaves = [each for each in message.walk() if not each.is_multipart()]
    return [(each.get_content_type(), str(each.get_content())) for each in leaves]


def test_a_plain_text_gets_a_page_beside_it() -> None:
    message = made(PLAIN)
    assert message.get_content_type() == "multipart/alternative"
    assert message["subject"] == "New: Ann"
    assert said(message) == [
        ("text/plain", "* Hi <you>,\r\nAnn\r\n\r\n-- Ann"),
        ("text/html", "<html>Hi &lt;you&gt;,<br>\r\nAnn<i>Ann</i></html>"),
    ]


def test_a_page_gets_a_text_beside_it() -> None:
    message = made(HTML)
    [(_, text), (_, page)] = said(message)
    assert page == "<html><p>Hi <b>Ann</b></p>\r\n<i>Ann</i></html>"
    assert text.startswith("* Hi Ann") and text.endswith("-- Ann")


def test_texts_are_replaced_where_they_stand_and_attachments_stay() -> None:
    made_of = apply(FULL, read_header(BOTH), "content", {"name": "Ann"})
    expected = BOTH.replace(b"Subject: own {$name}", b"Subject: New: Ann")
    expected = expected.replace(b"plain {$name}", b"* plain Ann\r\n-- Ann")
    expected = expected.replace(b"<p>page {$name}", b"<html><p>page Ann<i>Ann</i></html>")
    assert made_of == expected


def test_a_part_the_template_lacks_stays_the_messages_own() -> None:
    only = Template(account="demo", name="t", created=0.0, html="<html>{$content}</html>")
    message = made(BOTH, only)
    assert message["subject"] == "own Ann"
    assert [each for _, each in said(message)][:2] == ["plain Ann", "<html><p>page Ann</html>"]
    assert said(made(HTML, only)) == [("text/html", "<html><p>Hi <b>Ann</b></p>\r\n</html>\r\n")]
    subject = Template(account="demo", name="t", created=0.0, subject="S {$name}")
    assert made(PLAIN, subject)["subject"] == "S Ann"
    assert said(made(PLAIN, subject)) == [("text/plain", "Hi <you>,\r\nAnn\r\n")]


def test_a_subject_is_added_where_there_is_none() -> None:
    content = b"From: a@example.com\r\n\r\nx\r\n"
    subject = Template(account="demo", name="t", created=0.0, subject="S {$name}")
    assert apply(subject, read_header(content), "content", {"name": "Ü"}).startswith(b"Subject: =?utf-8?")
    assert apply(subject, read_header(content), "content", {"name": "b"}) == b"Subject: S b\r\n" + content


def test_the_body_has_the_name_that_was_asked_for() -> None:
    page = Template(account="demo", name="t", created=0.0, html="<html>{$main}{$content}</html>")
    assert said(made(HTML, page, "main")) == [("text/html", "<html><p>Hi <b>Ann</b></p>\r\n</html>\r\n")]
    assert prepare(read_header(HTML), page, "main").variables == {"name", "content"}


def test_what_the_body_says_is_no_template_of_the_templates() -> None:
    page = Template(account="demo", name="t", created=0.0, html="{$content}")
    content = HTML.replace(b"{$name}", b"{ldelim}$name{rdelim}")
    assert "{$name}" in said(made(content, page))[0][1]


@pytest.mark.parametrize(
    ("content", "template", "where"),
    [
        (
            PLAIN,
            Template(account="d", name="t", created=0.0, html="\n {if 1}"),
            "html of the template, line 2, column 2",
        ),
        (PLAIN, Template(account="d", name="t", created=0.0, subject="{x}"), "subject of the template, line 1"),
        (PLAIN, Template(account="d", name="t", created=0.0, text="{1/0}"), "text of the template, line 1, column 1"),
        (PLAIN + b"{nope}", FULL, "text part, line 3, column 1"),
        (TOP + b"Content-Type: application/pdf\r\n\r\nx\r\n", FULL, "the message has no html or text"),
        (
            TOP + b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
            FULL,
            "no html or text",
        ),
    ],
)
def test_what_does_not_work_is_told_with_its_place(content: bytes, template: Template, where: str) -> None:
    with pytest.raises(TemplateError) as caught:
        apply(template, read_header(content))
    assert where in str(caught.value)


def test_a_message_that_is_only_a_header_gets_a_body() -> None:
    page = Template(account="demo", name="t", created=0.0, text="body of {$name}")
    assert apply(page, read_header(b"From: a@example.com\r\n"), "content", {"name": "Ann"}) == (
        b"From: a@example.com\r\n\r\nbody of Ann\r\n"
    )
