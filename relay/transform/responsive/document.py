"""A ResponsiveEmail document: read, checked, written as html and text.

In:  the document, a mapping as JSON gives it, and what lies at the addresses it needs.
Out: `Rendered`: page, text and subject as sources of the template language, the fields of the message, default
     values, remarks. DocumentError with the path of what is wrong.

    wanted = needed(document)                         what has to be fetched first; again with that, until nothing new
    made = render(document, web=False, fetched=...)   the mail; web=True the page online

Nothing is fetched here, and nothing filled in: placeholders come through as they are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from relay.transform.merge.compiler import compile
from relay.transform.merge.error import TemplateError
from relay.transform.responsive.block import Block, Need, Reading, background, html_of, text_of
from relay.transform.responsive.error import DocumentError
from relay.transform.responsive.fields import Fields, read_fields
from relay.transform.responsive.font import USUAL, Font, font
from relay.transform.responsive.kinds import KINDS
from relay.transform.responsive.layout import Outside, Scope, page
from relay.transform.responsive.measure import measure
from relay.transform.responsive.node import Node, Remarks
from relay.transform.responsive.pixel import Pixel, read_pixel
from relay.transform.responsive.rewriting import Rewriting, rewriting, rules
from relay.transform.responsive.text import page_text
from relay.transform.responsive.values import CENTRE, attributes, css

VERSION = 23  # of the format
_NOTHING: Mapping[str, bytes] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """Sources of the template language, and what belongs to them."""

    html: str
    text: str
    subject: str
    fields: Fields
    data: Mapping[str, object]  # values for placeholders that a recipient has none for
    name: str = ""
    description: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """What was read."""

    fields: Fields
    outside: Outside
    font: Font
    rewriting: Rewriting
    text: str
    page: str  # where the content is a text: the whole html
    blocks: tuple[Block, ...]
    pixel: Pixel
    data: Mapping[str, object]
    name: str
    description: str
    needs: tuple[Need, ...]
    warnings: tuple[str, ...] = ()


def needed(document: Mapping[str, object], fetched: Mapping[str, bytes] = _NOTHING) -> tuple[Need, ...]:
    """What the document shows of elsewhere and was not fetched yet. What is imported may need more: ask again.

    Raises:
        DocumentError: the document, or something that was fetched, is not what it has to be.
    """
    return _read(document, fetched).needs


def fields(document: Mapping[str, object]) -> Fields:
    """The fields of the message alone. Raises DocumentError."""
    return read_fields(_top(document, Remarks()))


def render(document: Mapping[str, object], *, web: bool = False, fetched: Mapping[str, bytes] = _NOTHING) -> Rendered:
    """Write it; `web`: as the page online, not as a mail.

    Raises:
        DocumentError: it is not what it has to be, or something required was not fetched.
    """
    read = _read(document, fetched)
    for need in read.needs:
        if need.required:
            raise DocumentError(need.path, f"{need.url} was not fetched")
    scope = Scope(width=CENTRE, font=read.font, web=web, rewriting=read.rewriting)
    html = read.rewriting.page(read.page) if read.page else page(html_of(read.blocks, scope), read.outside)
    _compiled(html, "/content")
    html = html if web else read.pixel.put_into(html)
    mail = Scope(width=CENTRE, font=read.font, web=False, rewriting=read.rewriting)
    text = read.text or (page_text(html) if read.page else text_of(read.blocks, mail))
    warnings = list(read.warnings)
    try:
        compile(text)
    except TemplateError as error:  # `{if}` within a tag, and `{/if}` in what is shown
        if read.text:
            raise DocumentError("/text", str(error)) from None
        warnings.append(f"/content: no text could be made of it: {error}")
        text = ""
    return Rendered(
        html=html,
        text=f"{text}\n" if text and not text.endswith("\n") else text,
        subject=read.fields.subject,
        fields=read.fields,
        data=read.data,
        name=read.name,
        description=read.description,
        warnings=tuple(warnings),
    )


def _compiled(source: str, path: str) -> None:
    try:
        compile(source)
    except TemplateError as error:
        raise DocumentError(path, str(error)) from None


def _read(document: Mapping[str, object], fetched: Mapping[str, bytes]) -> _Document:
    remarks = Remarks()
    node = _top(document, remarks)
    reading = Reading(KINDS, fetched, remarks)
    found = read_fields(node)
    version = node.number("version", VERSION, 0, 1 << 30)
    if version > VERSION:
        node.warn("version", f"this is version {VERSION} of the format")
    whole = node.raw("content")
    source, blocks = "", tuple[Block, ...]()
    content = None
    if isinstance(whole, str):
        source = node.text("content")
    else:
        content = node.child("content") or node.node_of({}, node.at("content"))
        blocks = reading.blocks(content.entries("blocks"), content)
        if not content.has("blocks"):
            blocks = reading.blocks(node.entries("blocks"), node)
    made = _Document(
        fields=found,
        outside=_outside(node, content, found.subject),
        font=font(node).within(USUAL),
        rewriting=rewriting(rules(node)),
        text=node.text("text"),
        page=source,
        blocks=blocks,
        pixel=read_pixel(node),
        data=_data(node),
        name=node.text("name", "templateName"),
        description=node.text("description"),
        needs=tuple(reading.needs),
    )
    if content is not None:
        content.finish()
    if node.has("html"):
        node.warn(
            "html", "there is no property 'html' here; the whole html of a message stands in 'content', as a text"
        )
    node.finish()
    return replace(made, warnings=tuple(remarks.told))


def _outside(node: Node, content: Node | None, subject: str) -> Outside:
    return Outside(
        subject=subject,
        background=background(node) or "#ffffff",
        css=css(node),
        attributes=attributes(node),
        centre_background=background(content) if content is not None else "",
        centre_css=css(content),
        centre_attributes=attributes(content),
    )


def _data(node: Node) -> Mapping[str, object]:
    child = node.child("data")
    return {} if child is None else {name: child.raw(name) for name in child.names()}


def _top(document: Mapping[str, object], remarks: Remarks) -> Node:
    if not isinstance(document, Mapping):
        raise DocumentError("", "expected an object")
    measure({name: value for name, value in document.items() if name != "attachments"})
    return Node(document, "", remarks)
