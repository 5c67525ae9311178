"""The way from a request to intake: who sends, what is handed in, and what is answered.

In:  properties of a request, or octets of a message with its envelope; the token that asks.
Out: a `Submission`; then `Taken`, and the recipients by their ids.

    submission = await compose(services, asked, properties)    # of properties, as `send` has them
    taken = await submit(services, asked, submission)          # on disk when it returns
    told = await people(services, taken, submission)           # {"<id>-1": "ann@example.net"}

Mail is sent as the token's credential: its grants, quota and defaults hold as over SMTP. Without `envelope` nobody is
told of failures, and what goes on the wire is a return path of ours, or the author's own address.

Why so: SMTPeter's defaults stand below every other: what an account, a domain or a credential says of clicks or
opens holds, and only where nobody says anything a message by HTTP differs from one by SMTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from relay.model.account import Login
from relay.model.envelope import Body, Envelope, Recipient
from relay.store.interface import NotFound
from relay.store.readers import Readers
from relay.submission.control.option import Door
from relay.submission.control.registry import parse_setting
from relay.submission.login import login_of, usable
from relay.submission.submission import Submission, Taken
from relay.web.api.call import Asked
from relay.web.api.problem import Problem
from relay.web.api.sending.properties import read_properties
from relay.web.api.services import Services

LISTENER: Final = "api"
V2_RECIPIENTS: Final = 100  # of a message by /v2
REST_DEFAULTS: Final[Mapping[str, Any]] = dict(
    parse_setting(name, value, Door.ACCOUNT)
    for name, value in (
        ("track_clicks", "html"),
        ("track_opens", "yes"),
        ("track_bounces", "yes"),
        ("deliver_within", "1d"),
        ("dsn_notify", "FAILURE"),
        ("dsn_ret", "HDRS"),
        ("preserve_recipients", "yes"),  # with data of recipients, too, To is what `to` says
    )
)


def login(services: Services, asked: Asked) -> Login:
    """Whom mail of this token is sent as. Raises Problem (refused)."""
    token, directory = asked.caller.token, services.directory
    if not token.credential:
        text = f"this token sends no mail: no credential is set for it; relay token set {token.id} --credential NAME"
        raise Problem("refused", text)
    with directory:
        credential = directory.credential(token.credential)
        if credential is None or credential.account != token.account:
            text = f"there is no credential {token.credential} any more; relay token set {token.id} --credential NAME"
            raise Problem("refused", text)
        if not usable(credential, directory):
            text = f"credential {token.credential} or its account is disabled"
            raise Problem("refused", text)
    return login_of(credential)


def most_recipients(services: Services, asked: Asked) -> int:
    limit = services.config.limits.recipients
    return min(limit, V2_RECIPIENTS) if asked.version == 2 else limit


async def compose(services: Services, asked: Asked, properties: Mapping[str, Any]) -> Submission:
    """A message of properties as `send` has them, `template` and attachments by URL included.

    Raises Problem.
    """
    whose = login(services, asked)
    found = await read_properties(services, asked, properties, most_recipients(services, asked))
    return submission(
        services,
        asked,
        whose,
        found.octets,
        found.recipients,
        envelope=found.envelope,
        options=found.options,
        warnings=found.warnings,
        smtputf8=found.smtputf8,
    )


def submission(
    services: Services,
    asked: Asked,
    whose: Login,
    octets: bytes,
    recipients: Sequence[str],
    *,
    envelope: str | None,
    options: Mapping[str, Any] | None = None,
    warnings: Sequence[str] = (),
    smtputf8: bool = False,
) -> Submission:
    """Octets with CRLF line ends, for pure addresses, each once.

    Args:
        envelope: the reverse-path; "" is the null one, None that the client named none.
        options: by any of their names.
        smtputf8: a header field cannot do without; addresses of the envelope are seen to here.
    """
    reverse_path = envelope or ""
    utf8 = smtputf8 or not (reverse_path.isascii() and all(map(str.isascii, recipients)))
    size, limit = len(octets), services.config.limits.size
    if size > limit:
        raise Problem("too_large", f"the message has {size:,} octets, over the limit of {limit:,}")
    return Submission(
        login=whose,
        envelope=Envelope(
            reverse_path=reverse_path,
            recipients=tuple([Recipient(address=each) for each in recipients]),
            body=Body.SEVEN_BIT if octets.isascii() else Body.EIGHT_BIT,
            smtputf8=utf8,
        ),
        octets=octets,
        at=services.clock(),
        address=asked.caller.address,
        peer=asked.caller.peer,
        tls=asked.caller.tls,
        listener=LISTENER,
        http=True,
        warnings=tuple(warnings),
        properties=options,
        defaults=REST_DEFAULTS,
        key=asked.key,
        pathless=envelope is None,
    )


async def submit(services: Services, asked: Asked, submission: Submission) -> Taken:
    """Hand it in; on disk when this returns.

    Raises Refused, StoreFull, StoreDown, which the door has answers for.
    """
    return await services.intake.take(submission)


async def people(services: Services, taken: Taken, submission: Submission) -> dict[str, str]:
    """Recipient's id -> address, archives left out. What was taken before is looked up where it is kept."""
    addresses: Sequence[str] = taken.people
    if taken.again:
        stored = await services.brief(_stored, services.data, taken.id)
        addresses = stored or [each.address for each in submission.envelope.recipients]
    return {f"{taken.id}-{number}": address for number, address in enumerate(addresses, 1)}


def _stored(data: Path, ident: str) -> list[str]:
    """The recipients of a message as its shard has them; none where it is kept no longer. Raises StoreDown."""
    readers = Readers(data)
    try:
        reader = readers.of(ident)
        archives = frozenset(reader.message(ident).resolved.options.bcc_archive)
        found = [each.address for each in reader.recipients(ident)]
    except NotFound:
        return []
    finally:
        readers.close()
    while found and found[-1] in archives:
        found.pop()
    return found
