"""The property `rewrite`: what is done to links, by where they lead.

In:  rules of the document and of a block; the address of a link, or a page with links.
Out: the address with parameters and protocol as the rules say; the page with nothing changed but those addresses.

Both shapes are read: an array of rules with conditions on `domain`, `path` and `url` (a condition in the rule itself
is one on the whole address), and the older object of patterns for the host. Rules of the document come first, then
those of the block, then the parameters of the link itself; a parameter that comes later takes the place of one that
is there. Conditions look at the address as the document has it, so that what one rule adds is nothing to the next.

Why so: of the older shape's patterns one half is written as wildcards and the other as expressions. A pattern that
has `^`, `$`, `.*` or other signs of an expression is one, searched in the host; any other is a wildcard, `*.example`
standing for `example`, too, and for what continues it (`example.com`).
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import unquote_plus

from relay.transform.html.links import may_link
from relay.transform.html.spans import scan
from relay.transform.merge.error import Fault
from relay.transform.merge.pattern import compiled
from relay.transform.merge.state import Given, Limits, State
from relay.transform.responsive.error import DocumentError
from relay.transform.responsive.node import Node, text_of
from relay.transform.responsive.placeholders import around, check, held, masked, masked_octets, to_attribute, to_query

RULES = 200  # of a document or block
WORK = 400_000  # steps for all links of a document: a rule that is looked at is one, an expression some more
PARAMS = 50  # of a rule or a link
TESTS = ("equals", "contains", "match", "regex")
COMPONENTS = ("domain", "path", "url")
_WEB = re.compile(r"(?i)(https?)://([^/?#]*)([^?#]*)")
_PORT = re.compile(r":\d*$")
_EXPRESSION = re.compile(r"[\^$\[\]()|+\\]|\.\*")

Test = Callable[[str, State], bool]


@dataclass(frozen=True, slots=True)
class Address:
    """What conditions look at. A host is compared in lower case."""

    domain: str
    path: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    conditions: tuple[tuple[str, Test], ...]
    params: Mapping[str, str]
    protocol: str
    last: bool
    unique: bool

    def matches(self, address: Address, work: State) -> bool:
        work.step()
        return all(test(getattr(address, component), work) for component, test in self.conditions)


@dataclass(frozen=True, slots=True)
class Rewriting:
    rules: tuple[Rule, ...]
    work: State  # counts what the rules cost, for the whole document

    def then(self, rules: tuple[Rule, ...]) -> Rewriting:
        return Rewriting((*self.rules, *rules), self.work) if rules else self

    def url(self, url: str, params: Mapping[str, str] | None = None) -> str:
        """The address of a link that has these parameters itself.

        Raises:
            DocumentError: the rules and links of the document are too many, or their expressions too slow.
        """
        try:
            return self._url(url, params or {})
        except Fault:
            raise DocumentError("/rewrite", "the rules take too long for all the links of this document") from None

    def _url(self, url: str, params: Mapping[str, str]) -> str:
        address = address_of(url)
        changed, protocol, matched = dict[str, str](), "", False
        for rule in self.rules if address is not None else ():
            if address is None or (rule.unique and matched) or not rule.matches(address, self.work):
                continue
            matched = True
            changed.update(rule.params)
            protocol = rule.protocol or protocol
            if rule.last:
                break
        if protocol:
            url = f"{protocol}{url[url.index(':') :]}"
        return with_params(url, {**changed, **params})

    def page(self, source: str) -> str:
        """A page or a part of one, with its links changed."""
        if not self.rules:
            return source
        octets, made, at = source.encode(), list[bytes](), 0
        for tag in scan(masked_octets(source)).tags:
            href = tag.attribute(b"href") if may_link(tag.name) else None
            if href is None or href.value_start < at:
                continue
            before = around(octets[href.value_start : href.value_end].decode(), _unescaped).strip()
            after = self.url(before)
            if after != before:
                written = to_attribute(after) if href.quote else f'"{to_attribute(after)}"'
                made += [octets[at : href.value_start], written.encode()]
                at = href.value_end
        return b"".join([*made, octets[at:]]).decode()


def rewriting(rules: tuple[Rule, ...]) -> Rewriting:
    """Those of a document."""
    return Rewriting(rules, State(Given({}, Limits(steps=WORK)), _raised))


def address_of(url: str) -> Address | None:
    """None: no web page, which no rule is for."""
    shown = masked(url)
    found = _WEB.match(shown)
    if found is None:
        return None
    host = url[found.start(2) : found.end(2)].rpartition("@")[2]
    return Address(_PORT.sub("", host).lower(), url[found.start(3) : found.end(3)], url)


def with_params(url: str, params: Mapping[str, str]) -> str:
    """The URL with these in its query, in the place of those that have their names."""
    if not params or not url:
        return url

    def change(text: str) -> str:
        head, mark, fragment = text.partition("#")
        base, _, query = head.partition("?")
        kept = [each for each in query.split("&") if each and unquote_plus(each.partition("=")[0]) not in params]
        added = [f"{to_query(name)}={to_query(value)}" for name, value in params.items()]
        return f"{base}?{'&'.join([*kept, *added])}{mark}{fragment}"

    return held(url, change)


def params(node: Node) -> dict[str, str]:
    """The property `params`: names and values of the query."""
    child = node.child("params")
    if child is None:
        return {}
    names = child.names()
    if len(names) > PARAMS:
        raise node.error("params", f"over {PARAMS} parameters")
    return {check(name, child.at(name)): _value(child, name) for name in names}


def _value(child: Node, name: str) -> str:
    value = child.raw(name)
    if isinstance(value, bool):
        return "true" if value else "false"
    return check(text_of(value, child.at(name)), child.at(name))


def rules(node: Node) -> tuple[Rule, ...]:
    """The property `rewrite`, of the document or of a block."""
    child = node.child("rewrite")
    if child is None:
        return ()
    given = child.raw("links")
    if isinstance(given, Mapping):
        links = child.node_of(given, child.at("links"))
        found = [_rule(links.node_of(links.raw(key), links.at(key)), _keyed(links, key)) for key in links.names()]
    else:
        found = [_rule(child.node_of(value, path), ()) for value, path in child.entries("links")]
    if len(found) > RULES:
        raise child.error("links", f"over {RULES} rules")
    child.finish()
    return tuple(found)


def _rule(node: Node, first: tuple[tuple[str, Test], ...]) -> Rule:
    conditions = [*first, *(("url", test) for test in _tests(node, "url"))]
    for component in COMPONENTS:
        inner = node.child(component)
        if inner is not None:
            conditions += [(component, test) for test in _tests(inner, component)]
            inner.finish()
    made = Rule(
        conditions=tuple(conditions),
        params=params(node),
        protocol=node.choice("protocol", ("http", "https"), ""),
        last=node.flag("last"),
        unique=node.flag("unique"),
    )
    node.finish()
    return made


def _tests(node: Node, component: str) -> list[Test]:
    found: list[Test] = []
    for name in TESTS:
        if node.has(name):
            wanted = text_of(node.raw(name), node.at(name))
            found.append(_test(node, name, wanted.lower() if component == "domain" and name != "regex" else wanted))
    return found


def _test(node: Node, name: str, wanted: str) -> Test:
    if name == "equals":
        return lambda text, work: text == wanted
    if name == "contains":
        return lambda text, work: wanted in text
    if name == "match":
        return _wildcard(wanted)
    return _expression(node, name, wanted)


def _keyed(links: Node, key: str) -> tuple[tuple[str, Test], ...]:
    """The condition that a key of the older shape is."""
    if _EXPRESSION.search(key):
        return (("domain", _expression(links, key, key)),)
    wanted = key.lower()
    ways = [_wildcard(each) for each in {wanted, wanted.removeprefix("*.")}]
    ways += [_wildcard(f"{each}.*") for each in {wanted, wanted.removeprefix("*.")}]
    return (("domain", lambda text, work: any(way(text, work) for way in ways)),)


def _wildcard(wanted: str) -> Test:
    escaped = wanted.replace("[", "[[]")
    return lambda text, work: fnmatchcase(text, escaped)


def _expression(node: Node, name: str, wanted: str) -> Test:
    try:
        pattern = compiled(wanted)
    except Fault as fault:
        raise node.error(name, f"no regular expression: {fault.what}") from None
    return pattern.found


def _unescaped(text: str) -> str:
    """A value of html as what it means; a brace in it is no construct."""
    return html.unescape(text).replace("{", "%7B")


def _raised(fault: Fault) -> None:
    raise fault
