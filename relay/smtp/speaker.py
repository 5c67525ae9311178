"""A connection to a server, driven group by group: our protocol under a dialogue.

In:  groups of commands. Out: one answer for each command, whatever happens to the connection.

The whole group goes out in one write; large contents in blocks, as fast as the peer takes them. One timer serves
the whole life of a connection: it looks whether the wait in force has run out, and is set anew only when a
wait would end sooner, so that a message costs no timer of its own.

Why so: a write buffer limit of one octet makes the transport say at once when something could not be handed to
the kernel (with a limit of zero, asyncio's TLS pauses on an empty buffer). That tells apart a connection lost
inside the content (the peer cannot have the message) and one lost after the final dot (it may: RFC 1047).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from relay.model.reply import Reply
from relay.smtp.dialogue import Answer, Command, Exchange, Group, Step, Timeouts, Trouble
from relay.smtp.letter import blocks
from relay.smtp.replies import ReplyReader


class Speaker(asyncio.Protocol):
    """Takes a connected transport over; speaks until it is closed."""

    def __init__(self, transport: asyncio.Transport, timeouts: Timeouts) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._timeouts = timeouts
        self._reader = ReplyReader()
        self._expected: tuple[Command, ...] = ()
        self._answers: list[Answer] = []
        self._wanted = 0  # answers the present group has; what is expected beyond them is for the one behind it
        self._behind: Group | None = None  # went out behind the last content; the next exchange is about it
        self._early = False  # the present group is one that had gone out behind a content
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rings = 0.0  # when it does; uvloop's handle has no `when` where that has passed already
        self._expires = 0.0
        self._paused = False
        self._trouble = Trouble.NONE  # once set, the connection is of no more use
        self._why = ""
        self._closing = False
        self.handed_over = False  # the last group was a message, and the peer has had it up to its final dot
        self.gone: Callable[[], None] | None = None  # called once when the connection ends or speaks unasked
        transport.set_write_buffer_limits(high=1, low=0)
        transport.set_protocol(self)

    @property
    def usable(self) -> bool:
        return not self._trouble and not self._closing and not self._transport.is_closing()

    async def exchange(self, group: Group, record: Exchange, behind: Group | None = None) -> list[Answer]:
        """Send a group and wait for its answers; those that never come are told as what went wrong.

        `record` takes what was said. `behind` goes out right behind a content; its answers are waited for when it is
        the `group` of the next call. Cancelled in the middle, the connection must be aborted by its owner.
        """
        commands = group.commands
        self._wanted = len(commands)
        self.handed_over = False
        self._early = group is self._behind
        if self._early:
            self._behind, whole = None, True
        else:
            if self._behind is not None:
                self._fail(Trouble.LOST, "the envelope that went ahead is not followed by its message")
            whole = await self._say(group, behind)
        while not self._trouble and len(self._answers) < self._wanted:
            await self._wait(self._patience())
        answers, self._answers = self._answers[: self._wanted], self._answers[self._wanted :]
        self._expected = self._expected[self._wanted :]
        for command in commands[len(answers) :]:
            answers.append(self._lost(command.step, whole))
        if not whole:  # the rest of the content would be taken for commands
            early = "the server answered before it had the whole message"
            self._fail(Trouble.LOST, early)
            if answers[0].reply.positive:  # it cannot have taken what it has not had
                answers[0] = Answer(Step.MESSAGE, Reply(421, "4.4.2", f"{early}: {answers[0].reply}"), Trouble.HALF)
        record += zip(commands, answers, strict=True)
        return answers

    async def _say(self, group: Group, behind: Group | None) -> bool:
        """Write the group; False if it has a content that was not handed over whole."""
        self._answers = []
        self._expected, self._behind = group.commands, behind
        if not self._trouble and not self.usable:
            self._fail(Trouble.LOST, "the connection is closed")
        if self._trouble:
            return group.content is None  # a content that is not begun is not handed over
        if group.content is None:
            self._transport.write(group.octets())
            return True
        octets = b""
        if behind is not None:
            self._expected += behind.commands
            octets = behind.octets()
        self.handed_over = await self._content(group.content, octets)
        return self.handed_over

    def _patience(self) -> float:
        """Seconds for the next answer."""
        seconds = self._timeouts.of(self._expected[len(self._answers)].step)
        return min(seconds, self._timeouts.ahead) if self._early else seconds

    async def _content(self, content: bytes, behind: bytes) -> bool:
        """Hand the content over, and what goes behind it; False if the peer answered or went before it had all."""
        first = True
        for block in blocks(content, behind):
            if not first:
                await asyncio.sleep(0)  # a fast peer must not keep the loop from everybody else
            if self._trouble or self._answers:
                return False
            self._transport.write(block)
            if self._transport.is_closing():  # the write failed; connection_lost tells why in a moment
                return False
            while self._paused and not self._trouble and not self._answers:
                await self._wait(self._timeouts.block)
            first = False
        # What has not gone out yet may be nothing but the envelope behind the message.
        return not self._paused or (bool(behind) and self._transport.get_write_buffer_size() <= len(behind))

    async def _wait(self, seconds: float) -> None:
        """Until the answers are there, the peer takes what was written, or the connection is of no more use."""
        self._arm(seconds)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _arm(self, seconds: float) -> None:
        self._expires = self._loop.time() + seconds
        if self._timer is None or self._rings > self._expires:
            if self._timer is not None:
                self._timer.cancel()
            self._ring()

    def _ring(self) -> None:
        self._rings = self._expires
        self._timer = self._loop.call_at(self._rings, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._waiter is None and not self._closing:
            return  # idle: the pool keeps that time
        if self._loop.time() < self._expires:
            self._ring()
        elif self._closing:
            self._transport.abort()
        else:
            self._fail(Trouble.SILENT, "no reply within the time limit")
            self._transport.abort()

    def _fail(self, trouble: Trouble, why: str) -> None:
        if not self._trouble:
            self._trouble, self._why = trouble, why
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _lost(self, step: Step, whole: bool) -> Answer:
        trouble = self._trouble
        if step is Step.MESSAGE and not whole and trouble is not Trouble.GARBLED:
            trouble = Trouble.HALF
        where = {Step.MESSAGE: "the final dot" if whole else "a part of the message"}.get(step, step.value.upper())
        return Answer(step, Reply(421, "4.4.2", f"{self._why}, after {where}"), trouble)

    # What the transport calls.

    def data_received(self, data: bytes) -> None:
        if self._closing:  # the reply to QUIT
            self._transport.close()
            return
        replies = self._reader.feed(data)
        for reply in replies:
            if len(self._answers) == len(self._expected):  # a farewell, or a server out of step: no more of it
                said = str(reply).replace("\n", " ")
                why = f"the server closed with {said}" if reply.code == 421 else f"it said unasked: {said}"
                self._end(Trouble.LOST, why)
                return
            self._answers.append(Answer(self._expected[len(self._answers)].step, reply))
        if self._reader.garbled:
            self._end(Trouble.GARBLED, self._reader.garbled)
        elif self._reader.partial and len(self._answers) == len(self._expected):  # half of what was not asked for
            self._end(Trouble.GARBLED, "the server speaks unasked")
        elif replies and self._waiter is not None:
            if self._paused or len(self._answers) >= self._wanted:
                self._wake()
            else:  # some of a group: the wait for the next one begins anew
                self._arm(self._patience())

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._wake()

    def eof_received(self) -> bool:
        return False  # the transport closes itself

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._fail(Trouble.LOST, f"connection lost ({exc})" if exc else "connection closed by the server")
        self._tell_owner()

    # How it ends.

    def _end(self, trouble: Trouble, why: str) -> None:
        self._fail(trouble, why)
        self._transport.abort()
        self._tell_owner()

    def _tell_owner(self) -> None:
        gone, self.gone = self.gone, None
        if gone is not None:
            gone()

    def quit(self) -> None:
        """Say QUIT and close, within a few seconds; nobody has to wait for it."""
        self.gone = None
        if not self.usable or self._behind is not None:  # after an envelope it would be a line of the message
            self._transport.abort()
            return
        self._closing = True
        self._transport.write(b"QUIT\r\n")
        self._arm(self._timeouts.quit)

    def abort(self) -> None:
        """Close at once."""
        self.gone = None
        self._fail(Trouble.LOST, "connection closed by us")
        self._transport.abort()
