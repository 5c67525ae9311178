"""What MAIL and RCPT may ask for beside the envelope's own: DSN, deadline, release, priority.

In:  the parameters of a command, by name in upper case, as given; and what the listener offers.
Out: values of `relay.model.envelope`; or `Refused` with the reply that says what was wrong, and where its limit is.

Standards: RFC 3461 section 4 (RET, ENVID, NOTIFY, ORCPT; xtext), RFC 6533 section 3 (ORCPT of type utf-8),
RFC 2852 section 4 (BY), RFC 4865 section 4 (HOLDFOR, HOLDUNTIL), RFC 6710 section 4 (MT-PRIORITY).

Why so: what these carry goes into reports and logs one day, so a decoded value has no control character. A BY that
is in the past already is refused where it would return the message (mode R), as RFC 2852 section 4 demands, and taken
where it only asks to be told (mode N).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from relay.model.address import printable
from relay.model.envelope import NO_PARAMETERS, DeliverBy, Notify, Parameters, Ret
from relay.model.reply import Refused

ENVID_OCTETS = 100  # RFC 3461 section 4.4
ORCPT_OCTETS = 500  # section 4.2
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_HEX = re.compile(r"\+([0-9A-F]{2})")
_UTF8_XTEXT = re.compile(r"(?:[!-*,-<>-\[\]-~]|\\x\{[0-9A-F]{2,6}\}|[^\x00-\x7f])*")
_POINT = re.compile(r"\\x\{([0-9A-F]{2,6})\}")
_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BY = re.compile(r"([+-]?[0-9]{1,9});([NRnr])([Tt]?)")
_HOLD_FOR = re.compile(r"[1-9][0-9]{0,8}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_PRIORITY = re.compile(r"[+-]?[0-9]")
_WORDS = {"SUCCESS": Notify.SUCCESS, "FAILURE": Notify.FAILURE, "DELAY": Notify.DELAY}

Given = dict[str, str | None]  # name in upper case: value, None without one


@dataclass(frozen=True, slots=True)
class Offers:
    """What a listener takes of this; one for returned mail takes nothing."""

    wishes: bool = False  # DSN, DELIVERBY, FUTURERELEASE, MT-PRIORITY
    hold: float = 0.0  # most seconds of HOLDFOR and HOLDUNTIL
    deliver_by: float = 0.0  # least seconds of BY in mode R


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a MAIL command asks for."""

    envid: str | None = None
    ret: Ret | None = None
    parameters: Parameters = NO_PARAMETERS


NO_WISHES = Wishes()


def read_wishes(given: Given, offers: Offers, now: float) -> Wishes:
    """Take out of `given` what is known here; `now` is when the command came.

    Raises:
        Refused: 501, or 555 for a BY that is too short.
    """
    if not offers.wishes:
        return NO_WISHES
    ret = _ret(given.pop("RET")) if "RET" in given else None
    envid = _envid(given.pop("ENVID")) if "ENVID" in given else None
    parameters = replace(NO_PARAMETERS, ret=True) if ret is not None else NO_PARAMETERS
    return Wishes(envid, ret, _timing(given, offers, now, parameters))


def _timing(given: Given, offers: Offers, now: float, parameters: Parameters) -> Parameters:
    if offers.hold and "HOLDFOR" in given and "HOLDUNTIL" in given:
        raise Refused(501, "5.5.4", "HOLDFOR and HOLDUNTIL exclude each other")
    if offers.hold and "HOLDFOR" in given:
        until = now + _hold_for(given.pop("HOLDFOR"))
        parameters = replace(parameters, hold_until=_not_beyond(until, offers, now, "HOLDFOR"))
    if offers.hold and "HOLDUNTIL" in given:
        until = _hold_until(given.pop("HOLDUNTIL"), now)
        parameters = replace(parameters, hold_until=_not_beyond(until, offers, now, "HOLDUNTIL"))
    if "BY" in given:
        by = _by(given.pop("BY"), offers, now)
        if by.give_up and parameters.hold_until is not None and by.at <= parameters.hold_until:
            raise Refused(501, "5.5.4", "BY= with mode R would return the message before it is released")
        parameters = replace(parameters, by=by)
    if "MT-PRIORITY" in given:
        parameters = replace(parameters, priority=_priority(given.pop("MT-PRIORITY")))
    return parameters


def read_notify(given: Given) -> Notify | None:
    """NOTIFY of RCPT, taken out of `given`; None without it. Raises Refused (501)."""
    if "NOTIFY" not in given:
        return None
    words = (given.pop("NOTIFY") or "").upper().split(",")
    if words == ["NEVER"]:
        return Notify.NEVER
    if not set(words) <= _WORDS.keys() or len(set(words)) < len(words):
        raise Refused(501, "5.5.4", "NOTIFY= is NEVER, or some of SUCCESS,FAILURE,DELAY")
    notify = Notify.NEVER
    for each in words:
        notify |= _WORDS[each]
    return notify


def read_original(given: Given, *, smtputf8: bool) -> str | None:
    """ORCPT of RCPT, taken out of `given`, decoded: `rfc822;Ann@example.net`; None without it.

    Raises:
        Refused: 501; 553 5.6.7 where it has characters outside ASCII and SMTPUTF8 was not declared.
    """
    if "ORCPT" not in given:
        return None
    value = given.pop("ORCPT") or ""
    kind, semicolon, text = value.partition(";")
    if len(value.encode("utf-8", "surrogateescape")) > ORCPT_OCTETS:
        raise Refused(501, "5.5.4", f"ORCPT= has at most {ORCPT_OCTETS} octets")
    if not semicolon or not text or _ADDRESS_TYPE.fullmatch(kind) is None:
        raise Refused(501, "5.5.4", "ORCPT= is a type and an address, such as rfc822;ann@example.net")
    if kind.lower() == "utf-8":
        return f"{kind};{_utf8(text, smtputf8)}"
    return f"{kind};{_xtext(text, 'ORCPT')}"


def _ret(value: str | None) -> Ret:
    try:
        return Ret((value or "").upper())
    except ValueError:
        raise Refused(501, "5.5.4", "RET= is FULL or HDRS") from None


def _envid(value: str | None) -> str:
    if not value:
        raise Refused(501, "5.5.4", "ENVID= needs a value")
    if len(value) > ENVID_OCTETS:
        raise Refused(501, "5.5.4", f"ENVID= has at most {ENVID_OCTETS} characters")
    return _xtext(value, "ENVID")


def _xtext(value: str, name: str) -> str:
    """Decode RFC 3461 section 4's xtext, whose meaning must be printable ASCII."""
    if _XTEXT.fullmatch(value) is None:
        raise Refused(501, "5.5.4", f"{name}= is no xtext (RFC 3461 section 4): {printable(value)}")
    text = _HEX.sub(lambda found: chr(int(found[1], 16)), value)
    if not (text.isascii() and text.isprintable()):
        raise Refused(501, "5.5.4", f"{name}= may name printable ASCII characters only")
    return text


def _utf8(value: str, smtputf8: bool) -> str:
    if _SURROGATE.search(value) or _UTF8_XTEXT.fullmatch(value) is None:
        raise Refused(501, "5.5.4", f"ORCPT= is no address of type utf-8 (RFC 6533 section 3): {printable(value)}")
    if not smtputf8 and not value.isascii():
        raise Refused(553, "5.6.7", "ORCPT= has characters outside ASCII: declare SMTPUTF8 in MAIL")
    points = [int(each, 16) for each in _POINT.findall(value)]
    if any(each > 0x10FFFF or 0xD800 <= each <= 0xDFFF for each in points):
        raise Refused(501, "5.5.4", f"ORCPT= names what is no character: {printable(value)}")
    text = _POINT.sub(lambda found: chr(int(found[1], 16)), value)
    if not text.isprintable():
        raise Refused(501, "5.5.4", "ORCPT= may name printable characters only")
    return text


def _hold_for(value: str | None) -> int:
    if value is None or _HOLD_FOR.fullmatch(value) is None:
        raise Refused(501, "5.5.4", "HOLDFOR= is a number of seconds from 1, of at most 9 digits")
    return int(value)


def _hold_until(value: str | None, now: float) -> float:
    try:
        if value is None or _TIME.fullmatch(value) is None:
            raise ValueError
        until = datetime.fromisoformat(value.upper()).timestamp()
    except (ValueError, OverflowError):
        raise Refused(501, "5.5.4", "HOLDUNTIL= is a time such as 2030-01-31T08:00:00Z") from None
    if until <= now:
        raise Refused(501, "5.5.4", "HOLDUNTIL= is in the past")
    return until


def _not_beyond(until: float, offers: Offers, now: float, name: str) -> float:
    if until > now + offers.hold:
        raise Refused(501, "5.5.4", f"{name}= is too far ahead: at most {offers.hold:.0f} seconds")
    return until


def _by(value: str | None, offers: Offers, now: float) -> DeliverBy:
    found = _BY.fullmatch(value or "")
    if found is None:
        raise Refused(501, "5.5.4", "BY= is seconds;mode such as 3600;R or 3600;NT")
    seconds, give_up = int(found[1]), found[2] in "Rr"
    if give_up and seconds <= 0:
        raise Refused(501, "5.5.4", "BY= with mode R needs seconds to come; it was to be returned already")
    if give_up and seconds < offers.deliver_by:
        raise Refused(555, "5.5.4", f"BY= with mode R is at least {offers.deliver_by:.0f} seconds")
    return DeliverBy(at=now + seconds, give_up=give_up, trace=bool(found[3]))


def _priority(value: str | None) -> int:
    if value is None or _PRIORITY.fullmatch(value) is None:
        raise Refused(501, "5.5.4", "MT-PRIORITY= is a number from -9 to 9")
    return int(value)
