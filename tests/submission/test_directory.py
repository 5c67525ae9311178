"""What submission asks of the registry, remembered and forgotten at the right time."""

from __future__ import annotations

import logging
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relay.model.account import Account, Algorithm, DkimKey, KeyState
from relay.store.interface import NotFound
from relay.store.sqlite import SqliteRegistry
from relay.submission import directory as module
from relay.submission.directory import LAG, Directory
from relay.transform.dkim import Signer
from relay.transform.keys import generate
from tests.submission.accounts import AT, furnished


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[SqliteRegistry]:
    registry = furnished(tmp_path)
    yield registry
    registry.close()


def test_what_is_there_and_what_is_not(registry: SqliteRegistry) -> None:
    directory = Directory(registry)
    account, credential, domain = (
        directory.account("demo"),
        directory.credential("aPP"),
        directory.domain("example.com"),
    )
    assert account is not None and account.name == "demo"
    assert credential is not None and credential.username == "App"
    assert domain is not None and domain.account == "demo"
    assert directory.account("none") is None
    assert directory.credential("none") is None
    assert directory.domain("none") is None
    assert directory.signers("none") == ()


def test_names_that_only_fill_the_memory_are_not_kept(registry: SqliteRegistry) -> None:
    directory = Directory(registry)
    directory.credential("app")
    tracemalloc.start()
    try:
        for number in range(100):
            assert directory.credential(f"{number}" + "x" * 9000) is None
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()


def test_a_change_of_the_registry_is_seen_at_once(registry: SqliteRegistry) -> None:
    directory = Directory(registry)
    assert directory.account("late") is None
    assert directory.governing("a.pending.example") is None
    registry.add_account(Account(name="late", created=AT))
    registry.verify_domain("pending.example", AT, "hand (test)")
    assert directory.account("late") is not None
    found = directory.governing("a.pending.example")
    assert found is not None and found.name == "pending.example"


def test_a_worker_sees_a_change_of_the_registry_a_moment_later(registry: SqliteRegistry) -> None:
    now = 100.0
    directory = Directory(registry, LAG, lambda: now)
    assert directory.account("late") is None
    registry.add_account(Account(name="late", created=AT))
    now += LAG - 0.001
    assert directory.account("late") is None
    now += 0.002
    assert directory.account("late") is not None


def test_loaded_keys_outlive_a_change_and_retired_ones_sign_no_more(registry: SqliteRegistry) -> None:
    directory = Directory(registry)
    before = directory.signers("example.com")
    assert [each.algorithm for each in before] == [Algorithm.RSA, Algorithm.ED25519]
    registry.add_account(Account(name="late", created=AT))
    assert directory.signers("example.com")[0] is before[0]
    registry.retire_key("example.com", "r1")
    assert [each.selector for each in directory.signers("example.com")] == ["e1"]


def test_the_newest_usable_key_of_an_algorithm_signs(
    registry: SqliteRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    directory = Directory(registry)
    newer = generate("example.com", "e2", Algorithm.ED25519, AT)
    registry.add_key(newer)
    assert [each.selector for each in directory.signers("example.com")] == ["r1", "e2"]
    registry.add_key(replace(newer, selector="e3", private_pem="nonsense", created=AT + 1))
    with caplog.at_level(logging.ERROR, "relay.submission"):
        assert [each.selector for each in directory.signers("example.com")] == ["r1", "e2"]
    assert "the key e3 of example.com cannot be read" in caplog.text
    assert "nonsense" not in caplog.text


def test_memories_are_bounded(registry: SqliteRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 10)
    directory = Directory(registry)
    for number in range(100):
        assert directory.domain(f"{number}.example") is None
    assert directory.domain("example.com") is not None
    assert len(directory._domains._answers) == 10


def test_a_decision_sees_one_state_of_the_registry(registry: SqliteRegistry) -> None:
    directory = Directory(registry)
    with directory:
        assert directory.account("late") is None
        registry.add_account(Account(name="late", created=AT))
        assert directory.account("late") is None
    assert directory.account("late") is not None


def test_links_begin_at_the_domains_own_host_once_it_leads_here_or_where_they_usually_do(
    registry: SqliteRegistry,
) -> None:
    directory, usual = Directory(registry), "https://clicks.relay.test"
    plain = registry.domain("example.com")
    assert directory.tracking_base("demo", plain, "", usual) == usual
    assert directory.tracking_base("demo", None, "", None) is None
    named = replace(plain, tracking_host="clicks.example.com")
    registry.update_domain(named)
    assert directory.tracking_base("demo", directory.domain("example.com"), "", usual) == usual
    registry.update_domain(replace(named, tracking_verified=AT))
    for https, base in ((False, "http://clicks.example.com"), (True, "https://clicks.example.com")):
        registry.update_domain(replace(named, tracking_verified=AT, tracking_https=https))
        domain = directory.domain("example.com")
        assert directory.tracking_base("demo", domain, "", usual) == base
        assert directory.tracking_base("demo", domain, "", None) == base
        assert directory.tracking_base("other", domain, "", usual) == usual
        assert directory.tracking_base("demo", None, "Clicks.example.com", None) == base
    registry.update_domain(replace(named, tracking_verified=AT, verified=None))
    assert directory.tracking_base("demo", directory.domain("example.com"), "", usual) == usual


def test_a_host_that_a_message_names_is_one_of_its_account(registry: SqliteRegistry) -> None:
    directory = Directory(registry)
    registry.update_domain(
        replace(registry.domain("example.com"), tracking_host="clicks.example.com", tracking_verified=AT)
    )
    for account, host in (("demo", "elsewhere.example.com"), ("other", "clicks.example.com")):
        assert directory.tracking_base(account, None, host, "https://clicks.relay.test") is None


class Turned:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self._now = AT

    def __call__(self) -> float:
        return self._now

    def turn(self, seconds: float) -> None:
        """To so long after AT."""
        self._now = AT + seconds


def _custom(selector: str, domain: str = "example.com", **fields: Any) -> DkimKey:
    return replace(generate(domain, selector, Algorithm.ED25519, AT), custom=True, **fields)


def _names(signers: tuple[Signer, ...]) -> list[str]:
    return [each.selector for each in signers]


def test_keys_an_account_brought_sign_beside_ours(registry: SqliteRegistry) -> None:
    directory = Directory(registry)
    registry.add_key(_custom("theirs"))
    assert _names(directory.signers("example.com")) == ["r1", "e1", "theirs"]


def test_a_key_signs_from_its_start_to_its_end_and_the_clock_alone_changes_that(registry: SqliteRegistry) -> None:
    clock = Turned()
    directory = Directory(registry, clock=clock)
    registry.add_key(_custom("season", start=AT + 10, end=AT + 20))
    registry.add_key(_custom("later", start=AT + 15))
    seen = [
        "+".join(_names(directory.signers("example.com"))[2:])
        for _ in map(clock.turn, (9, 10, 14.9, 15, 19, 20, 1e9))
    ]
    assert seen == ["", "season", "season", "later+season", "later+season", "later", "later"]
    with pytest.raises(NotFound):
        directory.signer("example.com", "season")


def test_keys_are_not_chosen_anew_before_one_of_them_has_its_turn(
    registry: SqliteRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Turned()
    directory = Directory(registry, clock=clock)
    registry.add_key(_custom("later", start=AT + 10))
    asked: list[str | None] = []
    keys = registry.keys

    def counted(domain: str | None = None) -> list[DkimKey]:
        asked.append(domain)
        return keys(domain)

    monkeypatch.setattr(registry, "keys", counted)
    for _ in map(clock.turn, (0, 5, 9, 10, 11, 99)):
        directory.signers("example.com")
    assert len(asked) == 2


def test_a_key_that_always_signs_is_of_a_verified_domain_of_the_account(registry: SqliteRegistry) -> None:
    directory = Directory(registry)
    registry.add_key(_custom("all", always=True))
    registry.add_key(_custom("no", "pending.example", always=True))
    assert _names(directory.always("demo")) == ["all"]
    assert directory.always("other") == ()


def test_a_key_that_waits_for_its_record_does_not_sign(registry: SqliteRegistry) -> None:
    directory = Directory(registry)
    key = replace(generate("example.com", "e9", Algorithm.ED25519, AT + 9), state=KeyState.PENDING)
    registry.add_key(key)
    assert _names(directory.signers("example.com")) == ["r1", "e1"]
    assert registry.pending_keys() == [key]
    registry.update_key(replace(key, state=KeyState.ACTIVE))
    assert _names(directory.signers("example.com")) == ["r1", "e9"]
    assert registry.pending_keys() == []
