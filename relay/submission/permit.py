"""May this credential send this? And with whose keys is it signed?

In:  the header of a message, its envelope, who is logged in, and the directory.
Out: the author's address, the signers, and warnings; or Refused.

Standards: RFC 5322 section 3.6.2 (exactly one From), RFC 6409 section 6.1 (a submission server may insist on
a sender of its own), RFC 7489 section 3.1 (why the DKIM domain has to fit From).

Why so: a verified domain speaks for its subdomains, too (who holds the zone holds them, and DMARC aligns them
by default), unless a subdomain was verified on its own: the nearest verified name decides, whoever's it is.
So mail from news.example.com is signed as example.com until news.example.com is added. The reverse-path is
held to the same rule, since bounces for strangers would otherwise be ours to answer for; the null one says
nothing and may stay. Mail of a verified domain is never sent unsigned: a missing key is our fault, so 451.
In a relay-wide sandbox nothing leaves: everything is let through there, and a warning says what would stop it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from relay.model.account import Domain, Login
from relay.model.address import domain_of, from_addresses, printable
from relay.model.reply import Refused
from relay.submission.directory import Directory
from relay.transform.dkim import Signer
from relay.transform.headers import Header

log = logging.getLogger("relay.submission")


@dataclass(frozen=True, slots=True)
class Permit:
    author: str  # the one address in From
    signers: tuple[Signer, ...]  # none only in the sandbox, with a warning
    warnings: tuple[str, ...] = ()


def permit(header: Header, reverse_path: str, login: Login, directory: Directory, *, sandbox: bool) -> Permit:
    """Decide about a message. `sandbox` is the relay-wide one.

    Raises:
        Refused: 554 5.6.0 not exactly one author; 550 5.7.1 a domain that is not the account's;
            451 4.7.5 a verified domain without a key that could sign.
    """
    author = author_of(header)
    if sandbox:
        return _lenient(author, reverse_path, login, directory)
    domain = _own_domain(domain_of(author), "From", login, directory)
    if reverse_path and domain_of(reverse_path) != domain_of(author):
        _own_domain(domain_of(reverse_path), "the envelope sender", login, directory)
    signers = directory.signers(domain.name)
    if not signers:
        log.error(
            "%s has no usable DKIM key, so its mail is put off with 451: relay dkim make %s", domain.name, domain.name
        )
        raise Refused(451, "4.7.5", f"{domain.name} has no usable DKIM key yet; its mail is not sent unsigned")
    return Permit(author, signers)


def check_sender(reverse_path: str, login: Login, directory: Directory, *, sandbox: bool) -> None:
    """The part of the decision that MAIL allows already.

    Raises:
        Refused: 550 5.7.1 a domain that is not the account's.
    """
    if reverse_path and not sandbox:
        _own_domain(domain_of(reverse_path), "the envelope sender", login, directory)


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
    try:
        addresses = from_addresses(header.value(fields[0]))
    except ValueError as error:
        raise Refused(554, "5.6.0", f"From: {error}") from error
    if not addresses:
        raise Refused(554, "5.6.0", "From: no address in it; it needs exactly one")
    if len(addresses) > 1:
        raise Refused(554, "5.6.0", f"From: {len(addresses)} addresses; it needs exactly one")
    return addresses[0]


def _own_domain(name: str, where: str, login: Login, directory: Directory) -> Domain:
    domain = directory.governing(name)
    if domain is None or domain.account != login.account:
        shown = printable(name)
        text = f"{where}: {shown} is not a verified domain of account {login.account}; relay domain add {shown}"
        known = directory.domain(name)
        if known is not None and known.account == login.account and known.verified is None:
            text = f"{where}: {shown} is not verified yet; relay domain verify {shown}"
        raise Refused(550, "5.7.1", text)
    return domain


def _lenient(author: str, reverse_path: str, login: Login, directory: Directory) -> Permit:
    warnings: list[str] = []
    name = domain_of(author)
    signers: tuple[Signer, ...] = ()
    try:
        domain = _own_domain(name, "From", login, directory)
    except Refused as refused:
        warnings.append(f"would be refused outside the sandbox: {refused.reply}")
    else:
        signers = directory.signers(domain.name)
        if not signers:
            warnings.append(f"would be put off outside the sandbox: no DKIM key; relay dkim make {domain.name}")
    if reverse_path and domain_of(reverse_path) != name:
        try:
            _own_domain(domain_of(reverse_path), "the envelope sender", login, directory)
        except Refused as refused:
            warnings.append(f"would be refused outside the sandbox: {refused.reply}")
    if not signers:
        signers = directory.demo_signers(login.account)
        kind = f"with the demo key of {signers[0].domain}" if signers else "by nobody: the account has no key"
        warnings.append(f"signed {kind}")
    return Permit(author, signers, tuple(warnings))
