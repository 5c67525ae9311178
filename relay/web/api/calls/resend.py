"""A message that was sent, sent again: the same content and header, under a new id.

In:  the id of a submission, or of one of its recipients.
Out: ids and recipients, as of `send`.

Why so: a message is kept as it left, so that is what leaves again, with Message-ID, Date and all; only our Received
field, our signatures and the tokens in links are new, so that what happens to it is told of the new id. Its options
hold again as they were decided then, as far as this token's credential may have them (what it may not ask for is
refused), except for those that belong to a time (when to send, until when), to its key, or to what was done to its
content already. Who got nothing of it, and who was erased since, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from relay.model.account import LinkKey, Login, Scope
from relay.model.envelope import Parameters, Recipient
from relay.model.event import EventName
from relay.model.message import Message, State
from relay.model.options import NOTHING_ASKED, MergeError, Options, Resolved
from relay.report.search import history
from relay.store.erasure import ERASED
from relay.store.interface import NotFound, Reader, RecipientState
from relay.store.readers import Readers
from relay.submission.submission import Resent, Submission
from relay.submission.tuning.resending import bare
from relay.web.api import kept
from relay.web.api.answers import answer
from relay.web.api.call import Answer, Asked, Body, Call, Shown
from relay.web.api.problem import Problem
from relay.web.api.room import room
from relay.web.api.sending.documents import ANSWER
from relay.web.api.sending.rehearsal import DRY_RUN, SHOWN, rehearse
from relay.web.api.sending.submit import LISTENER, login, most_recipients, people, submit
from relay.web.api.services import Services

# What belongs to a time, to a key, or was done to the content already.
_SPENT: Final = frozenset(
    {
        "idempotency_key",
        "preset",
        "send_at",
        "send_at_each",
        "send_window",
        "deliver_by",
        "dedupe_campaign",
        "envelope_from",
        "dsn_notify",
        "dsn_ret",
        "dsn_envid",
        "dsn_orcpt",
        "recipients",
        "preserve_recipients",
        "extra_cc",
        "extra_bcc",
        "strip_headers",
        "keep_message_id",
        "inline_css",
        "hosted_images",
        "auto_text",
        "auto_html",
        "footer_text",
        "footer_html",
        "view_online",
        "template",
        "template_version",
        "template_block",
        "template_applied",
        "merge_global",
        "merge",
        "merge_syntax",
        "merge_error",
        "merge_error_report",
    }
)


class Resend(msgspec.Struct, forbid_unknown_fields=True):
    message: str


async def resend(services: Services, asked: Asked) -> Answer:
    whose = login(services, asked)
    keys = tuple(services.registry.link_keys())
    limit = most_recipients(services, asked)
    message, wanted = await services.threaded(_found, services.data, asked, limit)
    contents = len({each.content for each in wanted})
    async with room(2 * contents * message.size):
        resent = await services.threaded(_resent, services.data, message, wanted, keys)
        pathless = await services.threaded(_pathless, services.data, message.id)
        made = _submission(asked, whose, services.clock(), message, wanted, resent, pathless=pathless)
        if asked.query["dry_run"]:
            return await rehearse(services, made)
        taken = await submit(services, asked, made)
    return answer(await people(services, taken, made))


def _found(data: Path, asked: Asked, limit: int) -> tuple[Message, list[RecipientState]]:
    """The message, and who gets it again. Raises Problem, StoreDown."""
    ident = asked.body.message.strip()
    try:
        found = kept.look(data, asked.caller.account, ident)
    except Problem as problem:
        problem.field = "message"
        raise
    wanted = _wanted(found)
    if not wanted:
        raise Problem("gone", f"nobody is left whom {ident} went to", field="message")
    if len(wanted) > limit:
        text = f"message: it went to {len(wanted):,} recipients, over the limit of {limit:,} a message"
        raise Problem("too_many_recipients", text, field="message")
    return found.message, wanted


def _submission(
    asked: Asked,
    whose: Login,
    now: float,
    message: Message,
    wanted: Sequence[RecipientState],
    resent: Resent,
    *,
    pathless: bool,
) -> Submission:
    by_address = {each.address: each for each in message.envelope.recipients}
    to = tuple([by_address.get(each.address) or Recipient(address=each.address) for each in wanted])
    reverse_path = "" if pathless else message.envelope.reverse_path
    return Submission(
        login=whose,
        envelope=replace(message.envelope, recipients=to, reverse_path=reverse_path),
        octets=bare(resent.contents[0], message.id),
        at=now,
        parameters=Parameters(ret=True, notified=frozenset(each.address for each in to)),
        address=asked.caller.address,
        peer=asked.caller.peer,
        tls=asked.caller.tls,
        http=True,
        listener=LISTENER,
        key=asked.key,
        pathless=pathless,
        resent=resent,
    )


def _wanted(found: kept.Kept) -> list[RecipientState]:
    """Who had a content of it, each once. Archives get theirs by the option that names them."""
    options = found.message.resolved.options
    left = list(found.recipients)
    while found.whole and left and left[-1].number > 1 and left[-1].address in options.bcc_archive:
        left.pop()
    theirs: dict[str, RecipientState] = {}
    for each in left:
        # Who was dropped since a template failed for him has the number of somebody else's content.
        dropped = options.merge_error is MergeError.DROP and each.state is State.CANCELLED and not each.attempts
        if each.address != ERASED and not dropped:
            theirs.setdefault(each.address, each)
    return list(theirs.values())


def _resent(data: Path, message: Message, wanted: Sequence[RecipientState], keys: tuple[LinkKey, ...]) -> Resent:
    """Raises Problem: a content is forgotten; StoreDown."""
    readers = Readers(data)
    try:
        return _read(readers.of(message.id), message, wanted, keys)
    except NotFound:
        raise Problem("gone", f"the contents of {message.id} are forgotten", field="message") from None
    finally:
        readers.close()


def _read(reader: Reader, message: Message, wanted: Sequence[RecipientState], keys: tuple[LinkKey, ...]) -> Resent:
    """Raises NotFound, StoreDown."""
    places = {number: place for place, number in enumerate(dict.fromkeys(each.content for each in wanted))}
    targets: dict[int, tuple[str, ...]] = {}
    for each in wanted if message.links else ():
        tracked = reader.tracked(message.id, each.number)
        if tracked is not None and tracked.targets:
            targets[places[each.content]] = tracked.targets
    return Resent(
        id=message.id,
        resolved=_left(message.resolved),
        contents=tuple([reader.content(message.id, number) for number in places]),
        which=tuple([places[each.content] for each in wanted]),
        targets=targets,
        keys=keys,
        spent=_SPENT,
    )


def _left(resolved: Resolved) -> Resolved:
    """The options that hold again."""
    options = {name: value for name, value in resolved.options.as_dict().items() if name not in _SPENT}
    if not options:
        return NOTHING_ASKED
    sources = {name: source for name, source in resolved.sources.items() if name in options}
    return Resolved(options=Options.from_dict(options), sources=sources)


def _pathless(data: Path, submission: str) -> bool:
    for each in history(data, submission):
        if each.event.name is EventName.RECEIVED:
            return bool(each.event.data.get("pathless"))
    return False


CALLS: tuple[Call, ...] = (
    Call(
        method="POST",
        path="/resend",
        name="resend",
        family="Sending",
        summary="Send a message again",
        help="The message leaves again as it left, to the same recipients, under a new id; what happens to it is "
        "told of that id. `message` is the id of a recipient, who then is the only one, or of the whole submission. "
        "Messages from SMTP and HTTP can be sent again, as long as their contents are kept; after that the answer is "
        "410. SMTPeter does not say how long that is, nor whether times and limits hold anew: here a message that "
        "was to wait, or to be given up at a certain time, is sent now. It must be one that the token's credential "
        "may send, with the options it had: what that credential may not ask for is refused (403).",
        scope=Scope.SEND,
        handler=resend,
        query=(DRY_RUN,),
        body=Body(help="The id.", shape=Resend, example={"message": "0r2k9v1m00000001-1"}),
        answers=(
            Shown(
                help="It is on disk, and sent from there. The new id of each recipient, and the address.",
                example=ANSWER,
                shape={"type": "object", "additionalProperties": {"type": "string"}},
            ),
            SHOWN,
        ),
        codes=(
            "refused",
            "not_found",
            "gone",
            "too_large",
            "bad_value",
            "missing",
            "unknown_property",
            "unacceptable",
            "too_many_recipients",
            "too_many_requests",
            "unavailable",
        ),
        once=True,
        smtpeter=True,
    ),
)
