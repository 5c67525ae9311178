"""Addresses: the one parser for envelope paths, From fields and domains.

In:  what a client wrote in MAIL, RCPT or a From field, or what an operator typed.
Out: an address with its domain in A-labels and lower case, its local part as written; or ValueError,
     whose text says what is wrong and fits into a reply.

Standards: RFC 5321 section 4.1.2 (Mailbox), RFC 5322 section 3.4 and 4.4 (From, with its obsolete forms),
RFC 6854 (groups in From), RFC 6531 (SMTPUTF8), RFC 5891 and UTS 46 (domains).

Why so: a domain has one spelling inside the relay, or lanes, limits and verified domains would be kept twice
for it; the local part belongs to its domain alone, so no octet of it changes. Permission and the choice of
the DKIM domain read From with this parser and no other: two parsers that disagree are a forgery. What other
readers may take differently (an address in an unquoted display name) is refused rather than guessed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache

import idna

LOCAL_OCTETS = 64  # RFC 5321 section 4.5.3.1.1
DOMAIN_OCTETS = 255  # section 4.5.3.1.2
ADDRESS_OCTETS = 254  # a path is 256 octets with its brackets, section 4.5.3.1.3
FROM_OCTETS = 32 << 10  # of the value of a From field: far beyond any honest one, and read in no time

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
# Underscores are no host names (RFC 1123), and still there are domains with them that receive mail.
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_USUAL = re.compile(rf"({_ATEXT}+(?:\.{_ATEXT}+)*)@({_LABEL}(?:\.{_LABEL})*)")
_DOT_STRING = re.compile(r"[^\x00-\x20\x7f()<>\[\]:;@\\,.\"]+(?:\.[^\x00-\x20\x7f()<>\[\]:;@\\,.\"]+)*")
_QUOTED = re.compile(r'"(?:[^\x00-\x1f\x7f"\\]|\\[\x20-\x7e])*"')
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r'|(?P<quoted>"(?:[^"\\\x00]|\\[^\x00])*")'
    r"|(?P<literal>\[[^\[\]\\\x00]*\])"
    r"|(?P<special>[<>@,;:.])"
    r"|(?P<atom>[^\x00-\x20\x7f()<>\[\]:;@\\,.\"]+)"
)
_ENCODED = re.compile(r"=\?.*\?=")
_FOLD = re.compile(r"\r?\n(?=[ \t])")


class NeedsUtf8(ValueError):
    """The address is well-formed only under SMTPUTF8 (RFC 6531): 553 5.6.7."""


def parse_path(text: str, *, smtputf8: bool = False) -> str:
    """Read a Mailbox as it stands between the brackets of MAIL and RCPT.

    A source route before it is left out (RFC 5321 appendix C). `<>` is not a mailbox: callers who take the
    null reverse-path look for it first.

    Raises:
        NeedsUtf8: it has characters outside ASCII, and `smtputf8` is False.
        ValueError: it is no mailbox.
    """
    found = _USUAL.fullmatch(text)
    if found is not None:
        local, domain = found[1], found[2].lower()
    else:
        local, domain = _unusual(text, smtputf8)
    # Short ones break no limit, unless their domain grew in A-labels.
    if len(text) > LOCAL_OCTETS or not text.isascii():
        _check_lengths(local, domain)
    return f"{local}@{domain}"


def is_ip(host: str) -> bool:
    """Whether a host is an IP address; IPv6 without brackets."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def domain_of(address: str) -> str:
    """What stands after the last `@`: the domain of a parsed address, "" for the null path."""
    return address.rpartition("@")[2]


@lru_cache(maxsize=4096)
def ascii_domain(domain: str) -> str:
    """A domain name in A-labels and lower case, without the dot at its end.

    Raises:
        ValueError: it is no domain name.
    """
    name = domain.removesuffix(".")
    if len(name) > DOMAIN_OCTETS:
        raise ValueError(f"the domain is longer than {DOMAIN_OCTETS} octets")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise ValueError(f"not a domain name: {printable(domain)} ({printable(str(error))})") from error
    if _DOMAIN.fullmatch(name) is None:
        raise ValueError(f"not a domain name: {printable(domain) or 'nothing'}")
    if len(name) > DOMAIN_OCTETS:
        raise ValueError(f"the domain is longer than {DOMAIN_OCTETS} octets")
    return name.lower()


def readable_domain(domain: str) -> str:
    """A domain as people write it: U-labels where its A-labels are valid, else as it is."""
    if "xn--" not in domain:
        return domain
    try:
        return idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain


def printable(text: str, limit: int = 80) -> str:
    """Text of a stranger made safe for a reply or a log line: no control characters, and no novel."""
    if len(text) <= limit and text.isprintable():
        return text
    shown = "".join(each if each.isprintable() else "?" for each in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def from_addresses(value: bytes) -> list[str]:
    """The addresses in the value of a From field (what follows the colon, folds and all), in order.

    Display names, comments, groups and route addresses are understood and left out. The list is empty where
    the field names nobody (an empty group).

    Raises:
        ValueError: it cannot be read, or could be read in two ways.
    """
    if len(value) > FROM_OCTETS:
        raise ValueError(f"longer than {FROM_OCTETS >> 10} KiB")
    tokens = _tokens(_FOLD.sub("", value.decode("utf-8", "surrogateescape")))
    addresses: list[str] = []
    group = False
    at = 0
    while at < len(tokens):
        end = at
        while end < len(tokens) and tokens[end] not in ("<", ",", ":", ";"):
            end += 1
        stop = tokens[end] if end < len(tokens) else ""
        words = tokens[at:end]
        if stop == "<":
            closing = _closing(tokens, end)
            addresses.append(_angle(words, tokens[end + 1 : closing]))
            at = closing + 1
            if at < len(tokens) and tokens[at] not in (",", ";"):
                raise ValueError(f"expected a comma after <{printable(addresses[-1])}>")
            stop, end = (tokens[at], at) if at < len(tokens) else ("", at)
        elif stop == ":":
            if group or not words or "@" in words:
                raise ValueError("a colon that ends no group name")
            group, at = True, end + 1
            continue
        elif words:
            addresses.append(_mailbox(words))
        if stop == ";":
            if not group:
                raise ValueError("addresses are separated by commas, not by semicolons")
            group = False
            if end + 1 < len(tokens) and tokens[end + 1] != ",":
                raise ValueError("expected a comma after the end of a group")
        at = end + 1
    if group:
        raise ValueError("a group without its closing semicolon")
    return addresses


def _unusual(text: str, smtputf8: bool) -> tuple[str, str]:
    """Local part and domain of what the fast pattern did not take."""
    if text.startswith("@") and ":" in text:
        text = text.partition(":")[2]
    if not text.isascii() and not smtputf8:
        raise NeedsUtf8(f"{printable(text)} has characters outside ASCII and needs SMTPUTF8")
    local, at, domain = text.rpartition("@")
    if not at:
        raise ValueError(f"not an address: {printable(text) or 'nothing'} (expected name@domain)")
    if any("\ud800" <= each <= "\udfff" for each in text):
        raise ValueError("the address is not UTF-8")
    if not local:
        raise ValueError(f"nothing stands before the @ of {printable(text)}")
    if any("\x80" <= each <= "\x9f" or each in "\u2028\u2029" for each in local):
        raise ValueError(f"the part before the @ of {printable(text)} has control characters")
    if _DOT_STRING.fullmatch(local) is None and _QUOTED.fullmatch(local) is None:
        raise ValueError(f"the part before the @ of {printable(text)} needs quotes or is malformed")
    if domain.endswith("."):
        raise ValueError(f"the domain of {printable(text)} ends in a dot")
    return local, _literal(domain) if domain.startswith("[") else ascii_domain(domain)


def _check_lengths(local: str, domain: str) -> None:
    octets = len(local.encode())
    if octets > LOCAL_OCTETS:
        raise ValueError(f"the part before the @ is longer than {LOCAL_OCTETS} octets")
    if len(domain) > DOMAIN_OCTETS:
        raise ValueError(f"the domain is longer than {DOMAIN_OCTETS} octets")
    if octets + 1 + len(domain) > ADDRESS_OCTETS:
        raise ValueError(f"the address is longer than {ADDRESS_OCTETS} octets")


def _literal(text: str) -> str:
    """An address literal in its usual spelling: `[192.0.2.1]`, `[IPv6:2001:db8::1]`."""
    inner = text[1:-1]
    try:
        if not text.endswith("]"):
            raise ValueError
        if inner[:5].lower() == "ipv6:":
            if "%" in inner:
                raise ValueError
            return f"[IPv6:{ipaddress.IPv6Address(inner[5:])}]"
        return f"[{ipaddress.IPv4Address(inner)}]"
    except ValueError:
        raise ValueError(f"not an address literal: {printable(text)}") from None


def _tokens(text: str) -> list[str]:
    """Quoted strings, literals, specials and atoms; comments and white space left out.

    White space and comments part two words, so `a b@c` is two words before the `@`, and refused later.
    """
    tokens: list[str] = []
    at = 0
    while at < len(text):
        if text[at] == "(":
            at = _after_comment(text, at)
            continue
        found = _TOKEN.match(text, at)
        if found is None:
            what = "a quotation mark that is not closed" if text[at] == '"' else f"an unexpected {text[at]!r}"
            raise ValueError(what)
        if found.lastgroup != "space":
            tokens.append(found[0])
        at = found.end()
    return tokens


def _after_comment(text: str, at: int) -> int:
    """Where the comment that opens at `at` is over. Counts, so that no depth of nesting costs a stack."""
    depth = 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == "(":
            depth += 1
        elif text[at] == ")":
            depth -= 1
            if not depth:
                return at + 1
        at += 1
    raise ValueError("a comment that is not closed")


def _closing(tokens: Sequence[str], opening: int) -> int:
    for at in range(opening + 1, len(tokens)):
        if tokens[at] == ">":
            return at
        if tokens[at] == "<":
            break
    raise ValueError("a < that is not closed")


def _angle(name: Sequence[str], inner: list[str]) -> str:
    """The address of `name <inner>`."""
    if inner[:1] == ["@"] and ":" in inner:  # obsolete route: <@a,@b:user@c>
        inner = inner[inner.index(":") + 1 :]
    address = _mailbox(inner)
    if ">" in name:
        raise ValueError("a > without its <")
    # Sloppy programs put the address itself there, which misleads nobody; another one would.
    if "@" in name and "".join(name).lower() != address.lower():
        raise ValueError('a display name with an @ must stand in quotation marks: "me@home" <me@example.com>')
    return address


def _mailbox(words: Sequence[str]) -> str:
    """An addr-spec from its tokens; obsolete local parts such as `"a b".c` become one quoted string."""
    if words.count("@") != 1:
        shown = printable(" ".join(words))
        raise ValueError(f"not an address: {shown or 'nothing'} (expected name@domain)")
    at = words.index("@")
    local, domain = words[:at], words[at + 1 :]
    if _ENCODED.search(
        "".join(local)
    ):  # RFC 2047 section 5 forbids it; some readers decode it, and see another address
        raise ValueError(f"an encoded word in the address {printable(''.join(words))}")
    for part, side in ((local, "before"), (domain, "after")):
        if len(part) % 2 == 0 or any((each == ".") != bool(n % 2) for n, each in enumerate(part)):
            raise ValueError(f"malformed {side} the @: {printable(' '.join(words))}")
    if len(local) > 1 and any(each.startswith('"') for each in local):
        joined = "".join(each[1:-1] if each.startswith('"') else each for each in local)
        return parse_path(f'"{joined}"@{"".join(domain)}', smtputf8=True)
    return parse_path("".join((*local, "@", *domain)), smtputf8=True)
