"""The property `link`: where a block leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from relay.transform.responsive.layout import Scope
from relay.transform.responsive.markup import element
from relay.transform.responsive.node import Node
from relay.transform.responsive.rewriting import params
from relay.transform.responsive.values import LINK, attributes, css, url


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A missing one has no URL."""

    url: str = ""
    title: str = ""
    label: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    css: Mapping[str, str] = field(default_factory=dict)

    def address(self, scope: Scope) -> str:
        """With all parameters it gets."""
        return scope.rewriting.url(self.url, self.params) if self.url else ""

    def around(self, content: str, scope: Scope, own: Mapping[str, str]) -> str:
        """The content as a link; as it is, where there is none. `own`: css of the kind of block."""
        if not self.url:
            return content
        given = {"href": self.address(scope), "target": "_blank", "title": self.title, **self.attributes}
        return element("a", content, {key: value for key, value in given.items() if value}, {**own, **self.css})


def link(node: Node, *names: str) -> Link:
    """Of the first of these properties that is there: an address, or an object; and the property `a` beside it."""
    tag = node.child("a")
    given, css_given = attributes(tag), css(tag)
    if tag is not None:
        tag.finish()
    name = next((each for each in names if node.has(each)), names[0])
    if not isinstance(node.raw(name), Mapping):
        return Link(url=url(node, name, LINK), attributes=given, css=css_given)
    child = node.child(name)
    if child is None:
        return Link(attributes=given, css=css_given)
    made = Link(
        url=url(child, "url", LINK),
        title=child.text("title"),
        label=child.text("label"),
        params=params(child),
        attributes={**attributes(child), **given},
        css=css_given,
    )
    child.finish()
    return made
