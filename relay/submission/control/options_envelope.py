"""The options that say whom a message is from and for, and who hears of its fate."""

from __future__ import annotations

from relay.submission.control import addresses, grammar
from relay.submission.control.option import ANYWHERE, MESSAGE, Alias, Door, Listed, Option, Permission, Repeat

_RECIPIENTS = Permission(words="P3", grant="recipients", listed=Listed.NEEDED)

ENVELOPE_OPTIONS: tuple[Option, ...] = (
    Option(
        name="envelope_from",
        header="EnvelopeFrom",
        type="address, or <>",
        read=addresses.reverse_path,
        help="The reverse-path in place of MAIL FROM; its domain must be one of the account's. A default leaves the "
        "null one as it is.",
        example="bounces@example.com",
        permission=Permission(
            words="P2, of the credential's list if it has one", grant="envelope", listed=Listed.NARROWS
        ),
        safety=True,
        empty=True,
    ),
    Option(
        name="return_path_domain",
        header="ReturnPathDomain",
        type="domain name",
        read=addresses.domain,
        help="The domain of our own return path, where `track_bounces` puts one in; it must lead to us.",
        example="bounces.example.com",
        permission=Permission(
            words="P2, of the credential's list if it has one", grant="envelope", listed=Listed.NARROWS
        ),
        safety=True,
    ),
    Option(
        name="track_bounces",
        header="TrackBounces",
        aliases=(Alias("BounceTracking"),),
        type="yes, no",
        read=grammar.truth,
        help="A return path of ours, so that bounces are seen and passed on; only where the domain's bounce host "
        "is verified.",
        example="yes",
    ),
    Option(
        name="dsn_notify",
        header="DsnNotify",
        type="NEVER, or some of SUCCESS, FAILURE, DELAY",
        read=addresses.notify,
        help="What the sender wants to hear of, for recipients without NOTIFY of their own.",
        example="FAILURE, DELAY",
        doors=ANYWHERE | {Door.ESMTP},
        esmtp="NOTIFY, of each recipient",
    ),
    Option(
        name="dsn_ret",
        header="DsnRet",
        type="FULL, HDRS",
        read=addresses.ret,
        help="How much of the message a report returns.",
        example="HDRS",
        doors=ANYWHERE | {Door.ESMTP},
        esmtp="RET",
    ),
    Option(
        name="dsn_envid",
        header="DsnEnvid",
        type="printable ASCII",
        limits=f"{addresses.ENVID_OCTETS} octets in xtext",
        read=addresses.envid,
        help="Your own id of the envelope, which comes back in reports.",
        example="batch-17/4711",
        doors=MESSAGE | {Door.ESMTP},
        esmtp="ENVID",
    ),
    Option(
        name="dsn_orcpt",
        header="DsnOrcpt",
        type="original recipient, or JSON object of them by recipient",
        limits=f"{addresses.ORCPT_OCTETS} octets each",
        read=addresses.orcpt,
        whole=addresses.few_people,
        repeat=Repeat.MERGE,
        help="Whom reports name as the original recipient.",
        example="rfc822;ann@example.net",
        doors=MESSAGE | {Door.ESMTP},
        esmtp="ORCPT, of each recipient",
    ),
    Option(
        name="recipients",
        header="Recipients",
        type="addresses separated by commas",
        limits="those of the relay, the account and the credential",
        read=addresses.addresses,
        whole=addresses.few_people,
        repeat=Repeat.UNION,
        help="The recipients in place of the one RCPT TO.",
        example="ann@example.net, bob@example.net",
        permission=_RECIPIENTS,
        doors=MESSAGE,
        safety=True,
    ),
    Option(
        name="preserve_recipients",
        header="PreserveRecipients",
        type="yes, no",
        read=grammar.truth,
        help="`no`: a copy for each recipient, with only its own address in To.",
        example="no",
        safety=True,
    ),
    Option(
        name="extra_cc",
        header="Cc",
        type="addresses separated by commas",
        limits="those of the relay, the account and the credential",
        read=addresses.addresses,
        whole=addresses.few_people,
        repeat=Repeat.UNION,
        help="Further recipients, who are put in Cc.",
        example="boss@example.com",
        permission=_RECIPIENTS,
        safety=True,
    ),
    Option(
        name="extra_bcc",
        header="Bcc",
        type="addresses separated by commas",
        limits="those of the relay, the account and the credential",
        read=addresses.addresses,
        whole=addresses.few_people,
        repeat=Repeat.UNION,
        help="Further recipients, whom nobody sees.",
        example="quality@example.com",
        permission=_RECIPIENTS,
        safety=True,
    ),
    Option(
        name="bcc_archive",
        header="ArchiveTo",
        type="addresses separated by commas",
        limits="those of the relay, the account and the credential",
        read=addresses.addresses,
        whole=addresses.few_people,
        repeat=Repeat.UNION,
        help="Who gets an exact copy of what is delivered, for an archive.",
        example="archive@example.com",
        permission=Permission(
            words="P2, of the credential's list if it has one", grant="archive-copy", listed=Listed.NARROWS
        ),
        safety=True,
    ),
)
