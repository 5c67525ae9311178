"""May this credential send this?

In:  the author and the reverse-path of a message, the credential, and the directory.
Out: the domain it speaks for, and warnings; or Refused. Which keys sign is decided in `choice.py`.

Standards: RFC 5322 section 3.6.2 (exactly one From), RFC 6409 section 6.1 (a submission server may insist on
a sender of its own), RFC 7489 section 3.1 (why the DKIM domain has to fit From).

Why so: a verified domain speaks for its subdomains, too (who holds the zone holds them, and DMARC aligns them
by default), unless a subdomain was verified on its own: the nearest verified name decides, whoever's it is.
So mail from news.example.com is signed as example.com until news.example.com is added. The reverse-path is
held to the same rule, since bounces for strangers would otherwise be ours to answer for; the null one says
nothing and may stay. The grant `envelope` frees the reverse-path, the grant `any-sender` that and From: mail of
strangers is the relay's own then, and signed with the keys of the relay's own domain.
In a sandbox of the relay or of the credential nothing leaves: everything is let through there, and a warning says
what would stop it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from relay.model.account import Credential, Domain
from relay.model.address import domain_of, from_addresses, printable
from relay.model.light import light
from relay.model.reply import Refused
from relay.submission.directory import Directory
from relay.transform.headers import Header

ANY_SENDER = "any-sender"
ENVELOPE = "envelope"
AUTHOR = "From"
USUAL = 256  # octets of a From field that is remembered once it was read: most applications have one or a few
REMEMBERED = 4096


class NoSenderDomain(Refused):
    """550 5.7.1: a domain that is not the account's, or not verified yet."""

    def __init__(self, text: str, domain: str, *, author: bool) -> None:
        """`author`: it is of the From field; else of the reverse-path."""
        super().__init__(550, "5.7.1", text)
        self.domain = domain
        self.author = author


@light(frozen=True, slots=True)
class Permit:
    domain: Domain | None  # it speaks for; None for a stranger: in the sandbox, or with the grant any-sender
    warnings: tuple[str, ...] = ()


def permit(author: str, reverse_path: str, credential: Credential, directory: Directory, *, sandbox: bool) -> Permit:
    """Decide about a message. `sandbox` is the relay's or the credential's.

    Raises:
        Refused: 550 5.7.1 a domain that is not the account's.
    """
    if sandbox:
        return _lenient(author, reverse_path, credential, directory)
    if ANY_SENDER in credential.grants:
        domain = directory.governing(domain_of(author))
        return Permit(domain if domain is not None and domain.account == credential.account else None)
    domain = _own_domain(domain_of(author), AUTHOR, credential, directory)
    if domain_of(reverse_path) != domain_of(author):
        check_sender(reverse_path, credential, directory, sandbox=False)
    return Permit(domain)


def check_sender(reverse_path: str, credential: Credential, directory: Directory, *, sandbox: bool) -> None:
    """The part of the decision that MAIL allows already.

    Raises:
        Refused: 550 5.7.1 a domain that is not the account's.
    """
    if not reverse_path or sandbox or (credential.grants and credential.grants & {ANY_SENDER, ENVELOPE}):
        return
    _own_domain(domain_of(reverse_path), "the envelope sender", credential, directory)


def author_of(header: Header) -> str:
    """The one address of the one From field.

    Raises:
        Refused: 554 5.6.0 there is none, are several, or it cannot be read without doubt.
    """
    fields = header.named(b"from")
    if not fields:
        raise Refused(554, "5.6.0", "the message has no From field; it needs one, with one address")
    if len(fields) > 1:
        raise Refused(554, "5.6.0", f"the message has {len(fields)} From fields; it needs exactly one")
    value = fields[0]
    try:
        addresses = _usual(value) if len(value) <= USUAL else from_addresses(value)
    except ValueError as error:
        raise Refused(554, "5.6.0", f"From: {error}") from error
    if not addresses:
        raise Refused(554, "5.6.0", "From: no address in it; it needs exactly one")
    if len(addresses) > 1:
        raise Refused(554, "5.6.0", f"From: {len(addresses)} addresses; it needs exactly one")
    return addresses[0]


@lru_cache(maxsize=REMEMBERED)
def _usual(value: bytes) -> Sequence[str]:
    return from_addresses(value)


def _own_domain(name: str, where: str, credential: Credential, directory: Directory) -> Domain:
    domain = directory.governing(name)
    if domain is None or domain.account != credential.account:
        shown = printable(name)
        account = credential.account
        text = f"{where}: {shown} is not a verified domain of account {account}; relay domain add {shown}"
        known = directory.domain(name)
        if known is not None and known.account == account and known.verified is None:
            text = f"{where}: {shown} is not verified yet; relay domain verify {shown}"
        raise NoSenderDomain(text, shown, author=where == AUTHOR)
    return domain


def _lenient(author: str, reverse_path: str, credential: Credential, directory: Directory) -> Permit:
    domain = directory.governing(domain_of(author))
    if domain is not None and domain.account != credential.account:
        domain = None
    try:
        permit(author, reverse_path, credential, directory, sandbox=False)
    except Refused as refused:
        warnings = [f"would be refused outside the sandbox: {refused.reply}"]
        if domain is None and reverse_path and domain_of(reverse_path) != domain_of(author):
            try:
                check_sender(reverse_path, credential, directory, sandbox=False)
            except Refused as again:
                warnings.append(f"would be refused outside the sandbox: {again.reply}")
        return Permit(domain, tuple(warnings))
    return Permit(domain)
