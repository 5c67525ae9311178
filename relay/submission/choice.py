"""With whose keys a message is signed.

In:  the domain it speaks for (None: a stranger's, let through by a grant or a sandbox), and the options.
Out: the signers, and warnings; or Refused.

Why so: mail is never sent unsigned unless `dkim: off` asks for it with its grant. A domain without a usable key
is our fault, so 451 and a word in the log; a key that an option names and that does not exist is the client's, so
554, unless a default names it: 451. An option may name keys of the account's domains, and of the relay's own, the
verified one that governs its host name; never those of another account, whatever is granted. A stranger's mail that
a grant lets through is signed as the relay's own domain; in a sandbox any key of the account will do, since nobody
sees it. Keys that an account has to sign always do so beside whatever was chosen, unless `dkim: off` chose nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from relay.model.account import Credential, Domain
from relay.model.address import ascii_domain, printable
from relay.model.light import light
from relay.model.options import Options
from relay.model.reply import Refused
from relay.store.interface import NotFound
from relay.submission.control.layers import lacking
from relay.submission.directory import Directory
from relay.transform.dkim import Signer

log = logging.getLogger("relay.submission")

NOBODY: Mapping[str, str] = MappingProxyType({})


@light(frozen=True, slots=True)
class Choice:
    signers: tuple[Signer, ...]  # none only where that was asked for, or in a sandbox with a warning
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chooser:
    """Chooses for one relay."""

    directory: Directory
    hostname: str  # the relay's

    def choose(
        self,
        domain: Domain | None,
        options: Options,
        credential: Credential,
        *,
        sandbox: bool,
        sources: Mapping[str, str] = NOBODY,
    ) -> Choice:
        """The signers of a message. `sandbox` is the relay's or the credential's; `sources`: who set which option.

        Raises:
            Refused: 451 4.7.5 no key can be used; 554 5.6.0 a key that was named does not exist, or 451 4.3.5 where a
                default names it; 550 5.7.1 it is another account's.
        """
        if not options.dkim:
            choice = Choice(())
        elif options.dkim_key:
            choice = Choice((self._named("dkim_key", options.dkim_key, domain, credential, sources),))
        elif domain is None and not sandbox:
            choice = Choice(self._own())
        elif sandbox:
            choice = self._lenient(domain, credential)
        else:
            assert domain is not None  # the first `elif` took it
            choice = Choice(self._usual(domain.name))
        always = self.directory.always(credential.account) if options.dkim else ()
        if not options.dkim_extra and not always:
            return choice
        extra = tuple(self._named("dkim_extra", each, domain, credential, sources) for each in options.dkim_extra)
        return Choice(tuple(dict.fromkeys((*choice.signers, *always, *extra))), choice.warnings)

    def _usual(self, name: str) -> tuple[Signer, ...]:
        signers = self.directory.signers(name)
        if not signers:
            log.error("%s has no usable DKIM key, so its mail is put off with 451: relay dkim make %s", name, name)
            raise Refused(451, "4.7.5", f"{name} has no usable DKIM key yet; its mail is not sent unsigned")
        return signers

    def _own(self) -> tuple[Signer, ...]:
        domain = self.directory.governing(self.hostname)
        if domain is not None:
            return self._usual(domain.name)
        log.error(
            "mail of strangers is signed as the relay's own domain, but %s is in no verified domain, so it is put "
            "off with 451: relay domain add %s",
            self.hostname,
            self.hostname,
        )
        text = f"this relay has no domain of its own yet to sign such mail with; relay domain add {self.hostname}"
        raise Refused(451, "4.7.5", text)

    def _lenient(self, domain: Domain | None, credential: Credential) -> Choice:
        warnings: list[str] = []
        if domain is not None:
            if signers := self.directory.signers(domain.name):
                return Choice(signers)
            warnings.append(f"would be put off outside the sandbox: no DKIM key; relay dkim make {domain.name}")
        signers = self.directory.demo_signers(credential.account)
        kind = f"with the demo key of {signers[0].domain}" if signers else "by nobody: the account has no key"
        return Choice(signers, (*warnings, f"signed {kind}"))

    def _named(
        self, option: str, text: str, domain: Domain | None, credential: Credential, sources: Mapping[str, str]
    ) -> Signer:
        """The key an option names: `selector` or `domain,selector`."""
        name, comma, selector = (each.strip() for each in text.rpartition(","))
        if not comma:
            if domain is None:
                text = f"{option}: give domain,selector; From is of no domain of the account"
                raise lacking(text, sources.get(option, ""))
            name = domain.name
        try:
            name = ascii_domain(name)
        except ValueError as error:
            raise Refused(554, "5.6.0", f"{option}: {error}") from error
        owner, own = self.directory.domain(name), self.directory.governing(self.hostname)
        mine = owner is not None and owner.account == credential.account and owner.verified is not None
        if not mine and (own is None or own.name != name):
            text = f"{option}: {printable(name)} is no verified domain of account {credential.account}"
            raise Refused(550, "5.7.1", text)
        try:
            signer = self.directory.signer(name, selector.lower())
        except NotFound:
            text = f"{option}: {name} has no active key {printable(selector, 63)}"
            raise lacking(text, sources.get(option, "")) from None
        if signer is None:
            raise Refused(451, "4.7.5", f"{option}: the key {selector} of {name} cannot be used at the moment")
        return signer
