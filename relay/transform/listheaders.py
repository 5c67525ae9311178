"""The header fields by which mail programs and large receivers know a mailing: List-Unsubscribe,
List-Unsubscribe-Post, List-ID and Feedback-ID.

In:  the header of a message, and what is wanted of its fields.
Out: whole fields to put on top, with a hole where each recipient's token goes, and the fields they take the place of.

Standards: RFC 2369 (List-Unsubscribe), RFC 8058 (one click), RFC 2919 (List-ID); Feedback-ID as Gmail's page on its
feedback loop has it: up to three fields of the sender's, and the SenderId, 5 to 15 characters.

Why so: a pair that works with one click is the sender's own business, and stays as it is. Any other List-Unsubscribe
is replaced: the page of ours comes first, and what addresses for mail the message named follow; its own URLs go,
since RFC 8058 allows one URL of the web, and what is asked of it has to answer to a POST. Where one click is not
wanted, a field that names any page or address is left alone. A List-ID of the message's own stays: filters of
recipients go by it. A Feedback-ID of its own is kept in its first three fields, and ends in our SenderId as all
others do: receivers count complaints by that, and it is not the sender's to choose.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from ipaddress import ip_address
from urllib.parse import urlsplit

from relay.model.address import printable
from relay.model.options import Options, Unsubscribe
from relay.model.token import Purpose
from relay.transform.edit import Hole, Piece
from relay.transform.headers import Field, Header, unfold
from relay.transform.rules import OWN_PAGES
from relay.transform.words import encode

BY_MAIL = Hole(Purpose.UNSUBSCRIBE, 1)  # stands for the local part of a recipient's address to unsubscribe by
ONE_CLICK = b"List-Unsubscribe=One-Click"
FEEDBACK_FIELDS = 3
FIELD_OCTETS = 40  # of each of them that we make
KEPT = 5  # addresses of the message's own List-Unsubscribe
WIDTH = 76  # characters of a line of ours, where it has a place to be folded

_URI = re.compile(rb"<([^<>]*)>")
_SPACE = re.compile(rb"[ \t\r\n]+")
_MAILTO = re.compile(r"mailto:[!-;=?-~]{1,900}", re.IGNORECASE)
_UNFIT = re.compile(r"[^!-9;-~]+")
_WORD = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the fields are to say. Nothing by default."""

    unsubscribe: bool = False
    base: bytes = b""  # where our pages are, without a slash at its end; b"": there are none
    url: str = ""  # the sender's own page, in place of ours
    mailto: str = ""  # the sender's own address; `?subject=...` may follow
    mail_host: str = ""  # where each recipient has an address of ours to unsubscribe by; "": nowhere
    one_click: bool = True
    list_id: str = ""  # `list.example.com` or `Name <list.example.com>`
    sender_id: str = ""  # ours, for Feedback-ID; "": no Feedback-ID
    feedback: str = ""  # the sender's own first fields, parted by colons
    generated: tuple[str, ...] = ()  # those otherwise: campaign, account, stream


@dataclass(frozen=True, slots=True)
class ListFields:
    add: tuple[tuple[Piece, ...], ...] = ()  # each a whole field with its CRLF
    remove: tuple[Field, ...] = ()
    warnings: tuple[str, ...] = ()


def wanted(options: Options, *, base: bytes, account: str, hostname: str, mail_host: str = "") -> Wanted:
    """What the options of a message ask for. `hostname` is the relay's.

    Feedback-ID stands on what says its own fields of it, and on what can be unsubscribed from by header.
    """
    headers = options.unsubscribe in (Unsubscribe.HEADERS, Unsubscribe.BOTH)
    return Wanted(
        unsubscribe=headers,
        base=base,
        url=options.unsubscribe_url,
        mailto=options.unsubscribe_mailto,
        mail_host=mail_host,
        one_click=options.one_click,
        list_id=options.list_id,
        sender_id=sender_id(hostname, account) if headers or options.feedback_id else "",
        feedback=options.feedback_id,
        generated=(options.campaign, account, options.stream),
    )


def list_fields(header: Header, want: Wanted) -> ListFields:
    """The fields to add and to take out."""
    add: list[tuple[Piece, ...]] = []
    gone: list[bytes] = []
    warnings: list[str] = []
    if want.unsubscribe and not _serves(header, one_click=want.one_click):
        pieces, clicks = _unsubscribe(header, want)
        if pieces:
            add.append(pieces)
            gone += [b"list-unsubscribe", b"list-unsubscribe-post"]
            pages = [each for each in unsubscribe_uris(header) if not _MAILTO.fullmatch(each)]
            if pages and not want.url:
                warnings.append(
                    f"unsubscribe: {printable(pages[0], 60)} of the message gave way; unsubscribe_url keeps it"
                )
            if clicks:
                add.append((b"List-Unsubscribe-Post: " + ONE_CLICK + b"\r\n",))
        if not clicks and want.one_click:
            warnings.append(_no_click(want))
    if want.list_id and not header.has(b"list-id"):
        add.append((_list_id(want.list_id),))
    if want.sender_id:
        add.append((_feedback_id(header, want),))
        gone.append(b"feedback-id")
    places = [place for name in gone for place in header.shape.places.get(name, ())]
    return ListFields(tuple(add), header.at(places), tuple(warnings))


def unsubscribe_uris(header: Header) -> tuple[str, ...]:
    """The URIs that the message itself names for unsubscribing, in their order."""
    found = [each for value in header.named(b"list-unsubscribe") for each in _uris(value)]
    return tuple(dict.fromkeys(found))


def allows_one_click(url: str) -> bool:
    """Whether a POST may be asked of it: https (RFC 8058 section 3.1); on this machine http will do, for trials."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme.lower() == "https" or (parts.scheme.lower() == "http" and _loopback(host))


def sender_id(hostname: str, account: str) -> str:
    """An account's last field of Feedback-ID, the same for all its mail: 8 to 15 characters."""
    name = re.sub(r"[^a-z0-9]+", "", account.lower())[:8] or "relay"
    digest = blake2b(b"\n".join((hostname.lower().encode(), account.encode())), digest_size=3)
    return f"{name}-{digest.hexdigest()}"


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _uris(value: bytes) -> list[str]:
    """RFC 2369 section 2: between angle brackets, white space in them counting for nothing."""
    return [_SPACE.sub(b"", each).decode("utf-8", "replace") for each in _URI.findall(unfold(value))]


def _serves(header: Header, *, one_click: bool) -> bool:
    """Whether the message's own fields do what is wanted."""
    fields = header.named(b"list-unsubscribe")
    uris = _uris(fields[0]) if len(fields) == 1 else []
    if not one_click:
        return bool(uris)
    posts = [_SPACE.sub(b"", each).lower() for each in header.named(b"list-unsubscribe-post")]
    return posts == [ONE_CLICK.lower()] and any(map(allows_one_click, uris))


def _unsubscribe(header: Header, want: Wanted) -> tuple[tuple[Piece, ...], bool]:
    """List-Unsubscribe, and whether its page takes a POST."""
    page: tuple[Piece, ...] = ()
    clicks = False
    if want.url:
        page = (b"<" + want.url.encode() + b">",)
        clicks = want.one_click and allows_one_click(want.url)
    elif want.base:
        page = (b"<" + want.base + b"/", Hole(Purpose.UNSUBSCRIBE), OWN_PAGES[Purpose.UNSUBSCRIBE] + b">")
        clicks = want.one_click and allows_one_click(want.base.decode("ascii", "replace"))
    mail = [f"mailto:{want.mailto}"] if want.mailto else []
    mail += [each for each in unsubscribe_uris(header) if _MAILTO.fullmatch(each) and each not in mail][:KEPT]
    entries = [page] if page else []
    if want.mail_host and not want.mailto:
        entries.append((b"<mailto:", BY_MAIL, b"@" + want.mail_host.encode() + b"?subject=unsubscribe>"))
    entries += [(f"<{each}>".encode(),) for each in mail]
    if not entries:
        return (), False
    pieces: list[Piece] = [b"List-Unsubscribe: "]
    for number, entry in enumerate(entries):
        pieces += ([b",\r\n "] if number else []) + list(entry)
    return (*pieces, b"\r\n"), clicks


def _no_click(want: Wanted) -> str:
    if not want.url and not want.base:
        return "unsubscribe: there is no host for links here, so there is no page to unsubscribe on"
    page = want.url or want.base.decode("ascii", "replace")
    return f"unsubscribe: one click takes https, so {page[:60]} is named without List-Unsubscribe-Post"


def _list_id(wanted_id: str) -> bytes:
    name, bracket, ident = wanted_id.rpartition("<")
    name = name.strip()
    if not bracket or not name:
        return f"List-ID: <{ident.strip('<> ')}>\r\n".encode()
    if _WORD.fullmatch(name):
        phrase = "\r\n ".join(textwrap.wrap(name, WIDTH - len("List-ID: "), break_long_words=False))
    elif name.isascii() and "=?" not in name:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        phrase = '"' + "\r\n ".join(textwrap.wrap(quoted, WIDTH - len("List-ID: ") - 2, break_long_words=False)) + '"'
    else:
        phrase = encode(name)
    last = phrase.rpartition("\r\n")[2]
    fold = "\r\n" if len("List-ID: ") + len(last) + len(ident) > WIDTH else ""
    return f"List-ID: {phrase}{fold} <{ident}\r\n".encode()


def _feedback_id(header: Header, want: Wanted) -> bytes:
    """The fields of the option, else those of the message, else generated ones; and the SenderId."""
    own = header.named(b"feedback-id")
    fields: Sequence[str] = want.generated
    if want.feedback:
        fields = want.feedback.split(":")
    elif own:
        said = _SPACE.sub(b"", unfold(own[0])).decode("utf-8", "replace").split(":")
        fields = said[:-1] if len(said) > FEEDBACK_FIELDS else said[:FEEDBACK_FIELDS]
    kept = [_UNFIT.sub("-", each)[:FIELD_OCTETS] for each in (*fields, "", "", "")[:FEEDBACK_FIELDS]]
    line = ":".join((*kept, want.sender_id))
    fold = "\r\n " if len(line) + len("Feedback-ID: ") > WIDTH else ""
    return f"Feedback-ID:{fold or ' '}{line}\r\n".encode()
