"""All that is decided about a message before it is worked on: may it be sent, to whom, when, and signed by whom.

In:  a submission, and the registry, suppressions and configuration as they are now. No waiting.
Out: a `Case`; or Refused.

    header -> control fields -> author -> options -> addresses -> permit -> keys -> return path -> plan
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import inf

from relay.config import Config, Limits
from relay.model.account import Account, ControlHeaders, Credential, Domain, LinkKey, OnInvalid, ReturnKey
from relay.model.address import domain_of
from relay.model.envelope import Notify, Parameters
from relay.model.light import light
from relay.model.options import NOTHING, Options, Resolved
from relay.model.reply import Refused
from relay.model.suppression import weigh
from relay.store.beside import Suppressions
from relay.submission.addressing import Addressed, address
from relay.submission.bounces import ASKED, automatic, return_host
from relay.submission.choice import Chooser
from relay.submission.control.again import resolve_again
from relay.submission.control.layers import lacking
from relay.submission.control.reader import Controls, read_controls
from relay.submission.control.resolve import POLICY, Holder, resolve
from relay.submission.control.vendors import vendor_fields, vendor_warning
from relay.submission.directory import Directory
from relay.submission.permit import ENVELOPE, author_of, check_sender, permit
from relay.submission.plan import Allowed, Plan, plan
from relay.submission.submission import Submission
from relay.submission.tuning.tuning import Tuning, tuning
from relay.transform.dkim import Signer
from relay.transform.headers import Field, Header, read_header
from relay.transform.hygiene import check_loop

DEADLINE_LONG = "deadline-long"
Read = tuple[Header, Controls]
_LISTED = 3  # suppressed addresses a reply names


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The newest of each kind. Both raise StoreDown."""

    link: Callable[[], LinkKey]  # signs tokens in links
    returns: Callable[[], ReturnKey]  # signs return paths, and addresses to unsubscribe by


@light(frozen=True, slots=True, kw_only=True)
class Case:
    """What was decided about a submission."""

    header: Header
    credential: Credential
    account: Account
    author: str
    resolved: Resolved
    remove: tuple[Field, ...]  # control fields, ours and other services'
    addressed: Addressed
    signers: tuple[Signer, ...]
    return_host: str
    allowed: Allowed
    plan: Plan
    warnings: tuple[str, ...]
    tuning: Tuning | None = None  # what is made of its content beyond what every message gets

    @property
    def copies(self) -> int:
        """How many contents there may be beyond the first one's place in memory; 0 for one that all share."""
        if self.addressed.alone:
            return len(self.addressed.alone)
        personal = self.tuning is not None and self.tuning.personal
        return self.addressed.wanted if personal and self.addressed.wanted > 1 else 0


class Examiner:
    """Decides by one configuration."""

    def __init__(self, config: Config, directory: Directory, suppressions: Suppressions, keys: Keys) -> None:
        self._config = config
        self._keys = keys
        self._directory = directory
        self._suppressions = suppressions
        self._chooser = Chooser(directory, config.hostname)
        self._limits = {each.name: each.held_to(config.limits) for each in config.listeners}

    def reading(self, submission: Submission) -> Callable[[], Read]:
        """What reads the header of a message, for a thread. Raises Refused, then and now."""
        credential, _ = self._parties(submission)
        return partial(_read, submission.octets, credential.control_headers, credential.on_invalid)

    def examine(self, submission: Submission, read: Read | None = None) -> Case:
        """Decide about a message, by one state of the registry; `read`: its header, if done. Raises Refused."""
        with self._directory:
            return self._examine(submission, read)

    def _examine(self, submission: Submission, read: Read | None) -> Case:
        config, directory = self._config, self._directory
        credential, account = self._parties(submission)
        header, controls = read or _read(submission.octets, credential.control_headers, credential.on_invalid)
        foreign = vendor_fields(header) if credential.control_headers is ControlHeaders.ON else ()
        author = author_of(header)
        resolved = self._resolve(submission, controls, credential, account, author)
        options = resolved.options
        sandbox = config.sandbox.enabled or credential.sandbox or submission.login.sandbox
        limit = self._limits_of(submission).recipients
        addressed = address(submission.envelope, options, _heard(submission.parameters, resolved), limit)
        permitted = permit(author, addressed.envelope.reverse_path, credential, directory, sandbox=sandbox)
        check_loop(header, config.limits.received)
        choice = self._chooser.choose(
            permitted.domain, options, credential, sandbox=sandbox, sources=resolved.sources
        )
        host, told, tuned = "", tuple[str, ...](), None
        if options is not NOTHING:
            _check_reverse_path(resolved, credential, directory, sandbox=sandbox)
            self._check_means(options, resolved.sources, account)
            if submission.resent is None:
                tuned = self._tuning(options, resolved.sources, permitted.domain, author, account.name)
            host, told = return_host(
                header,
                addressed.envelope,
                resolved,
                permitted.domain,
                credential,
                directory,
                pathless=submission.pathless,
            )
        if submission.pathless and not host and not addressed.envelope.reverse_path and not automatic(header):
            addressed = _author_path(addressed, author)
        if credential.refuse_suppressed:
            self._check_suppressed(addressed, options, account.name, submission.at)
        allowed = self._allowed(credential, sandbox)
        planned = plan(addressed, options, submission.parameters, allowed, submission.at)
        case = Case(
            header=header,
            credential=credential,
            account=account,
            author=author,
            resolved=resolved,
            remove=(*controls.fields, *foreign) if foreign else controls.fields,
            addressed=addressed,
            signers=choice.signers,
            return_host=host,
            allowed=allowed,
            plan=planned,
            warnings=(
                *resolved.warnings,
                *((vendor_warning(foreign),) if foreign else ()),
                *permitted.warnings,
                *choice.warnings,
                *told,
                *(tuned.warnings if tuned is not None else ()),
                *planned.warnings,
            ),
            tuning=tuned,
        )
        if case.copies:
            self._check_copies(case, len(submission.octets))
        return case

    def _parties(self, submission: Submission) -> tuple[Credential, Account]:
        login = submission.login
        credential, account = self._directory.credential(login.credential), self._directory.account(login.account)
        if credential is None or account is None:
            raise Refused(550, "5.7.1", f"there is no credential {login.credential} any more")
        return credential, account

    def _limits_of(self, submission: Submission) -> Limits:
        """Those of the listener it came by, which options cannot widen."""
        return self._limits.get(submission.listener, self._config.limits)

    def _resolve(
        self, submission: Submission, controls: Controls, credential: Credential, account: Account, author: str
    ) -> Resolved:
        preset = partial(self._directory.preset, account.name)
        holder = Holder(credential, account, self._domain(author, account), preset)
        policy, kept = self._config.options, self._config.retention.contents
        if (resent := submission.resent) is not None:
            return resolve_again(resent.resolved, resent.spent, holder, policy, submission.at, kept)
        return resolve(
            controls,
            submission.parameters,
            submission.envelope,
            holder=holder,
            policy=policy,
            limits=self._limits_of(submission),
            now=submission.at,
            properties=submission.properties,
            retention=kept,
            door=submission.defaults,
        )

    def _domain(self, author: str, account: Account) -> Domain | None:
        """Whose defaults apply: the verified domain of the account that From belongs to."""
        domain = self._directory.governing(domain_of(author))
        return domain if domain is not None and domain.account == account.name else None

    def _allowed(self, credential: Credential, sandbox: bool) -> Allowed:
        delivery = self._config.delivery
        longest = delivery.lifetime if credential.lifetime is None else credential.lifetime
        return Allowed(
            lifetime=min(delivery.lifetime, longest),
            longest=inf if DEADLINE_LONG in credential.grants else longest,
            delay_warning=delivery.delay_warning,
            sandbox=sandbox,
        )

    def _tuning(
        self, options: Options, sources: Mapping[str, str], domain: Domain | None, author: str, account: str
    ) -> Tuning | None:
        directory, usual = self._directory, self._config.tracking.base
        if options.track_domain and directory.tracking_base(account, domain, options.track_domain, usual) is None:
            text = f"track_domain: {options.track_domain} is no verified tracking host of account {account}"
            raise lacking(text, sources.get("track_domain", ""))
        return tuning(
            options,
            sources,
            domain=domain_of(author) if domain is None else domain.name,
            base=directory.tracking_base(account, domain, options.track_domain, usual),
            account=account,
            hostname=self._config.hostname,
            template=directory.template,
            key=self._keys.link,
            mail_host=domain.bounce_host if domain is not None and domain.bounce_verified is not None else "",
            return_key=self._keys.returns,
        )

    def _check_copies(self, case: Case, size: int) -> None:
        limit, octets = self._config.limits.copies, case.copies * size
        if octets > limit:
            why = "preserve_recipients" if case.addressed.alone else "a content of his own for each recipient"
            text = f"{why}: {case.copies} copies have {octets} octets, over the limit of {limit}"
            raise Refused(552, "5.3.4", text)

    def _check_means(self, options: Options, sources: Mapping[str, str], account: Account) -> None:
        """Is there what the options need here?"""
        delivery, hook = self._config.delivery, options.webhook_url
        if hook and hook not in self._directory.webhook_urls(account.name):
            text = f"webhook_url: account {account.name} has no webhook {hook}"
            raise lacking(text, sources.get("webhook_url", ""))
        if (told := options.merge_error_report) and self._domain(told, account) is None:
            text = f"merge_error_report: {told} is not of a verified domain of account {account.name}"
            raise lacking(text, sources.get("merge_error_report", ""))
        if options.pool and not delivery.pool_exists(options.pool):
            known = ", ".join(delivery.pools) or "none"
            text = f"pool: there is no {options.pool} here; the pools are: {known}"
            raise lacking(text, sources.get("pool", ""))
        if options.source_ip and not delivery.egress_names(options.pool, options.source_ip):
            whose = f" by an egress of pool {options.pool}" if options.pool else ""
            text = f"source_ip: {', '.join(options.source_ip)} is not used here{whose}"
            raise lacking(text, sources.get("source_ip", ""))

    def _check_suppressed(self, addressed: Addressed, options: Options, account: str, now: float) -> None:
        """Raises Refused, 550 5.7.1, where nobody would get the message."""
        people = addressed.envelope.recipients[: addressed.wanted]
        shown: list[str] = []
        for each in people:
            entries = self._suppressions.matching(
                account, each.address, options.stream, now, options.suppression_group
            )
            found = weigh(entries, options.bypass).holds
            if found is None:
                return
            if len(shown) < _LISTED:
                shown.append(f"{each.address} ({found.cause.value})")
        more = f" and {len(people) - _LISTED} more" if len(people) > _LISTED else ""
        raise Refused(550, "5.7.1", f"no mail is sent to {', '.join(shown)}{more}: suppressed")


def _heard(parameters: Parameters, resolved: Resolved) -> Parameters:
    """What ESMTP parameters said of reports, without what the operator has decided."""
    if not resolved.sources:
        return parameters
    if resolved.sources.get("dsn_notify") == POLICY:
        parameters = replace(parameters, notified=frozenset())
    if resolved.sources.get("dsn_ret") == POLICY:
        parameters = replace(parameters, ret=False)
    return parameters


def _author_path(addressed: Addressed, author: str) -> Addressed:
    """For who named no reverse-path and hears of nothing: the author's own, since mail from nobody is not trusted."""
    quiet = tuple(replace(each, notify=Notify.NEVER) for each in addressed.envelope.recipients)
    envelope = replace(addressed.envelope, reverse_path=author, recipients=quiet)
    if not author.isascii():
        envelope = replace(envelope, smtputf8=True)
    return replace(addressed, envelope=envelope)


def _check_reverse_path(resolved: Resolved, credential: Credential, directory: Directory, *, sandbox: bool) -> None:
    """Refuse a stranger's reverse-path that a message asks for.

    The grant `envelope` frees the one of MAIL, which is the application's; this one is whoever's writes its headers.
    """
    wanted = resolved.options.envelope_from
    if wanted and resolved.sources.get("envelope_from", "").startswith(ASKED):
        check_sender(wanted, replace(credential, grants=credential.grants - {ENVELOPE}), directory, sandbox=sandbox)


def _read(octets: bytes, rule: ControlHeaders, on_invalid: OnInvalid) -> Read:
    """The header of a message, and what its control fields ask for. Raises Refused."""
    header = read_header(octets)
    return header, read_controls(header, rule, on_invalid)
