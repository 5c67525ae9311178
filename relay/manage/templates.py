"""Stored templates: what may be kept, under which name, and what is written down of it.

In:  a registry; texts in the template language, or a document with the texts it was rendered to.
Out: the template as it is kept; or `Wrong`, `Uncompiled`, and the registry's NotFound and Exists.

A template written by hand has no document; it is shown as a small one, so that whoever reads documents reads it, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from relay.manage.wrong import Wrong
from relay.model.template import NAME, Part, Template
from relay.store.interface import Exists, NotFound, Registry
from relay.transform.merge import Template as Compiled
from relay.transform.merge import TemplateError, compile

SUBJECT: Final = 2000  # characters
DOCUMENT: Final = 1 << 20  # octets of its JSON
UNTITLED: Final = "template"
# What a message brings by itself, for show.
SHOWN: Final[Mapping[str, Any]] = {
    "recipient": "recipient@example.com",
    "envelope": "sender@example.com",
    "webversion": "https://example.com/view",
    "unsubscribe": "https://example.com/unsubscribe",
    "content": "(the message's own text)",
}


class Uncompiled(ValueError):
    """Parts that are no templates. Each fault says line and column."""

    def __init__(self, name: str, faults: Mapping[Part, TemplateError]) -> None:
        super().__init__("\n".join(f"{name}: {error.within(part)}" for part, error in faults.items()))
        self.faults = faults


def compiled(template: Template) -> dict[Part, Compiled]:
    """Its parts, but for empty ones. Raises Uncompiled."""
    made: dict[Part, Compiled] = {}
    faults: dict[Part, TemplateError] = {}
    for part in Part:
        if source := getattr(template, part):
            try:
                made[part] = compile(source)
            except TemplateError as error:
                faults[part] = error
    if faults:
        raise Uncompiled(template.name, faults)
    return made


def check(template: Template) -> None:
    """Raises Wrong, Uncompiled."""
    if not (template.subject or template.html or template.text):
        raise Wrong("", "a template has a subject, html or text")
    if len(template.subject) > SUBJECT or any(each in template.subject for each in "\r\n"):
        raise Wrong(Part.SUBJECT, f"subject: one line of at most {SUBJECT} characters")
    if len(template.document.encode()) > DOCUMENT:
        raise Wrong("", f"a document has at most {DOCUMENT >> 20} MiB as JSON")
    compiled(template)


def name_of(given: Any) -> str:
    """The name of a document. Raises Wrong."""
    text = given.strip() if isinstance(given, str) else ""
    if not 0 < len(text) <= NAME or not text.isprintable():
        raise Wrong("name", f"name: a text of 1 to {NAME} printable characters")
    return text


def free_name(registry: Registry, account: str) -> str:
    """For a document that has none."""
    taken = {name.casefold() for _, name in registry.template_names(account)}
    return next(name for number in range(1, len(taken) + 2) if (name := f"{UNTITLED}-{number}") not in taken)


def add(registry: Registry, wanted: Template, who: str) -> Template:
    """Keep one that is new; without a name it gets one. Raises Wrong, Uncompiled, Exists."""
    if wanted.name and _named(registry, wanted.account, wanted.name) is not None:
        raise Exists(f"there is a template {wanted.name} already; PUT changes it")
    return _kept(registry, replace(wanted, name=wanted.name or free_name(registry, wanted.account)), who)


def change(registry: Registry, wanted: Template, who: str) -> Template:
    """Keep a new version of the template of that id. What is as it was makes none.

    Raises Wrong, Uncompiled, NotFound, Exists.
    """
    before = registry.template(wanted.account, str(wanted.id))
    if before.id != wanted.id:
        raise NotFound(f"no template {wanted.id} of {wanted.account}")
    return before if _same(before, wanted) else _kept(registry, wanted, who)


def put(registry: Registry, wanted: Template, who: str) -> Template:
    """Keep it under its name, new or not. Raises Wrong, Uncompiled."""
    number = _named(registry, wanted.account, wanted.name)
    return add(registry, wanted, who) if number is None else change(registry, replace(wanted, id=number), who)


def remove(registry: Registry, account: str, name: str, who: str, at: float) -> Template:
    """All versions of a template, by id or name. Raises NotFound."""
    found = registry.template(account, name)
    registry.remove_template(account, str(found.id))
    registry.audit(at, who, "template remove", _audited(found))
    return found


def document_of(template: Template) -> dict[str, Any]:
    """As JSON, with its `id` and `name`; of one written by hand what it has."""
    if template.document:
        return {"id": template.id, **json.loads(template.document), "name": template.name}
    parts = {"subject": template.subject, "content": template.html, "text": template.text}
    return {"id": template.id, "name": template.name, **{name: text for name, text in parts.items() if text}}


def _kept(registry: Registry, wanted: Template, who: str) -> Template:
    check(wanted)
    kept = registry.put_template(wanted)
    registry.audit(kept.created, who, "template put", _audited(kept))
    return kept


def _named(registry: Registry, account: str, name: str) -> int | None:
    folded = name.casefold()
    return next((number for number, each in registry.template_names(account) if each.casefold() == folded), None)


def _same(before: Template, wanted: Template) -> bool:
    whole = (*Part, "name", "document")
    return all(getattr(before, each) == getattr(wanted, each) for each in whole)


def _audited(template: Template) -> dict[str, Any]:
    return {"account": template.account, "template": template.name, "id": template.id, "version": template.version}
