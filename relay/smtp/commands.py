"""The grammar of MAIL and RCPT: text of a command in, a value out, or the refusal that explains it.

In:  what follows the verb, decoded; octets that are not UTF-8 came as lone surrogates.
Out: `Mail`, or what RCPT says; `Refused` with the reply to send.

Standards: RFC 5321 sections 4.1.1 and 4.1.2, RFC 1870 (SIZE), RFC 6152 (BODY), RFC 6531 (SMTPUTF8),
RFC 4954 section 5 (AUTH=). What else they may ask for is `parameters.py`'s.

Why so: what people's programs write is taken (a space after the colon, lower case, spaces at the end, a source
route, no brackets); what could be read in two ways is refused. `RCPT TO:<postmaster>` without a domain is
the postmaster of this relay, as RFC 5321 section 4.5.1 demands; every other address has its domain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from relay.model.address import NeedsUtf8, parse_path, printable
from relay.model.envelope import Body, Notify
from relay.model.reply import Refused
from relay.smtp.parameters import NO_WISHES, Given, Offers, Wishes, read_notify, read_original, read_wishes

# A path in brackets (a quoted local part may hold anything, brackets too) or, by tolerance, without them.
_PATH = r' *(?:<(?P<inside>(?:[^<>"]|"(?:[^"\\]|\\.)*")*)>|(?P<bare>[^<> ]+))(?: +(?P<parameters>.*))?'
_MAIL = re.compile("FROM:" + _PATH, re.IGNORECASE)
_RCPT = re.compile("TO:" + _PATH, re.IGNORECASE)
_PARAMETER = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9-]*)(?:=(?P<value>[^\x00-\x20=\x7f]+))?")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What a MAIL command says."""

    reverse_path: str  # "" for <>
    size: int | None = None  # octets, as declared
    body: Body = Body.SEVEN_BIT
    smtputf8: bool = False
    wishes: Wishes = NO_WISHES


def parse_mail(argument: str, *, esmtp: bool, offers: Offers, now: float) -> Mail:
    """Read what follows MAIL; `now` is when it came.

    Raises:
        Refused: 501, 550 5.6.7 or 555, as RFC 5321 section 4.2.3 has them.
    """
    found = _MAIL.fullmatch(argument)
    if found is None:
        raise Refused(501, "5.5.4", "Syntax: MAIL FROM:<address> [parameters]")
    parameters = _parameters(found["parameters"], "MAIL", esmtp) if found["parameters"] else {}
    size = _size(parameters.pop("SIZE")) if "SIZE" in parameters else None
    body = _body(parameters.pop("BODY")) if "BODY" in parameters else Body.SEVEN_BIT
    smtputf8 = "SMTPUTF8" in parameters
    if smtputf8 and parameters.pop("SMTPUTF8") is not None:
        raise Refused(501, "5.5.4", "SMTPUTF8 takes no value")
    # Whom the client says it got the message from. Nobody here acts on it, and a relay in between may send it.
    if "AUTH" in parameters and parameters.pop("AUTH") is None:
        raise Refused(501, "5.5.4", "AUTH= needs a value, such as <>")
    wishes = NO_WISHES
    if parameters:
        wishes = read_wishes(parameters, offers, now)
        if parameters:
            raise Refused(555, "5.5.4", f"{printable(next(iter(parameters)))} is not offered for MAIL")
    text = (found["inside"] if found["bare"] is None else found["bare"]).strip()
    path = _path(text, smtputf8, ("5.1.7", 550)) if text else ""
    return Mail(reverse_path=path, size=size, body=body, smtputf8=smtputf8, wishes=wishes)


def parse_rcpt(
    argument: str, *, esmtp: bool, offers: Offers, smtputf8: bool, hostname: str
) -> tuple[str, Notify | None, str | None]:
    """Address, NOTIFY and decoded ORCPT in what follows RCPT.

    Raises:
        Refused: 501, 553 5.6.7 or 555.
    """
    found = _RCPT.fullmatch(argument)
    if found is None:
        raise Refused(501, "5.5.4", "Syntax: RCPT TO:<address> [parameters]")
    notify = original = None
    if found["parameters"]:
        parameters = _parameters(found["parameters"], "RCPT", esmtp)
        if offers.wishes:
            notify, original = read_notify(parameters), read_original(parameters, smtputf8=smtputf8)
        if parameters:
            raise Refused(555, "5.5.4", f"{printable(next(iter(parameters)))} is not offered for RCPT")
    text = (found["inside"] if found["bare"] is None else found["bare"]).strip()
    if text.lower() == "postmaster":
        return f"{text}@{hostname.lower()}", notify, original
    return _path(text, smtputf8, ("5.1.3", 553)), notify, original


def _path(text: str, smtputf8: bool, refusal: tuple[str, int]) -> str:
    """`refusal`: the status of a malformed address, and the code of one that needs SMTPUTF8 (RFC 6531 3.5)."""
    status, without_utf8 = refusal
    if not text.isascii() and _SURROGATE.search(text):
        raise Refused(501, status, "The address is not UTF-8")
    try:
        return parse_path(text, smtputf8=smtputf8)
    except NeedsUtf8 as error:
        raise Refused(without_utf8, "5.6.7", f"{error}: declare it in MAIL") from error
    except ValueError as error:
        raise Refused(501, status, f"Bad address: {error}") from error


def _parameters(text: str, verb: str, esmtp: bool) -> Given:
    if not text.strip():
        return {}
    if not esmtp:
        raise Refused(555, "5.5.4", f"{verb} has parameters only after EHLO")
    given: Given = {}
    for word in text.split():
        found = _PARAMETER.fullmatch(word)
        if found is None:
            raise Refused(501, "5.5.4", f"Bad parameter of {verb}: {printable(word)}")
        name = found["name"].upper()
        if name in given:
            raise Refused(501, "5.5.4", f"{name} is given twice")
        given[name] = found["value"]
    return given


def _size(value: str | None) -> int:
    if value is None or not (value.isascii() and value.isdigit()) or len(value) > 20:  # RFC 1870 section 3
        raise Refused(501, "5.5.4", "SIZE= is a number of octets, at most 20 digits")
    return int(value)


def _body(value: str | None) -> Body:
    try:
        return Body((value or "").upper())
    except ValueError:
        raise Refused(501, "5.5.4", "BODY= is 7BIT or 8BITMIME") from None
