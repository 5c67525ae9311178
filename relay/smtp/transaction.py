"""One mail transaction as the client speaks it: a pure dialogue.

In:  a letter, and what the server offered in its EHLO reply.
Out: groups of commands; at the end one answer for each recipient of the letter, and whether the connection is
     fit for another transaction.

A refused recipient does not stop the others. A refused sender, DATA command or message is the answer of every
recipient still in play. Only the reply to the final dot moves responsibility to the server (RFC 5321
section 6.1); every 250 before it is a courtesy.

A server that answers one command twice answers all that follow one place late. Once that shows, by an answer that
no such command can have, its refusals count for nobody: they may be meant for another recipient.

What the server lacks: 8BITMIME: the content goes as it is, and a note says so; SMTPUTF8: 5.6.7 for recipients
whose address needs it, for all if the header or the reverse-path does; SIZE: 5.3.4 before the transfer; DSN: the
wishes stay with us.

Standards: RFC 5321 section 3.3, RFC 2920 (pipelining), RFC 1870, RFC 3461, RFC 6152, RFC 6531.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from relay.model.envelope import Notify, Recipient, Ret
from relay.model.light import light
from relay.model.reply import Reply
from relay.smtp.dialogue import Answer, Command, Group, Step, Trouble
from relay.smtp.letter import Letter, Offers, flaw, unsafe, wire_address, xtext

_DATA = Command(Step.DATA, "DATA")
_RSET = Group((Command(Step.RSET, "RSET"),))
# With DATA in the group a server may answer 354 although it took no recipient; the lone dot ends that
# empty message, and whatever it answers concerns nobody (RFC 2920 section 3.1).
_LONE_DOT = Group((Command(Step.MESSAGE, "."),))
_USUAL = Notify.FAILURE | Notify.DELAY  # what no NOTIFY means (RFC 3461 section 4.1)
NO_EIGHT_BIT = "8-bit content was sent as it is: the next hop does not offer 8BITMIME"


@light(frozen=True, slots=True)
class Result:
    answers: tuple[Answer, ...]  # one for each recipient of the letter, in its order
    clean: bool  # fit for another transaction
    notes: tuple[str, ...] = ()
    void: bool = False  # the answers say nothing of the letter, which nobody has: its envelope went ahead in vain


Dialogue = Generator[Group, Sequence[Answer], Result]


def transaction(letter: Letter, offers: Offers) -> Dialogue:
    """Carry one letter to one server."""
    answers: list[Answer | None] = [_lacking(each, offers) for each in letter.recipients]
    refusal = _refusal(letter, offers)
    going = [number for number, answer in enumerate(answers) if answer is None]
    if refusal is not None or not going:
        return Result(tuple(answer or Answer(Step.MAIL, refusal or _NEVER, Trouble.OURS) for answer in answers), True)

    mail = Command(Step.MAIL, _mail(letter, offers, going))
    rcpts = [Command(Step.RCPT, _rcpt(letter.recipients[number], offers), number) for number in going]
    heard = yield from _envelope(mail, rcpts, offers.pipelining)
    return (yield from _transfer(letter, offers, answers, heard))


_NEVER = Reply(554, "5.5.0", "no recipient")  # a letter without recipients has no answers to put it in


def _envelope(
    mail: Command, rcpts: list[Command], pipelining: bool
) -> Generator[Group, Sequence[Answer], list[tuple[Command, Answer]]]:
    """Say MAIL, RCPT and DATA, as far as the server goes along; what it answered to each that was said."""
    if pipelining:
        group = (mail, *rcpts, _DATA)
        return list(zip(group, (yield Group(group)), strict=True))
    heard: list[tuple[Command, Answer]] = []
    for command in (mail, *rcpts):
        (answer,) = yield Group((command,))
        heard.append((command, answer))
        if answer.trouble or answer.reply.code == 421 or (command is mail and not answer.reply.positive):
            return heard
    if any(answer.reply.positive for command, answer in heard if command.step is Step.RCPT):
        (answer,) = yield Group((_DATA,))
        heard.append((_DATA, answer))
    return heard


def _transfer(
    letter: Letter, offers: Offers, answers: list[Answer | None], heard: list[tuple[Command, Answer]]
) -> Dialogue:
    """Send the message if a recipient was taken, else leave the connection clean."""
    unasked = tuple(answers)
    if (strange := _misplaced(heard)) is not None:
        return _distrusted(unasked, strange)
    mail = heard[0][1]
    data = heard[-1][1] if heard[-1][1].step is Step.DATA else None
    accepted = []
    last = mail
    for command, answer in heard[1:]:
        if command.recipient is not None:
            last = answer
            if answer.reply.positive and mail.reply.positive:
                accepted.append(command.recipient)
            else:
                answers[command.recipient] = mail if not mail.reply.positive else answer

    clean = not any(answer.trouble or answer.reply.code == 421 for _, answer in heard)
    notes: tuple[str, ...] = ()
    begun = data is not None and 300 <= data.reply.code < 400
    if accepted and data is not None and begun:
        size = len(letter.content)
        group = Group((Command(Step.MESSAGE, f"<message of {size} octets>"),), letter.content)
        (answer,) = yield group
        # A reply that came before the whole content went out leaves the rest of it to be read as commands.
        clean = clean and not answer.trouble and answer.reply.code != 421
        if letter.eight_bit and not offers.eight_bit:
            notes = (NO_EIGHT_BIT,)
    else:
        answer = data or last
        if answer.reply.positive and not answer.trouble:  # a 250 to DATA is neither yes nor no
            answer = Answer(Step.DATA, answer.reply, Trouble.GARBLED) if data is not None else answer
            clean = clean and begun
        if clean and (begun or mail.reply.positive):  # a refused MAIL began nothing that must be undone
            (reset,) = yield _LONE_DOT if begun else _RSET
            if not begun and not reset.trouble and reset.reply.code // 100 == 3:  # it was meant for DATA
                return _distrusted(unasked, reset)
            clean = not reset.trouble and (reset.reply.positive or (begun and reset.reply.code != 421))
    # Recipients that were never asked about share the answer that ended the dialogue.
    return Result(tuple(each or answer for each in answers), clean, notes)


def _misplaced(heard: Sequence[tuple[Command, Answer]]) -> Answer | None:
    """An answer that only another command can have: a go-ahead to MAIL or RCPT, a plain yes to DATA.

    None once the server has said goodbye, which says all there is to know.
    """
    for command, answer in heard:
        if answer.trouble or answer.reply.code == 421:
            return None
        if answer.reply.code // 100 == (2 if command.step is Step.DATA else 3):
            return answer
    return None


def _distrusted(unasked: Sequence[Answer | None], strange: Answer) -> Result:
    """The server is out of step: whom its refusals were meant for, nobody knows."""
    answer = strange._replace(trouble=Trouble.GARBLED)
    return Result(tuple(each or answer for each in unasked), False)


def _refusal(letter: Letter, offers: Offers) -> Reply | None:
    """Why this letter cannot go to this server at all."""
    size = len(letter.content)
    if offers.size and size > offers.size:
        return Reply(552, "5.3.4", f"the message has {size} octets; the next hop takes at most {offers.size}")
    if not offers.utf8 and not wire_address(letter.envelope.reverse_path).isascii():
        return Reply(553, "5.6.7", "the sender's address needs SMTPUTF8, which the next hop does not offer")
    if not offers.utf8 and letter.utf8_header:
        return Reply(554, "5.6.7", "a header field needs SMTPUTF8, which the next hop does not offer")
    if unsafe(letter.envelope.reverse_path):
        return Reply(553, "5.1.7", "the sender's address has control characters")
    return flaw(letter)


def _lacking(recipient: Recipient, offers: Offers) -> Answer | None:
    """Why this recipient cannot even be named to this server."""
    if not offers.utf8 and not wire_address(recipient.address).isascii():
        reply = Reply(553, "5.6.7", "the address needs SMTPUTF8, which the next hop does not offer")
        return Answer(Step.RCPT, reply, Trouble.OURS)
    if unsafe(recipient.address):
        return Answer(Step.RCPT, Reply(553, "5.1.3", "the address has control characters"), Trouble.OURS)
    return None


def _mail(letter: Letter, offers: Offers, going: list[int]) -> str:
    envelope = letter.envelope
    sender = wire_address(envelope.reverse_path)
    line = f"MAIL FROM:<{sender}>"
    if offers.size is not None:
        line += f" SIZE={len(letter.content)}"
    if offers.eight_bit and letter.eight_bit:
        line += " BODY=8BITMIME"
    if offers.utf8 and (
        not sender.isascii()
        or letter.utf8_header
        or not all(wire_address(letter.recipients[number].address).isascii() for number in going)
    ):
        line += " SMTPUTF8"
    if offers.dsn:
        if envelope.ret is Ret.FULL:
            line += " RET=FULL"
        if envelope.envid:
            line += f" ENVID={xtext(envelope.envid)}"
    return line


def _rcpt(recipient: Recipient, offers: Offers) -> str:
    line = f"RCPT TO:<{wire_address(recipient.address)}>"
    if offers.dsn:
        if recipient.notify != _USUAL:
            wishes = [
                str(each.name) for each in (Notify.SUCCESS, Notify.FAILURE, Notify.DELAY) if each in recipient.notify
            ]
            line += f" NOTIFY={','.join(wishes) or 'NEVER'}"
        kind, found, address = (recipient.original or "").partition(";")
        if found and recipient.original and recipient.original.isascii():
            line += f" ORCPT={kind};{xtext(address)}"
    return line
