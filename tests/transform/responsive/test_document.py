"""The top of a document: what it may have, what it becomes, and what is said of one that is wrong."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from relay.transform.merge import compile
from relay.transform.responsive import DocumentError, fields, needed, render

PLAIN: Mapping[str, object] = {"subject": "Hello", "content": {"blocks": [{"type": "text", "content": "a < b"}]}}


def wrong(document: Mapping[str, object]) -> str:
    with pytest.raises(DocumentError) as found:
        render(document)
    return str(found.value)


def test_a_content_that_is_a_text_is_the_page() -> None:
    page = "<html><body><p>Dear {$name}, <a href='https://example.com/'>look</a></p></body></html>"
    made = render({"subject": "Hi {$name}", "content": page, "data": {"name": "Ann"}})
    assert made.html == page
    assert made.text == "Dear {$name}, look <https://example.com/>\n"
    assert (made.subject, made.data) == ("Hi {$name}", {"name": "Ann"})


def test_a_block_of_text_is_escaped_in_the_page_and_not_in_the_text() -> None:
    made = render(PLAIN)
    assert "a &lt; b" in made.html
    assert made.text == "a < b\n"


def test_placeholders_come_through_and_are_filled_in_afterwards() -> None:
    made = render({"content": {"blocks": [{"type": "text", "content": 'Dear {$name|default:"you"} & all'}]}})
    assert 'Dear {$name|default:"you"} &amp; all' in made.html
    assert "Dear you &amp; all" in compile(made.html).render({})
    assert "Dear Ann & all" in compile(made.text).render({"name": "Ann"})


def test_the_style_sheet_is_no_template() -> None:
    made = render(PLAIN)
    template = compile(made.html)
    assert not template.changes and template.render({}) == made.html


def test_a_text_of_its_own_takes_the_place_of_the_one_that_is_made() -> None:
    assert render({**PLAIN, "text": "Read this."}).text == "Read this.\n"


def test_an_empty_document_is_an_empty_page() -> None:
    made = render({})
    assert (made.text, made.subject, made.warnings) == ("", "", ())
    assert "</html>" in made.html and needed({}) == ()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            {"content": {"blocks": [{"type": "text", "content": 5}, {"type": "txt"}]}},
            "/content/blocks/1/type: there is",
        ),
        ({"content": {"blocks": [{"content": "x"}]}}, "/content/blocks/0: a block without a type"),
        ({"content": {"blocks": [{"type": "txet"}]}}, "did you mean 'text'?"),
        ({"content": {"blocks": {}}}, "/content/blocks: expected an array"),
        ({"content": 7}, "/content: expected an object"),
        ({"data": {"\ud800": 1}}, "/: a property with half a character"),
        ({"version": 10**400}, "/version: expected a number from 0 to"),
        ({"subject": "two\nlines"}, "/subject: expected one line"),
        ({"subject": "{nothing}"}, "/subject: line 1, column 1: there is no construct {nothing"),
        ({"background": {"color": "12"}}, "/background/color: expected a colour"),
        ({"font": {"size": "large"}}, "/font/size: expected a length"),
        ({"css": {"behavior": "url(x)"}}, "/css/behavior: expected a value of CSS"),
        ({"attributes": {"onload": "go()"}}, "/attributes/onload: an attribute that runs a script"),
        ({"dkim": {"key": "x"}}, "/dkim: keys of a template are not used; give them to the relay with POST /dkimkey"),
        ({"content": "{if $a}"}, "/content: line 1, column 1: {if} is not closed by {/if}"),
        ({"data": []}, "/data: expected an object"),
    ],
)
def test_what_is_wrong_is_told_with_its_path(document: Mapping[str, object], said: str) -> None:
    assert said in wrong(document)


def test_a_property_nobody_knows_is_told_and_left_out() -> None:
    block = {"type": "text", "content": "x", "fonts": {}}
    made = render({"subjet": "x", "content": {"blocks": [block]}})
    assert made.warnings == (
        "/content/blocks/0/fonts: there is no property 'fonts' here; did you mean 'font'?",
        "/subjet: there is no property 'subjet' here; did you mean 'subject'?",
    )


def test_a_document_has_limits() -> None:
    deep: list[object] = []
    for _ in range(30):
        deep = [deep]
    assert "over 20 levels" in wrong({"data": {"x": deep}})
    assert "over the limit of 1048576 characters" in wrong({"text": "x" * (1 << 20) + "x"})
    many = [{"type": "text", "content": "x"}] * 1001
    assert "over 1000 blocks" in wrong({"content": {"blocks": many}})
    made = render({"attachments": [{"data": "QUFB" * (1 << 19), "name": "large"}]})
    assert len(made.fields.attachments[0].data) == 3 << 19


def test_fields_are_what_a_header_says() -> None:
    found = fields(
        {
            "from": {"name": "Ann, of Shop", "address": "ann@example.com"},
            "replyTo": "Desk <desk@example.com>",
            "to": ["a@example.com", {"name": "{$name}", "address": "{$address}"}],
            "cc": {"name": 'The "One"', "address": "one@example.com"},
            "bcc": "secret@example.com",
            "subject": "Hi {$name}",
            "headers": {"X-Kind": "news", "X-Many": ["1", 2]},
        }
    )
    assert found.from_ == '"Ann, of Shop" <ann@example.com>'
    assert found.reply_to == "Desk <desk@example.com>"
    assert found.to == ("a@example.com", "{$name} <{$address}>")
    assert found.cc == ('"The \\"One\\"" <one@example.com>',)
    assert found.headers == (("X-Kind", "news"), ("X-Many", "1"), ("X-Many", "2"))
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"from": "nobody"}, "/from: expected an address"),
        ({"from": ["a@example.com", "b@example.com"]}, "/from: expected one address"),
        ({"to": {"name": "x", "address": "a b@example.com"}}, "/to/address: expected an address"),
        ({"to": ["a@example.com", 5]}, "/to/1: expected an address"),
        ({"bcc": "x"}, "/bcc: expected an address"),
        ({"headers": {"Subject": "x"}}, "/headers/Subject: a field that the message is given anyhow"),
        ({"headers": {"X-A": "b\r\nBcc: c"}}, "/headers/X-A: the value of a field has no line end"),
        ({"headers": {"X A": "b"}}, "/headers/X A: expected the name of a field"),
        ({"attachments": [{"name": "x"}]}, "/attachments/0: expected url or data"),
        ({"attachments": [{"data": "%"}]}, "/attachments/0/data: expected base64"),
        (
            {"attachments": [{"url": "file:///etc/passwd"}]},
            "/attachments/0/url: expected a URL that begins with http",
        ),
    ],
)
def test_what_is_wrong_with_fields_is_told_with_its_path(document: Mapping[str, object], said: str) -> None:
    with pytest.raises(DocumentError) as found:
        fields(document)
    assert said in str(found.value)


def test_attachments_are_octets_or_addresses() -> None:
    found = fields(
        {
            "attachments": [
                {"url": "https://example.com/a.pdf", "name": "a.pdf"},
                {"data": "QUFB", "name": "b.txt", "type": "text/plain"},
            ]
        }
    ).attachments
    assert [(each.url, each.data, each.name, each.type) for each in found] == [
        ("https://example.com/a.pdf", b"", "a.pdf", ""),
        ("", b"AAA", "b.txt", "text/plain"),
    ]
