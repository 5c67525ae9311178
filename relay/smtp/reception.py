"""Who comes in: the Door is asked, and says yes at once, later, or no.

In:  a connection whose client is known. Out: the greeting, or the refusal that stands in its place.

Why so: most are let in without a wait, and no task is made for them. Under implicit TLS the greeting is written down
beforehand and leaves with the end of the handshake; a refusal waits for it, so that the client can read it.
"""

from __future__ import annotations

from relay.model.reply import Refused, Reply
from relay.smtp.service import Service
from relay.smtp.wire import Wire


class Receiving(Wire):
    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._at_the_door = False  # it was asked

    def opened(self) -> None:
        service = self.service
        try:
            service.admit(self.info.address)
            self._at_the_door = True
            if not service.door.admits(self.info):
                return self.work(self._knock())
        except Exception as error:
            return self.work(self._turn_away(error))
        return self.say(service.greeting)

    async def _knock(self) -> None:
        try:
            await self.service.door.opened(self.info)
        except Exception as error:
            return await self._turn_away(error)
        return self.say(self.service.greeting)

    async def _turn_away(self, error: Exception) -> None:
        if isinstance(error, Refused):
            reply = error.reply
        else:
            self.log_fault(error)
            reply = Reply(421, "4.3.0", f"A fault of ours, please try again (session {self.id})")
        if self.service.implicit_tls:
            if self.service.budget.crowded:
                return self.hang_up()  # a handshake only to say no is more than we can spare
            await self.handshake()
        return self.farewell(reply)

    def closed(self) -> None:
        if self._at_the_door:
            self.service.door.closed(self.info)
