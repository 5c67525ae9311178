"""The property `template`: what it comes to before a message is made of it.

In:  the properties of a message with a `template` among them: the number or name of a stored one, or a document
     (an object, or the same as JSON in a text); perhaps `patch`, `data` and shortcuts.
Out: the properties it comes to, placeholders still in them, and the option that names it in events; or a Problem.
     On a ready message (`mime`) it is put by that option, as over SMTP.

    stored or given document -> patch (RFC 6902) -> shortcuts -> rendered -> properties

Why so, where SMTPeter's text is silent:
- Shortcuts (`subject`, `text`, `from`, `replyTo`, `to`, `cc`, `headers`, `attachments`) come after `patch` and win: a
  patch changes what is shared, a shortcut is the word on this one message.
- A test of a patch that fails, or a path that leads nowhere, refuses the call and names the operation from 0.
- `html` is no shortcut: beside a template it is the variable `{$content}` (`template_block` names another), as the
  body of a message is over SMTP.
- `data` in the document are defaults: those of the call go before them, and a recipient's own before all.
- Placeholders are always filled in, also without data, since `{$recipient}` and the like are always there.
- Feeds and imports are fetched for each call. What needs none, and is not patched, was rendered when it was stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from relay.manage.templates import document_of
from relay.model.template import Template
from relay.store.interface import NotFound
from relay.submission.control.grammar import squeezed
from relay.submission.control.texts import variables
from relay.transform.jsonpatch import PatchError, patched
from relay.transform.responsive import Fields, fields
from relay.transform.responsive.placeholders import to_html
from relay.web.api.call import Asked
from relay.web.api.problem import Problem
from relay.web.api.rendering import document_of_text, faults, look, made_of
from relay.web.api.sending.prepared import Prepared
from relay.web.api.services import Services

_SHORTCUTS: Final = {
    **{each: each for each in ("subject", "text", "from", "to", "cc", "headers", "attachments")},
    "replyto": "replyTo",
}
_DATA: Final = frozenset({"data", "vars", "mergeglobal"})  # squeezed names of one option
_USED: Final = frozenset({"template", "templateversion", "templateblock", "patch", "html"})
_BLOCK: Final = "content"
_NUMBER: Final = re.compile("[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class _Source:
    document: Mapping[str, Any]
    stored: Template | None = None  # where it was kept, and is not changed


async def prepare(services: Services, asked: Asked, properties: Mapping[str, Any]) -> Prepared:
    """Raises Problem: bad_value, missing, fetch."""
    given = {squeezed(name): (name, value) for name, value in reversed(list(properties.items()))}
    value = _value(given, "template")
    stored = None
    if isinstance(value, Mapping) or (isinstance(value, str) and value.lstrip().startswith("{")):
        document = dict(value) if isinstance(value, Mapping) else document_of_text(value, "template")
        document.pop("id", None)
    else:
        stored = _stored(services, asked, value, _value(given, "templateversion"))
        document = document_of(stored)
        del document["id"]
    if _value(given, "mime") is not None:
        return _on_message(stored, properties, _value(given, "patch"))
    source = await _patched(services, _Source(document, stored), _value(given, "patch"))
    return await _made(services, source, stored, properties, given)


def _on_message(stored: Template | None, properties: Mapping[str, Any], patch: Any) -> Prepared:
    """A stored template and a ready message: as over SMTP. Raises Problem."""
    if stored is None:
        text = "template: a document is a message of its own, and mime is one already; give the one or the other"
        raise Problem("bad_value", text, field="template")
    if patch not in (None, "", []):
        raise Problem("bad_value", "patch: beside mime a template stays as it is stored", field="patch")
    rest = {name: value for name, value in properties.items() if squeezed(name) not in ("template", "patch")}
    return Prepared({**rest, "template": str(stored.id)})


def _value(given: Mapping[str, tuple[str, Any]], name: str) -> Any:
    return given[name][1] if name in given else None


def _stored(services: Services, asked: Asked, value: Any, version: Any) -> Template:
    """Raises Problem."""
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        text = "template: expected the number or the name of a stored template, or a ResponsiveEmail document"
        raise Problem("bad_value", text, field="template")
    if version is not None and not _NUMBER.fullmatch(str(version)):
        raise Problem("bad_value", "template_version: expected a whole number", field="template_version")
    name, number = str(value).strip(), None if version is None else int(version)
    try:
        return services.registry.template(asked.caller.account, name, number)
    except NotFound as error:
        raise Problem("bad_value", f"template: {error}; GET /v1/templates names them", field="template") from error


async def _patched(services: Services, source: _Source, patch: Any) -> _Source:
    """Raises Problem."""
    if patch is None or patch == "":
        return source
    if isinstance(patch, str):  # of a form
        try:
            patch = json.loads(patch)
        except (ValueError, RecursionError) as error:
            raise Problem("bad_value", f"patch: no JSON: {error}", field="patch") from error
    try:
        changed = await services.threaded(patched, source.document, patch)
    except PatchError as error:
        raise Problem("bad_value", f"patch: {error}", field=f"patch{error.pointer}") from error
    if not isinstance(changed, dict):
        raise Problem("bad_value", "patch: what it leaves is no document, which is an object", field="patch")
    return _Source(changed, source.stored if changed == source.document else None)


async def _made(
    services: Services,
    source: _Source,
    stored: Template | None,
    properties: Mapping[str, Any],
    given: Mapping[str, tuple[str, Any]],
) -> Prepared:
    made, defaults, warnings = await _rendered(services, source, given)
    data = {**defaults, **_content(given), **_data(given)}
    if data:
        made["merge_global"] = data
    if stored is None:
        made["merge_syntax"] = "smtpeter"
    else:
        made |= {"template": str(stored.id), "template_applied": True}
        if "templateversion" in given:
            made["template_version"] = stored.version
    rest = {name: value for name, value in properties.items() if squeezed(name) not in _USED | _DATA}
    said = {squeezed(name) for name, value in rest.items() if value is not None}
    return Prepared(
        properties={**{name: value for name, value in made.items() if squeezed(name) not in said}, **rest},
        warnings=tuple([f"template{each}" for each in warnings]),
    )


async def _rendered(
    services: Services, source: _Source, given: Mapping[str, tuple[str, Any]]
) -> tuple[dict[str, Any], Mapping[str, Any], tuple[str, ...]]:
    """Properties, default data, and what is odd. Raises Problem."""
    shortcuts = {name: given[name][1] for name in _SHORTCUTS if name in given and given[name][1] is not None}
    replaced = {_SHORTCUTS[name] for name in shortcuts}
    plain = {name: value for name, value in shortcuts.items() if name in ("subject", "text")}
    document = {name: value for name, value in source.document.items() if name not in replaced} | plain
    with faults("template"):
        kept = source.stored
        if kept is not None and kept.document and (await look(services, source.document)).fetches:
            kept = None
        if kept is None:
            rendered = await made_of(services, document)
            made = _of_fields(rendered.fields, rendered.subject, rendered.html, rendered.text)
            defaults, warnings = rendered.data, rendered.warnings
        else:
            found = fields(document)
            made = _of_fields(found, found.subject, _titled(kept, found.subject), kept.text)
            defaults, warnings = document.get("data") or {}, ()
    if document.get("attachments"):
        made["attachments"] = document["attachments"]
    return made, defaults, warnings


def _titled(kept: Template, subject: str) -> str:
    """The page as it was stored, with another subject for its title; to render it anew takes a tenth of a second."""
    if subject == kept.subject:
        return kept.html
    return kept.html.replace(f"<title>{to_html(kept.subject)}</title>", f"<title>{to_html(subject)}</title>", 1)


def _content(given: Mapping[str, tuple[str, Any]]) -> dict[str, str]:
    """`html` as the variable it is beside a template. Raises Problem."""
    block, html = _value(given, "templateblock") or _BLOCK, _value(given, "html")
    if html in (None, ""):
        return {}
    if not isinstance(html, str) or not isinstance(block, str):
        raise Problem("bad_value", "html: expected a text", field="html")
    return {block: html}


def _of_fields(found: Fields, subject: str, html: str, text: str) -> dict[str, Any]:
    """As `POST /send` has them."""
    made: dict[str, Any] = {
        "from": found.from_,
        "to": list(found.to),
        "cc": list(found.cc),
        "replyto": found.reply_to,
        "subject": subject,
        "html": html,
        "text": text,
    }
    headers: dict[str, Any] = {}
    for name, value in found.headers:
        headers.setdefault(name, []).append(value)
    return {name: value for name, value in {**made, "headers": headers}.items() if value}


def _data(given: Mapping[str, tuple[str, Any]]) -> dict[str, Any]:
    """What the call says for all recipients. Raises Problem."""
    found: dict[str, Any] = {}
    for each in sorted(_DATA.intersection(given)):
        name, value = given[each]
        if value in (None, "", [], {}):
            continue
        try:
            found |= variables(value)
        except ValueError as error:
            raise Problem("bad_value", f"{name}: {error}", field=name) from error
    return found
