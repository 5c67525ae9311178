"""The grammars of addresses, domains, IP addresses, keys of DKIM and names of header fields.

In:  text or JSON. Out: tuples and mappings of addresses and names; or ValueError.

Standards: RFC 5322 section 3.4, RFC 3461 sections 4.2, 4.4 and 5, RFC 6376 section 3.1 (selectors).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from typing import Any

from relay.model.address import ascii_domain, from_addresses, parse_path
from relay.model.envelope import Notify, Ret
from relay.submission.control.carrier import parse_json
from relay.submission.control.grammar import is_json, items, pairs, plain_text, shown, squeezed, word
from relay.submission.control.times import Moment, moment

ENVID_OCTETS = 100  # in xtext
ORCPT_OCTETS = 500
IPS = 50
GLOBS = 50
EXTRA_KEYS = 5
PEOPLE = 10_000  # addresses of one option, or keys of a map by recipient; above any limit of recipients

_XTEXT = re.compile(r"[+=\x00-\x20\x7f-\xff]")
_TYPED = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,40};.+")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_SELECTOR = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_GLOB = re.compile(r"[!-)+-9;-~]+\*?")
_EACH = re.compile(r"[,;]\s*(?=[^,;\s]+@[A-Za-z0-9.-]+\s*=)")
_AT = re.compile(r"\s*(\S+@[A-Za-z0-9.-]+)\s*=\s*(.+?)\s*", re.DOTALL)

KEPT_FIELDS = ("date", "from", "message-id", "received", "return-path", "sender", "to")
KEPT_FAMILIES = ("arc-", "content-", "dkim-", "list-unsubscribe", "mime-")  # and all that begins so


def addresses(value: Any) -> tuple[str, ...]:
    """Addresses as they stand in To, or a list in JSON; each once."""
    found: list[str] = []
    for each in items(value) if not isinstance(value, str) or is_json(value, "[") else [value]:
        if not isinstance(each, str):
            raise ValueError(f"expected an address, not {shown(each)}")
        found += from_addresses(each.encode("utf-8", "surrogatepass"))
    if not found:
        raise ValueError(f"no address in {shown(value)}")
    return tuple(dict.fromkeys(found))


def few_people(found: Collection[str]) -> None:
    if len(found) > PEOPLE:
        raise ValueError(f"at most {PEOPLE:,} addresses, not {len(found):,}")


def address(value: Any) -> str:
    """One address."""
    found = addresses(value) if isinstance(value, str) else ()
    if len(found) != 1:
        raise ValueError(f"expected one address, not {shown(value)}")
    return found[0]


def reverse_path(value: Any) -> str:
    """An address, or `<>` for the null reverse-path, which is "" in JSON, too."""
    if isinstance(value, str) and value.strip() in ("", "<>"):
        return ""
    return address(value)


def domain(value: Any) -> str:
    """A domain name, in A-labels."""
    name = ascii_domain(word(value))
    if "." not in name or name.rpartition(".")[2].isdigit():
        raise ValueError(f"expected a domain name such as bounces.example.com, not {shown(value)}")
    return name


def ips(value: Any) -> tuple[str, ...]:
    """IP addresses."""
    found: dict[str, None] = {}
    for each in items(value, semicolons=True):
        try:
            found[str(ipaddress.ip_address(word(each).strip("[]")))] = None
        except ValueError:
            raise ValueError(f"expected an IP address, not {shown(each)}") from None
    return tuple(found)


def few_ips(found: tuple[str, ...]) -> None:
    if len(found) > IPS:
        raise ValueError(f"at most {IPS} addresses, not {len(found)}")


def dkim_key(value: Any) -> str:
    """`selector`, or `domain,selector`."""
    first, comma, second = word(value).partition(",")
    selector = (second if comma else first).strip().lower()
    if len(selector) > 63 or _SELECTOR.fullmatch(selector) is None:
        raise ValueError(f"expected a selector, or domain,selector, not {shown(value)}")
    return f"{domain(first.strip())},{selector}" if comma else selector


def dkim_keys(value: Any) -> tuple[str, ...]:
    """`domain,selector`, several of them separated by semicolons or in a list."""
    if isinstance(value, str):
        value = parse_json(value) if is_json(value, "[") else [each for each in value.split(";") if each.strip()]
    found = tuple(dict.fromkeys(dkim_key(each) for each in items(value)))
    if lacking := [each for each in found if "," not in each]:
        raise ValueError(f"expected domain,selector, not {shown(lacking[0])}")
    return found


def few_keys(found: tuple[str, ...]) -> None:
    if len(found) > EXTRA_KEYS:
        raise ValueError(f"at most {EXTRA_KEYS} further signatures, not {len(found)}")


def header_names(value: Any) -> tuple[str, ...]:
    """Names of header fields, in lower case; a `*` may stand at the end of one."""
    found: dict[str, None] = {}
    for each in items(value):
        name = word(each).removesuffix(":").lower()
        if len(name) > 100 or _GLOB.fullmatch(name) is None:
            raise ValueError(f"expected names of header fields, a * only at the end of one, not {shown(each)}")
        if kept := _kept(name):
            wider = "" if name == kept else f"; {shown(name)} would"
            raise ValueError(f"{kept} is never taken out{wider}")
        found[name] = None
    return tuple(found)


def few_names(found: tuple[str, ...]) -> None:
    if len(found) > GLOBS:
        raise ValueError(f"at most {GLOBS} names, not {len(found)}")


def _kept(name: str) -> str:
    """A field that must not go, and would."""
    stem = name.removesuffix("*")
    for each in KEPT_FIELDS:
        if name == each or (stem != name and each.startswith(stem)):
            return each
    for each in KEPT_FAMILIES:
        if name.startswith(each) or (stem != name and each.startswith(stem)):
            return f"{each}*"
    return ""


def times_by_address(value: Any) -> dict[str, Moment]:
    """`{"a@example.net": time}`, or `a@example.net=time, b@example.net=time`."""
    if isinstance(value, str) and not is_json(value, "{"):
        found = [_AT.fullmatch(each) for each in _EACH.split(value)]
        if not all(found):
            raise ValueError(f"expected an object in JSON or address=time, not {shown(value)}")
        value = {each[1]: each[2] for each in found if each is not None}
    return {parse_path(str(each), smtputf8=True): moment(at) for each, at in pairs(value).items()}


def notify(value: Any) -> Notify:
    """`NEVER`, or some of `SUCCESS`, `FAILURE`, `DELAY` (RFC 3461 section 4.1)."""
    names = [word(each).upper() for each in items(value, semicolons=True)]
    if not names or any(each not in Notify.__members__ for each in names):
        raise ValueError(f"expected NEVER, or some of SUCCESS, FAILURE, DELAY, not {shown(value)}")
    if "NEVER" in names and len(set(names)) > 1:
        raise ValueError("NEVER stands alone")
    wanted = Notify.NEVER
    for each in names:
        wanted |= Notify[each]
    return wanted


def ret(value: Any) -> Ret:
    """`FULL` or `HDRS` (RFC 3461 section 4.3); `headers` is understood."""
    said = squeezed(word(value))
    known = {"full": Ret.FULL, "hdrs": Ret.HDRS, "headers": Ret.HDRS}
    if said not in known:
        raise ValueError(f"expected FULL or HDRS, not {shown(value)}")
    return known[said]


def envid(value: Any) -> str:
    """Printable ASCII, at most 100 octets in xtext (RFC 3461 section 4.4)."""
    found = plain_text(value).strip()
    if not found.isascii() or not found.isprintable() or not found:
        raise ValueError(f"expected printable ASCII, not {shown(value)}")
    if len(_XTEXT.sub("+00", found)) > ENVID_OCTETS:
        raise ValueError(f"at most {ENVID_OCTETS} octets (a +, = or space counts for three): {shown(found)}")
    return found


def orcpt(value: Any) -> dict[str, str]:
    """The original recipient: an address, with `rfc822;` or another type before it; or several by recipient."""
    if isinstance(value, str) and is_json(value, "{"):
        value = parse_json(value)
    if not isinstance(value, Mapping):
        return {"": _original(value)}
    return {parse_path(str(key), smtputf8=True) if key else "": _original(each) for key, each in value.items()}


def _original(value: Any) -> str:
    found = plain_text(value).strip()
    if _TYPED.fullmatch(found) is None:
        found = f"rfc822;{found}"
    if not found.isprintable() or len(found) == len("rfc822;"):
        raise ValueError(f"expected an address, not {shown(value)}")
    if len(found.encode()) > ORCPT_OCTETS:
        raise ValueError(f"at most {ORCPT_OCTETS} octets: {shown(found)}")
    return found
