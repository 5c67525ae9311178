"""What every engine must do, continued: the lists beside the registry, suppressions and keys of submissions."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from relay.model.ids import IdSource
from relay.model.suppression import Cause, Suppression
from relay.store.beside import Had, Idempotency, Reservation, Suppressions
from tests.store.mail import NOON, ids

ANN = Suppression(account="demo", address="ann@example.net", cause=Cause.BOUNCE, note="550 größer", created=NOON)


class SuppressionsContract:
    """Tests get `suppressions`, empty, and `others`: a second connection to the same."""

    def test_an_entry_is_found_from_the_moment_it_was_added_until_it_is_removed(
        self, suppressions: Suppressions, others: Suppressions
    ) -> None:
        for each in (suppressions, others):
            assert each.find("demo", "ann@example.net", "", NOON) is None
        assert others.add([ANN]) == 1
        for each in (suppressions, others):
            assert each.find("demo", "Ann@Example.NET", "", NOON) == ANN
            assert each.find("demo", "joann@example.net", "", NOON) is None
        assert suppressions.remove("demo", "ANN@example.net")
        assert not suppressions.remove("demo", "ann@example.net")
        for each in (suppressions, others):
            assert each.find("demo", "ann@example.net", "", NOON) is None

    def test_each_cause_stands_by_itself_and_goes_by_itself(self, suppressions: Suppressions) -> None:
        left = replace(ANN, cause=Cause.UNSUBSCRIBE, note="")
        over = replace(ANN, until=NOON)
        assert suppressions.add([left, ANN]) == 2
        assert suppressions.matching("demo", "ann@example.net", "", NOON) == [ANN, left]
        assert suppressions.add([over]) == 0  # the bounce is over, the wish to get none is not
        assert suppressions.find("demo", "ann@example.net", "", NOON) == left
        assert suppressions.remove("demo", "ann@example.net", cause=Cause.UNSUBSCRIBE)
        assert not suppressions.remove("demo", "ann@example.net", cause=Cause.UNSUBSCRIBE)
        assert suppressions.listing() == [over]
        suppressions.add([left])
        assert suppressions.remove("demo", "ann@example.net")
        assert suppressions.listing() == []

    def test_who_left_one_group_gets_the_mail_of_others(self, suppressions: Suppressions) -> None:
        left = replace(ANN, cause=Cause.UNSUBSCRIBE, group="news")
        suppressions.add([left])
        assert suppressions.matching("demo", "ann@example.net", "bulk", NOON, "news") == [left]
        assert suppressions.matching("demo", "ann@example.net", "bulk", NOON, "offers") == []
        assert suppressions.find("demo", "ann@example.net", "", NOON) is None
        assert suppressions.find("demo", "ann@example.net", "", NOON, "news") == left
        suppressions.add([replace(left, group="")])
        assert suppressions.find("demo", "ann@example.net", "", NOON, "offers") == replace(left, group="")
        assert suppressions.matching("demo", "ann@example.net", "", NOON, "news") == [left, replace(left, group="")]
        assert not suppressions.remove("demo", "ann@example.net", group="offers")
        assert suppressions.remove("demo", "ann@example.net", group="news")
        assert suppressions.listing() == [replace(left, group="")]

    def test_an_entry_takes_the_place_of_one_of_the_same_account_address_and_stream(
        self, suppressions: Suppressions
    ) -> None:
        entries = [
            ANN,
            replace(ANN, stream="bulk"),
            replace(ANN, account=""),
            replace(ANN, address="ANN@example.net", note="new"),
        ]
        assert suppressions.add(entries) == 3
        assert suppressions.add(iter([replace(ANN, note="newer", until=NOON + 1)])) == 0
        assert suppressions.find("demo", "ann@example.net", "", NOON) == replace(ANN, note="newer", until=NOON + 1)
        assert len(suppressions.listing()) == 3

    @pytest.mark.parametrize(
        ("entry", "account", "stream", "found"),
        [
            (ANN, "demo", "bulk", True),
            (ANN, "else", "", False),
            (replace(ANN, account=""), "else", "", True),
            (replace(ANN, stream="bulk"), "demo", "bulk", True),
            (replace(ANN, stream="bulk"), "demo", "transactional", False),
            (replace(ANN, stream="bulk"), "demo", "", False),
            (replace(ANN, address="@example.net"), "demo", "", True),
            (replace(ANN, address="@net"), "demo", "", False),
            (replace(ANN, until=NOON + 1), "demo", "", True),
            (replace(ANN, until=NOON), "demo", "", False),
        ],
    )
    def test_an_entry_holds_for_its_account_stream_and_time(
        self, suppressions: Suppressions, entry: Suppression, account: str, stream: str, found: bool
    ) -> None:
        suppressions.add([entry])
        assert suppressions.find(account, "ann@example.net", stream, NOON) == (entry if found else None)

    def test_what_names_the_address_and_the_account_goes_before_what_holds_for_many(
        self, suppressions: Suppressions
    ) -> None:
        everybody, theirs = replace(ANN, address="@example.net", stream="bulk"), replace(ANN, account="")
        suppressions.add([everybody, theirs])
        assert suppressions.find("demo", "ann@example.net", "bulk", NOON) == theirs
        suppressions.add([ANN])
        assert suppressions.find("demo", "ann@example.net", "bulk", NOON) == ANN
        suppressions.add([replace(ANN, until=NOON)])  # over: the other holds
        assert suppressions.find("demo", "ann@example.net", "bulk", NOON) == theirs
        assert suppressions.find("demo", "bob@example.net", "bulk", NOON) == everybody

    def test_listings_go_page_by_page_and_no_entry_falls_between(self, suppressions: Suppressions) -> None:
        entries = [
            replace(ANN, address=f"u{number}@example.net", account=account, stream=stream)
            for number in range(5)
            for account in ("demo", "else")
            for stream in ("", "bulk")
        ]
        suppressions.add(entries)
        pages: list[Suppression] = []
        while page := suppressions.listing(after=pages[-1].address if pages else "", limit=3):
            assert len(page) == 4
            pages += page
        assert pages == entries
        assert suppressions.listing("demo", limit=2) == entries[:2]
        assert [each.account for each in suppressions.listing("else")] == ["else"] * 10

    def test_a_listing_for_an_address_has_its_domain_too(self, suppressions: Suppressions) -> None:
        domain = replace(ANN, address="@example.net")
        suppressions.add([domain, ANN, replace(ANN, address="bob@example.net")])
        assert suppressions.listing(address="ANN@example.net") == [domain, ANN]
        assert suppressions.listing("else", "ann@example.net") == []

    def test_many_are_put_in_at_once(self, suppressions: Suppressions, others: Suppressions) -> None:
        many = (replace(ANN, address=f"u{number}@example.net") for number in range(12_000))
        assert suppressions.add(many) == 12_000
        assert others.find("demo", "u11999@example.net", "", NOON) is not None


def wanted(ident: str = "", **fields: object) -> Reservation:
    return replace(
        Reservation(id=ident or ids.new(), recipients=2, envelope="digest", at=NOON, kept=False),
        **fields,  # type: ignore[arg-type]
    )


class IdempotencyContract:
    """Tests get `keys`, empty, and `others`: a second connection to the same."""

    async def test_a_key_stands_for_the_first_submission(self, keys: Idempotency, others: Idempotency) -> None:
        first = wanted()
        assert await keys.reserve("app", "k", first) is None
        assert await others.reserve("app", "k", wanted()) == first
        await keys.keep("app", "k")
        assert await others.reserve("app", "k", wanted()) == replace(first, kept=True)
        assert await keys.reserve("app", "K", wanted()) is None  # keys are compared as they are
        assert await keys.reserve("web", "k", wanted()) is None  # and belong to their credential

    async def test_of_many_that_ask_at_once_one_gets_the_key(self, keys: Idempotency, others: Idempotency) -> None:
        asked = [wanted() for _ in range(40)]
        answers = await asyncio.gather(
            *((keys, others)[number % 2].reserve("app", "k", each) for number, each in enumerate(asked))
        )
        (winner,) = [each for each, answer in zip(asked, answers, strict=True) if answer is None]
        assert [answer for answer in answers if answer is not None] == [winner] * 39

    async def test_a_submission_that_asks_again_has_its_key(self, keys: Idempotency) -> None:
        mine = wanted()
        assert await keys.reserve("app", "k", mine) is None
        assert await keys.reserve("app", "k", mine) is None

    async def test_a_released_key_is_free_and_only_its_owner_releases_it(self, keys: Idempotency) -> None:
        first, second = wanted(), wanted()
        await keys.reserve("app", "k", first)
        await keys.release("app", "k", second.id)
        assert await keys.reserve("app", "k", second) == first
        await keys.release("app", "k", first.id)
        assert await keys.reserve("app", "k", second) is None
        await keys.keep("app", "k")
        await keys.release("app", "k", second.id)  # it is on disk: too late
        assert await keys.reserve("app", "k", first) == replace(second, kept=True)

    async def test_what_a_crash_left_open_is_settled_by_what_is_stored(
        self, keys: Idempotency, others: Idempotency
    ) -> None:
        elsewhere = IdSource(8, lambda: NOON)
        stored, lost, theirs, known = wanted(), wanted(), wanted(elsewhere.new()), wanted()
        for key, each in (("stored", stored), ("lost", lost), ("theirs", theirs), ("known", known)):
            await keys.reserve("app", key, each)
        await keys.keep("app", "known")
        asked: list[str] = []

        def is_stored(ident: str) -> bool:
            asked.append(ident)
            return ident == stored.id

        assert await others.resolve(7, is_stored) == 1
        assert set(asked) == {stored.id, lost.id}
        assert await keys.reserve("app", "stored", wanted()) == replace(stored, kept=True)
        assert await keys.reserve("app", "lost", wanted()) is None
        assert await keys.reserve("app", "theirs", wanted()) == theirs
        assert await others.resolve(9, is_stored) == 0

    async def test_a_campaign_comes_to_an_address_once(self, keys: Idempotency, others: Idempotency) -> None:
        first, second, third = (ids.new() for _ in range(3))
        assert await keys.claim([b"ann", b"bob"], first, NOON) == {}
        assert await keys.claim([b"ann", b"bob"], first, NOON) == {}
        assert await others.claim([b"bob", b"car"], second, NOON) == {b"bob": Had(first, kept=False)}
        await keys.keep_claims(first)
        await others.release_claims(second)
        await others.release_claims(first)  # it is on disk: too late
        had = Had(first, kept=True)
        assert await keys.claim([b"ann", b"bob", b"car"], third, NOON) == {b"ann": had, b"bob": had}

    async def test_claims_that_a_crash_left_open_are_settled_by_what_is_stored(
        self, keys: Idempotency, others: Idempotency
    ) -> None:
        stored, lost, elsewhere = ids.new(), ids.new(), IdSource(8, lambda: NOON).new()
        for name, ident in ((b"ann", stored), (b"bob", lost), (b"car", elsewhere)):
            await keys.claim([name, name + b"2"], ident, NOON)
        asked: list[str] = []

        def is_stored(ident: str) -> bool:
            asked.append(ident)
            return ident == stored

        await others.resolve(7, is_stored)
        assert sorted(asked) == sorted([stored, lost])
        assert await keys.claim([b"ann", b"bob", b"car"], ids.new(), NOON) == {
            b"ann": Had(stored, kept=True),
            b"car": Had(elsewhere, kept=False),
        }

    async def test_who_had_a_campaign_long_ago_is_forgotten(self, keys: Idempotency) -> None:
        ident = ids.new()
        await keys.claim([b"%d" % number for number in range(5000)], ident, NOON)
        await keys.claim([b"late"], ident, NOON + 1)
        assert await keys.prune_claims(NOON + 1) == 5000
        assert await keys.claim([b"1", b"late"], ids.new(), NOON) == {b"late": Had(ident, kept=False)}

    async def test_old_keys_are_forgotten(self, keys: Idempotency) -> None:
        await asyncio.gather(
            *(keys.reserve("app", f"k{number}", wanted(at=NOON + number % 2)) for number in range(5000))
        )
        assert await keys.prune(NOON) == 0
        assert await keys.prune(NOON + 1) == 2500
        assert await keys.reserve("app", "k0", wanted()) is None
        assert await keys.reserve("app", "k1", wanted()) is not None
