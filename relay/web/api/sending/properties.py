"""The properties of a message become its octets, its envelope and its options.

In:  the body of `send`, JSON or form: every value may be a text.
Out: `Found`; or a Problem that names the property.

    sort -> template -> recipients, envelope -> unsubscribe -> mime, or built from properties -> options

Why so, where SMTPeter's text is silent:
- `mime` wins over what a message would be built from, with a warning; its line ends become CRLF, since JSON is often
  written with LF. A bare CR is refused.
- Without text, html and attachments there is no message to send, and the call is refused; attachments alone will do.
- `dsn` without `envelope` has no effect, and a warning says so: there is nobody to notify.
- `data` and data of recipients are used together, the recipient's own before those of all.
- `maxdelivertime` is as strict as documented; `deliver_by` takes every form of a time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from relay.model.address import printable
from relay.submission.control.grammar import squeezed
from relay.transform.compose.message import message
from relay.web.api.call import Asked
from relay.web.api.problem import Problem
from relay.web.api.sending import template
from relay.web.api.sending.attachments import read_attachments
from relay.web.api.sending.content import further_fields, header_fields
from relay.web.api.sending.names import CLICKS, CONTENT, SPELLED, Sorted, bared, sort
from relay.web.api.sending.recipients import read_address, read_people
from relay.web.api.sending.unsubscribe import read_unsubscribe
from relay.web.api.services import Services

THREAD: Final = 128 << 10  # characters of a text that is worked on in a thread
_DEADLINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_LEAVING = re.compile(rb"(?:^|\r\n)list-unsubscribe[ \t]*:", re.IGNORECASE)
_MERGING = frozenset(("data", "vars", "mergeglobal", "merge", "mergesyntax"))
_DSN = frozenset(map(squeezed, ("dsn_notify", "dsn_ret", "dsn_envid", "dsn_orcpt")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    octets: bytes
    recipients: tuple[str, ...]
    envelope: str | None  # "" is the null reverse-path; None: there is none
    options: Mapping[str, Any]
    warnings: Sequence[str] = ()
    smtputf8: bool = False  # a header field cannot do without


async def read_properties(services: Services, asked: Asked, properties: Mapping[str, Any], limit: int) -> Found:
    """`limit`: recipients of a message. Raises Problem."""
    properties = bared(properties)
    found = sort(properties)
    templated = _some(found.plain.get("template"))
    if templated:
        found = await _from_template(services, asked, properties, found)
    else:
        _untemplated(found.plain)
    plain, options = found.plain, found.options
    people = read_people(plain, limit)
    envelope = _envelope(plain.get("envelope"))
    _reports(found, envelope)
    if people.data:
        options["Merge" if "merge" in options else "merge"] = people.data
    _deadline(options)
    fields = _unsubscribe(found)
    if plain.get("mime") is not None:
        octets, utf8 = await _ready(services, found, fields), False
    else:
        if _some(plain.get("bcc")):
            found.warnings.append("bcc: it has no effect; who is to get a hidden copy stands in recipients")
        octets, utf8 = await _built(services, plain, fields, bare=templated, filled=templated or _merges(options))
    return Found(
        octets=octets,
        recipients=people.addresses,
        envelope=envelope,
        options=options,
        warnings=found.warnings,
        smtputf8=utf8,
    )


async def _from_template(services: Services, asked: Asked, properties: Mapping[str, Any], found: Sorted) -> Sorted:
    """What a template comes to; the option of that name stays, which events name it by."""
    prepared = await template.prepare(services, asked, properties)
    made = sort(prepared.properties)
    if "template" in made.plain:
        made.options["template"] = made.plain.pop("template")
    made.warnings[:0] = [*found.warnings, *prepared.warnings]
    return made


def _untemplated(plain: Mapping[str, Any]) -> None:
    if _some(plain.get("patch")):
        raise Problem("bad_value", "patch: it changes a template, and there is none", field="patch")
    if _some(plain.get("headers")):
        text = "headers: they belong to a template; further fields of a message stand in extra"
        raise Problem("unknown_property", text, field="headers")


def _some(value: Any) -> bool:
    return value not in (None, "", [], {})


def _envelope(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) and value.strip() in ("", "<>"):
        return ""
    return read_address(value, "envelope")


def _reports(found: Sorted, envelope: str | None) -> None:
    """`dsn` is an option, whose value is a group."""
    told = found.plain.pop("dsn", None)
    if envelope is not None:
        if told is not None:
            found.options["dsn"] = told
        return
    names = [each for each in found.options if squeezed(each) in _DSN]
    for each in names:
        del found.options[each]
    if names or _some(told):
        named = printable(names[0], 60) if names else "dsn"
        found.warnings.append(f"{named}: without envelope nobody is notified, so it has no effect")


def _deadline(options: Mapping[str, Any]) -> None:
    """SMTPeter's name for `deliver_by` takes SMTPeter's form alone."""
    value = options.get("maxdelivertime")
    if value in (None, ""):
        return
    if not isinstance(value, str) or _DEADLINE.fullmatch(value.strip()) is None:
        shown = printable(repr(value), 60)
        text = f"maxdelivertime: expected YYYY-MM-DD hh:mm:ss in UTC, not {shown}; deliver_by takes other forms"
        raise Problem("bad_value", text, field="maxdelivertime")


def _unsubscribe(found: Sorted) -> Sequence[bytes]:
    plain = found.plain
    switch = next((each for each in CLICKS if plain.get(each) not in (None, "")), "")
    if not switch and plain.get("unsubscribe") is None:
        return ()
    leaving = read_unsubscribe(plain.get("unsubscribe"), plain.get(switch), SPELLED.get(switch, ""))
    if leaving.warning:
        found.warnings.append(leaving.warning)
    if leaving.option is not None:
        found.options["unsubscribe"] = leaving.option
    return leaving.fields


async def _ready(services: Services, found: Sorted, fields: Sequence[bytes]) -> bytes:
    """The octets of `mime`."""
    mime = found.plain["mime"]
    if not isinstance(mime, str) or not mime.strip():
        raise Problem("bad_value", "mime: expected a message, header and body, not nothing", field="mime")
    beside = [SPELLED.get(each, each) for each in CONTENT if _some(found.plain.get(each))]
    if beside:
        found.warnings.append(f"mime is the whole message, so {', '.join(beside)} beside it had no effect")
    octets = await services.brief(crlf, mime) if len(mime) > THREAD else crlf(mime)
    if not fields:
        return octets
    end = octets.find(b"\r\n\r\n")
    header = octets if end < 0 else octets[: end + 2]
    if _LEAVING.search(header):
        found.warnings.append("unsubscribe: mime has a List-Unsubscribe of its own, which stays")
        return octets
    return b"".join((header, *fields, octets[len(header) :]))


def crlf(mime: str) -> bytes:
    """A message with CRLF at the end of every line. Raises Problem."""
    text = mime.replace("\r\n", "\n")
    if "\r" in text:
        raise Problem("bad_value", "mime: a CR without its LF; lines end in CRLF, or in LF", field="mime")
    try:
        octets = text.replace("\n", "\r\n").encode()
    except UnicodeEncodeError:
        raise Problem("bad_value", "mime: half a character (a lone surrogate)", field="mime") from None
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"


async def _built(
    services: Services, plain: Mapping[str, Any], fields: Sequence[bytes], *, bare: bool, filled: bool
) -> tuple[bytes, bool]:
    """A message of properties, and whether its header needs SMTPUTF8.

    `bare`: it may have no text of its own; `filled`: its placeholders will be filled in.
    """
    header, utf8 = header_fields(plain, filled=filled)
    text, html = _text(plain, "text"), _text(plain, "html")
    attachments = await read_attachments(services, plain.get("attachments"))
    if not text and not html and not attachments:
        if plain.get("text") is None and plain.get("html") is None and not bare:
            told = "text: there is nothing to send; give text, html, attachments, mime or template"
            raise Problem("missing", told, field="text")
        text, html = text or "", None
    work = (
        [*header, *further_fields(plain), *fields],
        text if text or (html is None and not attachments) else None,
        html or None,
        attachments,
    )
    try:
        large = len(text or "") + len(html or "") > THREAD or attachments
        return (await services.brief(message, *work) if large else message(*work)), utf8
    except ValueError as error:
        raise Problem("bad_value", f"text: {error}", field="text") from None


def _merges(options: Mapping[str, Any]) -> bool:
    return any(squeezed(name) in _MERGING and _some(value) for name, value in options.items())


def _text(plain: Mapping[str, Any], name: str) -> str | None:
    value = plain.get(name)
    if value is None or isinstance(value, str):
        if value and "\0" in value:
            raise Problem("bad_value", f"{name}: no NUL in it", field=name)
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Problem("bad_value", f"{name}: expected a text, not {printable(repr(value), 60)}", field=name)
    return str(value)
