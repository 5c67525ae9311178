"""The property `attachments`: files that come with the request, or from a URL.

In:  `{"data": base64, "name", "type"}`, `{"url", "name", "type"}`; ours: `cid`, or `"disposition": "inline"`.
Out: attachments ready to be put into the message; or a Problem that names the one and says why.

A type that is not given is that of the server's answer, or what the name ends in.

Why so: of a name with directories the last part is meant. Names with controls or marks that turn the direction of
writing are refused: they make a program look like a picture.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from mimetypes import MimeTypes
from typing import Any
from urllib.parse import unquote, urlsplit

from relay.http.client import Response
from relay.model.address import printable
from relay.transform.compose.bodies import encoded, rewrapped, seven_bit
from relay.transform.compose.fields import quoted
from relay.transform.compose.message import OCTETS, Attachment
from relay.web.api.problem import Problem
from relay.web.api.sending.fetching import Room, fetch_all
from relay.web.api.services import Services

MOST = 100
NAME = 200  # characters
THREAD = 64 << 10  # characters of base64, of all together, that are looked at in a thread

_MEMBERS = frozenset({"data", "url", "name", "type", "cid", "disposition"})
_WORD = r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+"
_TYPE = re.compile(rf"\s*({_WORD}/{_WORD})\s*((?:;.*)?)", re.DOTALL)
_PARAMETER = re.compile(rf';\s*({_WORD})\s*=\s*("(?:[^"\\\r\n\0]|\\[ -~])*"|{_WORD})\s*')
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_CID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200}")
_types = MimeTypes()  # what the library knows, without the files of this machine


@dataclass(frozen=True, slots=True)
class _Wanted:
    where: str  # attachments[2]
    name: str
    type: str
    data: str
    url: str
    cid: str
    inline: bool


async def read_attachments(services: Services, value: Any) -> list[Attachment]:
    """Raises Problem: bad_value, missing, unknown_property, too_large, fetch, unavailable."""
    wanted = [_read(each, where) for each, where in _items(value)]
    room = Room(services.config.limits.size // 4 * 3)  # in base64 they are a third larger
    for each in wanted:
        if each.data:
            room.take(len(each.data) // 4 * 3 - 2, each.where)
    fetched = await fetch_all(services, [(each.where, each.url) for each in wanted if each.url], room)
    if fetched or sum(len(each.data) for each in wanted) > THREAD:
        return await services.brief(_made, wanted, fetched)
    return _made(wanted, fetched)


def _made(wanted: Sequence[_Wanted], fetched: Mapping[str, Response]) -> list[Attachment]:
    return [_of_answer(each, fetched[each.where]) if each.url else _of_data(each) for each in wanted]


def _items(value: Any) -> list[tuple[Any, str]]:
    if value in (None, "", [], {}):
        return []
    if isinstance(value, Mapping):
        numbered = all(str(key).isdigit() for key in value)
        value = list(value.values()) if numbered else [value]
    if not isinstance(value, list | tuple):
        raise Problem("bad_value", "attachments: expected a list of objects", field="attachments")
    if len(value) > MOST:
        text = f"attachments: {len(value)}, over the limit of {MOST} a message"
        raise Problem("bad_value", text, field="attachments")
    return [(each, f"attachments[{place}]") for place, each in enumerate(value)]


def _read(value: Any, where: str) -> _Wanted:
    if not isinstance(value, Mapping):
        raise Problem("bad_value", f"{where}: expected an object with data or url, name and type", field=where)
    for key, each in value.items():
        if key not in _MEMBERS:
            text = (
                f"{where}: there is no {printable(str(key), 60)}; expected data or url, name, type, cid, disposition"
            )
            raise Problem("unknown_property", text, field=f"{where}.{printable(str(key), 60)}")
        if not isinstance(each, str) and each is not None:
            raise Problem("bad_value", f"{where}.{key}: expected a text", field=f"{where}.{key}")
    if bool(value.get("url")) == (value.get("data") is not None):
        which = "data and url exclude one another" if value.get("url") else "neither data nor url is given"
        raise Problem("bad_value" if value.get("url") else "missing", f"{where}: {which}", field=where)
    disposition = (value.get("disposition") or "").strip().lower()
    if disposition not in ("", "attachment", "inline"):
        field = f"{where}.disposition"
        raise Problem("bad_value", f"{field}: expected attachment or inline", field=field)
    cid = _content_id(value.get("cid") or "", where)
    return _Wanted(
        where=where,
        name=_name(value.get("name") or "", where),
        type=_checked(value.get("type") or "", where),
        data=value.get("data") or "",
        url=(value.get("url") or "").strip(),
        cid=cid,
        inline=disposition == "inline" or (bool(cid) and disposition != "attachment"),
    )


def _name(value: str, where: str) -> str:
    if _UNFIT.search(value):
        text = f"{where}.name: no control characters, nor marks that change the direction of writing"
        raise Problem("bad_value", text, field=f"{where}.name")
    name = re.split(r"[/\\]", value.strip())[-1].strip()
    if value.strip() and (not name.strip(".") or len(name) > NAME):
        text = f"{where}.name: expected the name of a file of at most {NAME} characters"
        raise Problem("bad_value", text, field=f"{where}.name")
    return name


def _checked(value: str, where: str) -> str:
    """A type with its parameters, as it stands in a field; "" where none is given."""
    if not value.strip():
        return ""
    found = _TYPE.fullmatch(value)
    kind = found[1].lower() if found is not None else ""
    rest = found[2] if found is not None else ""
    said, at = [kind], 0
    while kind and at < len(rest):
        parameter = _PARAMETER.match(rest, at)
        if parameter is None:
            kind = "" if rest[at:].strip("; \t") else kind
            break
        inner = parameter[2]
        plain = re.sub(r"\\(.)", r"\1", inner[1:-1]) if inner.startswith('"') else inner
        if parameter[1].lower() not in ("name", "boundary") and len(said) < 8:
            said.append(f"{parameter[1].lower()}={quoted(plain)}")
        at = parameter.end()
    text = "; ".join(said)
    if not kind or kind.startswith("multipart/") or not text.isascii() or len(text) > NAME:
        shown = printable(value, 60)
        text = f"{where}.type: expected a type of one file such as application/pdf, not {shown}"
        raise Problem("bad_value", text, field=f"{where}.type")
    return text


def _content_id(value: str, where: str) -> str:
    cid = value.strip().removeprefix("cid:").removeprefix("<").removesuffix(">")
    if value.strip() and _CID.fullmatch(cid) is None:
        text = f'{where}.cid: expected letters, digits and . - _ @, as in <img src="cid:logo">'
        raise Problem("bad_value", text, field=f"{where}.cid")
    return cid


def _of_data(wanted: _Wanted) -> Attachment:
    kind = wanted.type or _guessed(wanted.name)
    try:
        if kind.startswith("message/"):
            return _message(wanted, wanted.name, kind, _decoded(wanted.data))
        pieces, _ = rewrapped(wanted.data)
    except ValueError as error:
        field = f"{wanted.where}.data"
        raise Problem("bad_value", f"{field}: {error}", field=field) from None
    return Attachment(type=kind, name=wanted.name, body=pieces, inline=wanted.inline, content_id=wanted.cid)


def _of_answer(wanted: _Wanted, response: Response) -> Attachment:
    name = wanted.name or _name_of(response.url, wanted.where)
    kind = wanted.type or _answered(response, name)
    if kind.startswith("message/"):
        return _message(wanted, name, kind, response.body)
    pieces = encoded(response.body)
    return Attachment(type=kind, name=name, body=pieces, inline=wanted.inline, content_id=wanted.cid)


def _message(wanted: _Wanted, name: str, kind: str, octets: bytes) -> Attachment:
    """A message is not encoded (RFC 2046 section 5.2.1): one that cannot stand as it is goes as any file does."""
    plain = seven_bit(octets) if octets else None
    if plain is None:
        return Attachment(type=OCTETS, name=name, body=encoded(octets), inline=wanted.inline)
    return Attachment(type=kind, name=name, body=(plain,), plain=True, inline=wanted.inline)


def _decoded(data: str) -> bytes:
    rewrapped(data)  # says what is wrong
    try:
        return base64.b64decode("".join(data.split()))
    except binascii.Error as error:
        raise ValueError(f"no base64: {error}") from error


def _guessed(name: str) -> str:
    return _types.guess_type(f"file:{name}", strict=True)[0] or OCTETS if name else OCTETS


def _answered(response: Response, name: str) -> str:
    try:
        return _checked(response.headers.get("Content-Type", "")[:NAME], "") or _guessed(name)
    except Problem:
        return _guessed(name)


def _name_of(url: str, where: str) -> str:
    try:
        return _name(unquote(urlsplit(url).path), where)
    except (Problem, ValueError):
        return ""
