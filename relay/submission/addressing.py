"""Whom a message goes to in the end, and which content each of them gets.

In:  the envelope as the client gave it, the resolved options, what its ESMTP parameters asked for.
Out: `Addressed`: the final envelope, the content of every recipient, whom Cc has to show; or Refused.

Options that are maps by address name recipients in these' own spelling by now (`control/conflicts.py`).

Why so: an archive gets the octets each recipient gets, one copy for every content, and hears of no failure: the
sender must not learn of it, and the operator sees it in the events. RET, ENVID, NOTIFY and ORCPT that were
given as parameters stand; options only fill what was not said. An address of an option outside ASCII makes
the message one that needs SMTPUTF8, since no next hop could take it otherwise.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from relay.model.envelope import Envelope, Notify, Parameters, Recipient
from relay.model.light import light
from relay.model.options import NOTHING, Options
from relay.model.reply import Refused


@light(frozen=True, slots=True, kw_only=True)
class Addressed:
    envelope: Envelope  # final; those who only get an archive copy stand last
    wanted: int  # how many of its recipients are no archive
    contents: tuple[int, ...]  # number of each recipient's content
    alone: tuple[str, ...] = ()  # whose content it is, by its number; empty: one content for all
    shown: tuple[str, ...] = ()  # to be added to Cc

    def copies_of(self, gone: Collection[int]) -> list[int]:
        """The archives' copies of what goes to nobody else, where these recipients (by number from 1) get nothing."""
        left = {self.contents[number] for number in range(self.wanted) if number + 1 not in gone}
        return [number + 1 for number in range(self.wanted, len(self.contents)) if self.contents[number] not in left]


def address(envelope: Envelope, options: Options, parameters: Parameters, limit: int) -> Addressed:
    """The final envelope. `limit` is how many recipients options may bring it to.

    Raises:
        Refused: 554 5.5.1 nobody is left to send to; 554 5.5.3 more recipients than the limit.
    """
    if options is NOTHING:
        if not envelope.recipients:
            raise Refused(554, "5.5.1", "the message has no recipient")
        return Addressed(envelope=envelope, wanted=len(envelope.recipients), contents=(0,) * len(envelope.recipients))
    people = _with_reports(_people(envelope, options), options, parameters)
    alone = () if options.preserve_recipients else tuple(each.address for each in people)
    contents = list(range(len(people))) if alone else [0] * len(people)
    archives = _archives(people, options.bcc_archive, contents)
    final = (*people, *(each for each, _ in archives))
    if len(final) > max(limit, len(envelope.recipients)):
        raise Refused(554, "5.5.3", f"{len(final)} recipients with those of its options, over the limit of {limit}")
    changed: dict[str, Any] = {"recipients": final}
    if options.envelope_from is not None:
        changed["reverse_path"] = options.envelope_from
    if options.dsn_ret is not None and not parameters.ret:
        changed["ret"] = options.dsn_ret
    if options.dsn_envid and envelope.envid is None:
        changed["envid"] = options.dsn_envid
    if not all(map(str.isascii, (options.envelope_from or "", *(each.address for each in final)))):
        changed["smtputf8"] = True
    return Addressed(
        envelope=replace(envelope, **changed),
        wanted=len(people),
        contents=(*contents, *(number for _, number in archives)),
        alone=alone,
        shown=() if alone else options.extra_cc,
    )


def _people(envelope: Envelope, options: Options) -> tuple[Recipient, ...]:
    """The recipients with those of options, each once; without archives."""
    named = {each.address: each for each in envelope.recipients}
    if options.recipients:
        named = {each: named.get(each) or Recipient(address=each) for each in options.recipients}
    for each in (*options.extra_cc, *options.extra_bcc):
        named.setdefault(each, Recipient(address=each))
    if not named:
        raise Refused(554, "5.5.1", "the message has no recipient")
    return tuple(named.values())


def _with_reports(people: tuple[Recipient, ...], options: Options, parameters: Parameters) -> tuple[Recipient, ...]:
    """The same with what options say of reports, where no parameter did."""
    if (wanted := options.dsn_notify) is not None:
        people = tuple(
            each if each.address in parameters.notified else replace(each, notify=wanted) for each in people
        )
    if originals := options.dsn_orcpt:
        people = tuple(replace(each, original=each.original or originals.get(each.address)) for each in people)
    return people


def _archives(
    people: tuple[Recipient, ...], archives: tuple[str, ...], contents: list[int]
) -> list[tuple[Recipient, int]]:
    """A copy of every content for each archive that does not get it as a recipient already."""
    if not archives:
        return []
    have = {(each.address, number) for each, number in zip(people, contents, strict=True)}
    return [
        (Recipient(address=each, notify=Notify.NEVER), number)
        for number in dict.fromkeys(contents)
        for each in dict.fromkeys(archives)
        if (each, number) not in have
    ]
