"""The header of a message that is built from properties: From, To, Cc, Reply-To, Subject, and further fields.

In:  `from`, `to`, `cc`, `replyto`, `subject`, `extra`; `headers` of a template.
Out: whole fields in octets; or a Problem that names the property.

Why so: none of these routes a message. A line end or a NUL in what becomes a field is refused and not mended, since
whoever wrote it meant more than one field. `extra` takes names that begin with `x-` alone, as SMTPeter has it; those
that begin with `x-smtpeter-` become control fields, and act as such.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from relay.model.address import printable
from relay.submission.control.registry import PREFIX
from relay.transform.compose.fields import field, listed
from relay.transform.compose.mailboxes import BROKEN, Group, Mailbox, mailbox, read_mailboxes, written
from relay.web.api.problem import Problem

EXTRA_FIELDS = 500  # of a message
NAME = 100  # characters of a field's name
VALUE = 64 << 10  # octets of a field's value
CONTROL = 1 << 20  # of a control field's: it may hold data for a thousand recipients
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
# What the message's own properties, its parts or we write.
_OURS = frozenset({"from", "to", "cc", "bcc", "reply-to", "subject", "mime-version", "received", "return-path"})
_PARTS = ("content-", "dkim-", "arc-", "resent-")


def header_fields(given: Mapping[str, Any], *, filled: bool = False) -> tuple[list[bytes], bool]:
    """The fields, and whether one of them has an address outside ASCII; `filled`: placeholders will be filled in.

    Raises Problem.
    """
    author = read_list(given.get("from"), "from")
    if not author:
        raise Problem(
            "missing", "from: who the message is from; one address, a name may stand before it", field="from"
        )
    if len(author) > 1 or isinstance(author[0], Group):
        raise Problem("bad_value", f"from: expected exactly one address, not {len(author)}", field="from")
    if author[0].open:
        text = "from: an address there cannot be a placeholder, only the name in front of it"
        raise Problem("bad_value", text, field="from")
    fields = [listed("From", [written(author[0])])]
    utf8 = _beyond(author)
    for name, title in (("to", "To"), ("cc", "Cc"), ("replyto", "Reply-To")):
        if (value := given.get(name)) and (people := read_list(value, name)):
            if not filled and any(isinstance(each, Mailbox) and each.open for each in people):
                text = f"{name}: placeholders are filled in where there are data, or a template"
                raise Problem("bad_value", text, field=name)
            fields.append(listed(title, [written(each) for each in people]))
            utf8 = utf8 or _beyond(people)
    if subject := one_line(given.get("subject"), "subject"):
        fields.append(field("Subject", subject))
    return fields, utf8


def further_fields(given: Mapping[str, Any]) -> list[bytes]:
    """Those of `extra` and `headers`. Raises Problem."""
    fields: list[bytes] = []
    for name in ("extra", "headers"):
        for key, value in _members(given.get(name), name):
            where = f"{name}.{printable(key, 60)}"
            _check_name(key, name, where)
            for each in value if isinstance(value, list | tuple) else [value]:
                limit = CONTROL if key.lower().startswith(PREFIX.lower()) else VALUE
                if text := one_line(each, where, limit):
                    fields.append(field(key, text))
            if len(fields) > EXTRA_FIELDS:
                raise Problem("bad_value", f"{name}: over {EXTRA_FIELDS} fields", field=name)
    return fields


def read_list(value: Any, name: str) -> list[Mailbox | Group]:
    """Mailboxes of a text, an object with `address` and `name`, or a list of such. Raises Problem."""
    if value is None or value == "":
        return []
    try:
        if isinstance(value, str):
            return list(read_mailboxes(value))
        if isinstance(value, Mapping):
            return _object(value)
        if isinstance(value, list | tuple):
            found: list[Mailbox | Group] = []
            for each in value:
                found += _object(each) if isinstance(each, Mapping) else read_mailboxes(_text(each))
            return found
        raise ValueError(f"expected addresses, not {printable(repr(value), 60)}")
    except ValueError as error:
        raise Problem("bad_value", f"{name}: {error}", field=name) from None


def one_line(value: Any, name: str, limit: int = VALUE) -> str:
    """A text without line ends; "" where there is none. Raises Problem."""
    if value is None:
        return ""
    if isinstance(value, bool):
        value = "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise Problem("bad_value", f"{name}: expected a text, not {printable(repr(value), 60)}", field=name)
    text = str(value).strip()
    if BROKEN.search(text):
        raise Problem("bad_value", f"{name}: no line ends or other control characters", field=name)
    if len(text) > limit or (not text.isascii() and len(text.encode()) > limit):
        raise Problem("bad_value", f"{name}: over {limit >> 10} KiB", field=name)
    return text


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected an address, not {printable(repr(value), 60)}")
    return value


def _object(value: Mapping[str, Any]) -> list[Mailbox | Group]:
    """`{"address": ..., "name": ...}`; or such by number, as PHP writes a list from which something was taken out."""
    if value and all(str(key).isdigit() for key in value):
        found: list[Mailbox | Group] = []
        for each in value.values():
            found += _object(each) if isinstance(each, Mapping) else read_mailboxes(_text(each))
        return found
    if strange := [key for key in value if key not in ("address", "email", "name")]:
        raise ValueError(f"expected address and name, not {printable(str(strange[0]), 60)}")
    address, name = value.get("address") or value.get("email"), value.get("name") or ""
    if not isinstance(address, str) or not isinstance(name, str):
        raise ValueError("expected an object with the texts address and name")
    return [mailbox(address, name)]


def _members(value: Any, name: str) -> list[tuple[str, Any]]:
    if value in (None, "", [], {}):
        return []
    if not isinstance(value, Mapping):
        raise Problem("bad_value", f"{name}: expected an object of texts by field name", field=name)
    return [(str(key), each) for key, each in value.items()]


def _check_name(key: str, name: str, where: str) -> None:
    low = key.lower()
    if len(key) > NAME or _NAME.fullmatch(key) is None:
        raise Problem("bad_value", f"{where}: no name of a header field", field=where)
    if name == "extra" and not low.startswith("x-"):
        raise Problem("bad_value", f"{where}: only fields that begin with x-", field=where)
    if name == "headers" and (low in _OURS or low.startswith(_PARTS)):
        raise Problem("bad_value", f"{where}: the relay writes this field itself", field=where)


def _beyond(people: list[Mailbox | Group]) -> bool:
    return any(isinstance(each, Mailbox) and not each.address.isascii() for each in people)
