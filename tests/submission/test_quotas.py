"""Quotas: what a message costs, and what becomes of it when there is no room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

import pytest

from relay.limits.interface import Charge, Spent
from relay.model.account import NO_QUOTA, Account, OverQuota, Quota
from relay.model.clock import iso
from relay.model.envelope import Envelope, Recipient
from relay.model.message import State
from relay.model.reply import Refused
from relay.report.holds import OVER_QUOTA
from relay.submission.quotas import cost, delay, refusal
from tests.limits.local import LocalLimits
from tests.submission.accounts import APP, AT
from tests.submission.house import PLAIN, Broken, House, submission

HOUR, DAY = 3600.0, 86_400.0


@dataclass
class Asked(LocalLimits):
    """Real limits that remember what they were asked."""

    calls: list[tuple[tuple[Charge, ...], bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(1, lambda: AT)

    async def spend(self, charges: Sequence[Charge], *, force: bool = False) -> Spent | None:
        self.calls.append((tuple(charges), force))
        return await super().spend(charges, force=force)


@pytest.fixture
def limits(house: House) -> Asked:
    limits = Asked()
    house.limits = limits
    return limits


def account_quota(house: House, **quota: Any) -> None:
    house.registry.update_account(replace(house.registry.account("demo"), quota=Quota(**quota)))


async def refusal_of(house: House, *to: str) -> str:
    with pytest.raises(Refused) as caught:
        await house.intake().take(submission(PLAIN, *to))
    return str(caught.value.reply)


def test_every_kind_of_quota_is_charged_under_its_own_name() -> None:
    envelope = Envelope(
        reverse_path="",
        recipients=tuple(Recipient(address=each) for each in ("a@x.example", "b@x.example", "c@y.example")),
    )
    credential = replace(
        APP,
        quota=Quota(messages_hour=1, recipients_day=2, bytes_hour=3, bytes_day=4, domains_hour=5, domains_day=6),
    )
    account = Account(name="demo", created=AT, quota=Quota(messages_day=7, over=OverQuota.DELAY))
    found = cost(credential, account, envelope, 999)
    assert found is not None
    domains = ("x.example", "y.example")
    assert found.strict == (
        Charge("credential app messages 3600", HOUR, 1, 1),
        Charge("credential app recipients 86400", DAY, 2, 3),
        Charge("credential app bytes 3600", HOUR, 3, 999),
        Charge("credential app bytes 86400", DAY, 4, 999),
        Charge("credential app domains 3600", HOUR, 5, 0, domains),
        Charge("credential app domains 86400", DAY, 6, 0, domains),
    )
    assert found.patient == (Charge("account demo messages 86400", DAY, 7, 1),)
    assert cost(replace(credential, quota=NO_QUOTA), replace(account, quota=NO_QUOTA), envelope, 999) is None


def test_a_reply_names_the_quota_its_limit_and_when_there_is_room() -> None:
    charge = Charge("credential my app domains 86400", DAY, 10, 0, ("x.example",))
    refused = refusal(Spent(charge, 9, AT))
    assert str(refused.reply) == (
        f"452 4.7.1 over the quota of credential my app: 10 new recipient domains a day (9 used); "
        f"there is room at {iso(AT)}"
    )
    never = refusal(Spent(Charge("account demo bytes 3600", HOUR, 10, 11), 0, inf))
    assert str(never.reply) == (
        "550 5.7.1 the message alone is over the quota of account demo: 10 bytes an hour (0 used)"
    )
    assert delay(Spent(charge, 9, AT)).endswith(f"; it is sent from {iso(AT)} on")
    assert delay(Spent(charge, 9, AT)).startswith(OVER_QUOTA)  # by which `relay explain` knows it


async def test_without_a_quota_nobody_is_asked(house: House, limits: Asked) -> None:
    await house.intake().take(submission())
    assert limits.calls == []


async def test_over_quota_is_refused_until_there_is_room(house: House, limits: Asked) -> None:
    house.credential(quota=Quota(messages_hour=2))
    for _ in range(2):
        await house.intake().take(submission())
    reply = await refusal_of(house)
    assert reply.startswith(
        "452 4.7.1 over the quota of credential app: 2 messages an hour (2 used); there is room at"
    )
    assert [each.name.value for each in house.events()] == ["received", "received", "rejected"]
    assert len(house.room.offered) == 2
    assert all(not force for _, force in limits.calls)


async def test_a_message_no_quota_ever_has_room_for_is_refused_for_good(house: House) -> None:
    house.credential(quota=Quota(recipients_day=2))
    assert (await refusal_of(house, "a@x.example", "b@x.example", "c@x.example")).startswith(
        "550 5.7.1 the message alone is over the quota of credential app: 2 recipients a day"
    )
    assert (await house.intake().take(submission(PLAIN, "a@x.example", "b@x.example"))).recipients == 2


async def test_new_domains_are_counted_and_known_ones_are_free(house: House) -> None:
    house.credential(quota=Quota(domains_hour=1))
    for _ in range(3):
        await house.intake().take(submission(PLAIN, "a@x.example"))
    assert "1 new recipient domains an hour" in await refusal_of(house, "a@y.example")


async def test_the_account_has_a_quota_for_all_its_credentials(house: House) -> None:
    account_quota(house, messages_hour=1)
    await house.intake().take(submission(login=replace(submission().login, credential="testing")))
    assert "over the quota of account demo: 1 messages an hour" in await refusal_of(house)


async def test_over_quota_may_be_sent_later_instead(house: House, limits: Asked) -> None:
    house.credential(quota=Quota(messages_hour=1, over=OverQuota.DELAY))
    await house.intake().take(submission())
    taken = await house.intake().take(submission())
    [warning] = taken.warnings
    assert warning.startswith("over the quota of credential app: 1 messages an hour (1 used); it is sent from ")
    message, [recipient] = house.kept(taken.id)
    due = recipient.next_attempt
    assert due is not None and AT < due <= AT + HOUR + 120
    assert recipient.state is State.QUEUED
    assert message.resolved.warnings == taken.warnings
    assert message.deadline == due + 432_000.0
    assert [each.name.value for each in house.events() if each.message == taken.id] == ["received", "scheduled"]
    assert [force for _, force in limits.calls] == [False, False, True]


async def test_what_could_not_be_sent_in_time_is_refused_and_uses_up_nothing(house: House, limits: Asked) -> None:
    house.credential(quota=Quota(messages_day=1, over=OverQuota.DELAY))
    octets = f"X-SMTPeter-MaxDeliverTime: {AT + 60:.0f}\r\n".encode() + PLAIN
    await house.intake().take(submission(octets))
    with pytest.raises(Refused, match="over the quota of credential app: 1 messages a day"):
        await house.intake().take(submission(octets))
    assert [force for _, force in limits.calls] == [False, False]


async def test_a_strict_quota_is_asked_before_a_patient_one_is_used_up(house: House, limits: Asked) -> None:
    house.credential(quota=Quota(messages_hour=1, over=OverQuota.DELAY))
    account_quota(house, messages_hour=1)
    await house.intake().take(submission())
    calls = len(limits.calls)
    assert (await refusal_of(house)).startswith("452 4.7.1 over the quota of account demo")
    assert len(limits.calls) == calls + 1


async def test_a_replay_costs_nothing_and_a_refusal_gives_the_key_back(house: House, limits: Asked) -> None:
    house.credential(quota=Quota(messages_hour=1))
    octets = b"X-SMTPeter-IdempotencyKey: %b\r\n" + PLAIN
    first = await house.intake().take(submission(octets % b"a"))
    assert (await house.intake().take(submission(octets % b"a"))).id == first.id
    assert len(limits.calls) == 1
    with pytest.raises(Refused, match="over the quota"):
        await house.intake().take(submission(octets % b"b"))
    house.credential(quota=NO_QUOTA)
    assert (await house.intake().take(submission(octets % b"b"))).id != first.id


async def test_a_store_that_fails_is_told_as_such_whatever_the_quota(house: House) -> None:
    house.credential(quota=Quota(messages_hour=5))
    house.queue.__class__ = Broken
    with pytest.raises(Exception, match="no room"):
        await house.intake().take(submission())
    assert house.room.reserved == 0
