"""The ready queue of a site: what may go out now, fair among accounts, grouped into transactions.

In:  recipients in flight. Out: jobs, each of recipients that share one content. Pure.

Accounts take turns, a job each; within an account the message that came first goes first. Recipients of one
content that arrive while it waits join it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from relay.model.message import Due

_Key = tuple[int, str, int]  # shard, message, content


@dataclass(frozen=True, slots=True)
class Job:
    """Recipients of one content that go out in one transaction."""

    dues: tuple[Due, ...]  # at least one


class Ready:
    def __init__(self, recipients_per_job: int) -> None:
        self._most = recipients_per_job
        self._accounts: OrderedDict[str, OrderedDict[_Key, list[Due]]] = OrderedDict()
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
        contents = self._accounts.get(message.account)
        if contents is None:
            contents = self._accounts[message.account] = OrderedDict()
        key = (due.shard, message.id, due.content)
        together = contents.get(key)
        if together is None:
            contents[key] = [due]
            self._jobs += 1
        else:
            together.append(due)
        self._count += 1

    def put_back(self, dues: Iterable[Due]) -> None:
        """Take these first when their account's turn comes: their transaction had no room for them."""
        for due in dues:
            self.add(due)
            self._accounts[due.message.account].move_to_end((due.shard, due.message.id, due.content), last=False)

    def take(self) -> Job | None:
        """The next job, if any."""
        if not self._accounts:
            return None
        account, contents = next(iter(self._accounts.items()))
        key, together = next(iter(contents.items()))
        if len(together) > self._most:
            dues = tuple(together[: self._most])
            del together[: self._most]
        else:
            dues = tuple(together)
            del contents[key]
            self._jobs -= 1
        if contents:
            self._accounts.move_to_end(account)
        else:
            del self._accounts[account]
        self._count -= len(dues)
        return Job(dues)

    def empty(self) -> list[Due]:
        """Take all that waits."""
        dues = [due for contents in self._accounts.values() for together in contents.values() for due in together]
        self._accounts.clear()
        self._count = self._jobs = 0
        return dues
