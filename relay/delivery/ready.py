"""The ready queue of a site: what may go out now, fair among accounts, grouped into transactions.

In:  recipients in flight. Out: jobs, each of recipients that share one content. Pure.

Accounts (`Message.share`) take turns, a job each; within an account the highest priority goes first, and within a
priority the message that came first. Recipients of one content that arrive while it waits join it. A message with a
return path of ours goes to each recipient alone, since the return path names the recipient.

Why so: a low priority waits as long as a higher one of the same account has mail for this site. That is what
priorities are asked for, and it is the account's own mail that it waits for; its deadline ends the waiting.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from relay.model.light import light
from relay.model.message import Due

_Key = tuple[int, str, int, int]  # shard, message, content, recipient's number where it goes alone
_Contents = OrderedDict[_Key, list[Due]]


@light(frozen=True, slots=True)
class Job:
    """Recipients of one content that go out in one transaction."""

    dues: tuple[Due, ...]  # at least one


class Ready:
    def __init__(self, recipients_per_job: int) -> None:
        self._most = recipients_per_job
        self._shares: OrderedDict[str, dict[int, _Contents]] = OrderedDict()  # each by priority
        self._count = 0
        self._jobs = 0

    def __len__(self) -> int:
        """Recipients that wait."""
        return self._count

    @property
    def jobs(self) -> int:
        """Contents that wait; each is one transaction or more."""
        return self._jobs

    def add(self, due: Due) -> None:
        message = due.message
        share, priority = message.share, message.priority
        levels = self._shares.get(share)
        if levels is None:
            levels = self._shares[share] = {}
        contents = levels.get(priority)
        if contents is None:
            contents = levels[priority] = OrderedDict()
        key = _key(due)
        together = contents.get(key)
        if together is None:
            contents[key] = [due]
            self._jobs += 1
        else:
            together.append(due)
        self._count += 1

    def put_back(self, dues: Iterable[Due]) -> None:
        """Take these first of their priority when their account's turn comes: their transaction had no room."""
        for due in dues:
            self.add(due)
            self._shares[due.message.share][due.message.priority].move_to_end(_key(due), last=False)

    def take(self) -> Job | None:
        """The next job, if any."""
        if not self._shares:
            return None
        share, levels = next(iter(self._shares.items()))
        highest = max(levels)
        key, together = next(iter(levels[highest].items()))
        if len(together) > self._most:
            dues = tuple(together[: self._most])
            del together[: self._most]
            self._count -= self._most
        else:
            dues = self._without(share, highest, key)
        if share in self._shares:
            self._shares.move_to_end(share)
        return Job(dues)

    def make_room(self, due: Due) -> list[Due]:
        """Recipients that make way for one of a higher priority: the newest content of its account's lowest one.

        Empty when the account has nothing lower here.
        """
        levels = self._shares.get(due.message.share)
        if levels is None or min(levels) >= due.message.priority:
            return []
        lowest = min(levels)
        return list(self._without(due.message.share, lowest, next(reversed(levels[lowest]))))

    def empty(self) -> list[Due]:
        """Take all that waits."""
        dues = [
            due
            for levels in self._shares.values()
            for contents in levels.values()
            for together in contents.values()
            for due in together
        ]
        self._shares.clear()
        self._count = self._jobs = 0
        return dues

    def _without(self, share: str, priority: int, key: _Key) -> tuple[Due, ...]:
        """Take a content out whole."""
        levels = self._shares[share]
        dues = tuple(levels[priority].pop(key))
        if not levels[priority]:
            del levels[priority]
            if not levels:
                del self._shares[share]
        self._jobs -= 1
        self._count -= len(dues)
        return dues


def _key(due: Due) -> _Key:
    message = due.message
    return due.shard, message.id, due.content, due.number if message.return_host else 0
