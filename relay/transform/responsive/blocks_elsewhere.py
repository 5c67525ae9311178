"""Blocks that stand for others: `feed` for the articles of a feed, `import` for blocks in a document elsewhere.

An article becomes a heading, a picture and html, in the order that `blocks` gives; what `heading`, `image` and `html`
say holds for each of them. What is imported is a block, an array of blocks, or an object or document with `blocks`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from relay.transform.responsive.block import Block, Reading
from relay.transform.responsive.error import DocumentError
from relay.transform.responsive.feed import Article, FeedError, articles
from relay.transform.responsive.foreign import harmless, web_address
from relay.transform.responsive.measure import measure
from relay.transform.responsive.node import Node, pointer, text_of
from relay.transform.responsive.placeholders import neutral
from relay.transform.responsive.values import fetched_url

ARTICLES, MOST = 10, 50  # shown of a feed, if nothing is said; and at most
IMPORTS = 5  # documents that import each other
PARTS = ("heading", "image", "html")


def expand_feed(node: Node, reading: Reading) -> list[Block]:
    url, place = _required(node)
    most = int(node.number("limit", ARTICLES, 1, MOST))
    order = (
        [_part(node, value, path) for value, path in node.entries("blocks")] if node.has("blocks") else list(PARTS)
    )
    common = {"visibility": node.raw("visibility")} if node.has("visibility") else {}
    looks = {name: {**common, **_look(node, name)} for name in PARTS}
    octets = reading.fetched(url, "feed", place)
    if octets is None:
        return []
    try:
        found = articles(octets, most)
    except FeedError as error:
        raise DocumentError(place, str(error)) from None
    made: list[Block] = []
    for number, article in enumerate(found):
        path = pointer(f"{node.at('url')}#", number)
        for name in order:
            content = _block(name, article, web_address(article.url, url), url)
            if content:
                made += reading.block(node.node_of({**looks[name], **content, "type": name}, pointer(path, name)))
    return made


def _block(name: str, article: Article, link: str, base: str) -> dict[str, object]:
    """What an article puts there; nothing where it has nothing."""
    led = {"link": link} if link else {}
    if name == "heading":
        return {"content": neutral(article.title), **led} if article.title else {}
    if name == "image":
        picture = web_address(article.picture, link or base) if article.picture else ""
        return {"src": picture, "alt": neutral(article.title), **led} if picture else {}
    content = harmless(article.content, link or base)
    return {"content": content} if content else {}


def _part(node: Node, value: object, path: str) -> str:
    name = text_of(value, path)
    if name not in PARTS:
        raise DocumentError(path, f"expected one of {', '.join(PARTS)}")
    return name


def _look(node: Node, name: str) -> dict[str, object]:
    usual: dict[str, object] = {"size": 2} if name == "heading" else {}
    child = node.child(name)
    return {**usual, **{each: child.raw(each) for each in child.names()}} if child is not None else usual


def expand_import(node: Node, reading: Reading) -> list[Block]:
    url, place = _required(node)
    octets = reading.fetched(url, "json", place)
    if octets is None:
        return []
    if reading.imports >= IMPORTS:
        raise DocumentError(place, f"documents that import each other over {IMPORTS} levels")
    path = f"{node.at('url')}#"
    try:
        value = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise DocumentError(place, f"no JSON: {error}") from None
    measure(value, path)
    reading.imports += 1
    made = reading.blocks(_entries(node, value, path), node)
    reading.imports -= 1
    return list(made)


def _entries(node: Node, value: object, path: str) -> list[tuple[object, str]]:
    if isinstance(value, list):
        return [(each, pointer(path, number)) for number, each in enumerate(value)]
    inner = node.node_of(value, path)
    if inner.has("type"):
        return [(value, path)]
    content = inner.child("content") if isinstance(inner.raw("content"), Mapping) else inner
    if content is None or not content.has("blocks"):
        raise DocumentError(path, "expected a block, an array of blocks, or an object with blocks")
    return content.entries("blocks")


def _required(node: Node) -> tuple[str, str]:
    """The address, and the path of the property that has it."""
    name = "url" if node.has("url") else "source"
    url = fetched_url(node, name)
    if not url:
        raise node.error("url", "expected a URL")
    return url, node.at(name)
