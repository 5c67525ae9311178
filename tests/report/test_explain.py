"""Where a message is and why, told from what lies on disk."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relay.limits.interface import Kind, Mark
from relay.model.clock import iso
from relay.model.message import Message, Settlement, State
from relay.model.options import Options, Resolved, Window
from relay.model.order import Act, Order, Selection
from relay.model.suppression import Suppression
from relay.report import log
from relay.report.explain import explain
from relay.report.holds import Case, Situation, holds
from relay.report.text import explanation_text
from relay.store.interface import NotFound, RecipientState
from relay.store.running import AlreadyRunning, Running, running
from relay.store.sqlite import open_registry, open_suppressions
from tests.report.stage import clock, event, new_ids, reporter, shard
from tests.store.mail import NOON, in_flight, mail

TALK = ["S: 220 mx.example.net", "C: MAIL FROM:<me@example.com>", "S: 451 4.7.1 later"]


async def _deferred_message(data: Path) -> str:
    """Two recipients: the first deferred once, the second delivered."""
    resolved = Resolved(
        options=Options(tags=("news",)), sources={"tags": "header X-SMTPeter-Tags"}, warnings=("no Date",)
    )
    ident = new_ids().new()
    new = mail(
        "ann@example.net",
        "bob@example.org",
        ident=ident,
        state=State.FLIGHT,
        resolved=resolved,
        peer="192.0.2.9:50000",
        sandbox=False,
    )
    async with shard(data) as queue:
        await queue.add(new)
        ann, bob = in_flight(new, shard=0)
        way = {
            "egress": "default",
            "site": "mx.example.net",
            "host": "mx.example.net",
            "address": "192.0.2.1",
            "port": 25,
        }
        await queue.settle(
            [
                Settlement(
                    due=ann,
                    state=State.QUEUED,
                    attempts=1,
                    next_attempt=NOON + 300,
                    reply="451 4.7.1 later",
                    events=(
                        event(
                            "deferred",
                            ident,
                            NOON + 1,
                            1,
                            to="ann@example.net",
                            reply="451 4.7.1 later",
                            next=NOON + 300,
                            conversation=TALK,
                            **way,
                        ),
                    ),
                ),
                Settlement(
                    due=bob,
                    state=State.DELIVERED,
                    attempts=1,
                    reply="250 2.0.0 ok",
                    events=(event("delivered", ident, NOON + 2, 2, to="bob@example.org", reply="250 2.0.0 ok"),),
                ),
            ]
        )
    return ident


async def test_a_deferred_recipient_is_explained_with_its_conversation_and_next_attempt(tmp_path: Path) -> None:
    ident = await _deferred_message(tmp_path)
    found = explain(tmp_path, ident, clock)
    assert (found.account, found.sender, found.peer) == ("demo", "me@example.com", "192.0.2.9:50000")
    assert found.options == {"tags": {"value": ["news"], "set_by": "header X-SMTPeter-Tags"}}
    assert found.warnings == ("no Date",)
    ann, bob = found.recipients
    assert (ann.id, ann.state, ann.attempts, ann.next_attempt) == (f"{ident}-1", "queued", 1, NOON + 300)
    assert ann.route["site"] == "mx.example.net"
    assert ann.steps[0].conversation == tuple(TALK)
    assert ann.holds == (
        "no relay runs on this data",
        "deferred until 2026-01-01T12:05:00.000Z after: 451 4.7.1 later",
    )
    assert (bob.state, bob.holds, bob.reply) == ("delivered", (), "250 2.0.0 ok")
    json.dumps(found.as_dict())


async def test_one_recipient_alone_can_be_asked_for(tmp_path: Path) -> None:
    ident = await _deferred_message(tmp_path)
    assert [each.address for each in explain(tmp_path, f"{ident}-2", clock).recipients] == ["bob@example.org"]
    with pytest.raises(NotFound, match="no recipient 3"):
        explain(tmp_path, f"{ident}-3", clock)


async def test_a_paused_site_and_a_dead_host_are_named_as_what_holds_it(tmp_path: Path) -> None:
    ident = await _deferred_message(tmp_path)
    until = NOON + 600
    marks = [
        ["paused-site", "mx.example.net", until, "rate: 421 4.7.28 slow down"],
        ["dead-host", "192.0.2.1:25", until, "connection refused"],
        ["dead-host", "192.0.2.7:25", until, "another one"],
        ["dead-host", "192.0.2.1:9", until, "another port of it"],
    ]
    (tmp_path / "limits.json").write_text(json.dumps(marks))
    holds = explain(tmp_path, ident, clock).recipients[0].holds
    assert [each for each in holds if "paused" in each] == [
        "its site mx.example.net is paused until 2026-01-01T12:10:00.000Z: rate: 421 4.7.28 slow down"
    ]
    assert [each for each in holds if "left alone" in each] == [
        "host 192.0.2.1:25 is left alone until 2026-01-01T12:10:00.000Z: connection refused"
    ]


async def test_while_a_relay_runs_nothing_is_said_of_its_absence(tmp_path: Path) -> None:
    ident = await _deferred_message(tmp_path)
    # A lock of our own process does not count as another's, so a child takes it.
    code = (
        "import sys,pathlib;from relay.store.running import Running\n"
        f"with Running(pathlib.Path({str(tmp_path)!r})): print('on', flush=True); sys.stdin.read()"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"on\n"
    assert running(tmp_path) == child.pid
    assert not any("no relay" in each for each in explain(tmp_path, ident, clock).recipients[0].holds)
    with pytest.raises(AlreadyRunning, match=str(child.pid)), Running(tmp_path):
        pass
    await child.communicate(b"")
    assert running(tmp_path) is None


async def test_what_was_pruned_is_told_from_the_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "write", lambda *_, **__: None)
    ident = new_ids().new()
    async with shard(tmp_path) as queue:
        await queue.record(
            [
                replace(
                    event("received", ident, NOON, None, size=1234, **{"from": "me@example.com"}), credential="app"
                ),
                event("delivered", ident, NOON + 1, 1, to="ann@example.net", reply="250 ok", attempt=1),
            ]
        )
        with reporter(tmp_path) as one:
            one.turn()
    found = explain(tmp_path, ident, clock)
    assert not found.kept
    assert (found.account, found.size, found.credential) == ("demo", 1234, "app")
    (ann,) = found.recipients
    assert (ann.address, ann.state, ann.attempts, ann.ended) == ("ann@example.net", "delivered", 1, NOON + 1)


def test_what_was_never_here_is_not_found_and_what_is_no_id_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nothing is known"):
        explain(tmp_path, new_ids().new(), clock)
    with pytest.raises(ValueError, match="not an id"):
        explain(tmp_path, "../../etc/passwd", clock)


async def test_the_text_shows_every_step_and_lets_no_peer_speak_to_the_terminal(tmp_path: Path) -> None:
    ident = await _deferred_message(tmp_path)
    async with shard(tmp_path) as queue:
        await queue.record([event("attempted", ident, NOON + 3, 1, reply="451 \x1b[2Jgone\nnext")])
    text = explanation_text(explain(tmp_path, ident, clock))
    assert "option     tags = news  (set by header X-SMTPeter-Tags)" in text
    assert "    C: MAIL FROM:<me@example.com>" in text
    assert "next     2026-01-01T12:05:00.000Z" in text
    assert "\x1b" not in text
    assert "\\x1b[2Jgone\\nnext" in text


async def test_an_attempt_that_was_the_last_one_has_its_route(tmp_path: Path) -> None:
    ident = new_ids().new()
    async with shard(tmp_path) as queue:
        await queue.add(mail("ann@example.net", ident=ident))
        await queue.record(
            [event("expired", ident, NOON + 1, 1, to="ann@example.net", site="mx", host="mx.example.net")]
        )
    (story,) = explain(tmp_path, ident, clock).recipients
    assert story.route == {"site": "mx", "host": "mx.example.net"}


async def test_the_text_says_options_as_they_are_asked_for(tmp_path: Path) -> None:
    ident = new_ids().new()
    options = Options(send_at=NOON + 60, deliver_within=7200.0, preserve_recipients=False)
    async with shard(tmp_path) as queue:
        await queue.add(mail("ann@example.net", ident=ident, resolved=Resolved(options=options)))
        await queue.record([event("received", ident, NOON, options=options.as_dict(), metadata={"order": "1"})])
    text = explanation_text(explain(tmp_path, ident, clock))
    assert "option     send_at = 2026-01-01T12:01:00.000Z  (" in text
    assert "option     deliver_within = 2h  (" in text
    assert "option     preserve_recipients = no  (" in text
    assert 'options="send_at=2026-01-01T12:01:00.000Z; deliver_within=2h; preserve_recipients=no"' in text
    assert 'metadata="{"order": "1"}"' in text


async def test_a_thousand_recipients_are_named_once_and_not_in_one_line(tmp_path: Path) -> None:
    addresses = [f"u{number}@example.net" for number in range(1000)]
    ident = new_ids().new()
    async with shard(tmp_path) as queue:
        await queue.add(mail(*addresses, ident=ident))
        await queue.record([event("received", ident, NOON, to=addresses)])
    text = explanation_text(explain(tmp_path, ident, clock))
    assert "u19@example.net,... (1000)" in text
    assert max(map(len, text.split("\n"))) < 500
    assert text.count("<u999@example.net>") == 1


def test_marks_of_another_egress_hold_nothing_up() -> None:
    waiting = RecipientState(
        number=1,
        address="ann@example.net",
        state=State.QUEUED,
        attempts=1,
        next_attempt=0.0,
        reply="",
        ended=None,
        content=0,
    )
    marks = (
        Mark(Kind.PAUSED_SITE, "two/mx.example.net", 9.0, "rate"),
        Mark(Kind.DEAD_HOST, "two/192.0.2.1:25", 9.0, "silence"),
    )
    way = {"site": "mx.example.net", "address": "192.0.2.1", "port": "25"}
    situation = Situation(now=1.0, marks=marks, running=True)
    assert list(holds(waiting, way | {"egress": "default"}, situation)) == ["due: waits for its turn"]
    assert list(holds(waiting, way | {"egress": "two"}, situation))[1:] == [
        "its site two/mx.example.net is paused until 1970-01-01T00:00:09.000Z: rate",
        "host two/192.0.2.1:25 is left alone until 1970-01-01T00:00:09.000Z: silence",
    ]


NOON_CASE = RecipientState(
    number=1,
    address="ann@example.net",
    state=State.QUEUED,
    attempts=0,
    next_attempt=NOON + 60,
    reply="",
    ended=None,
    content=0,
)


def told(recipient: RecipientState = NOON_CASE, **case: Any) -> list[str]:
    return list(holds(recipient, {}, Situation(now=NOON, marks=(), running=True), Case(**case)))


def asking(sources: dict[str, str] | None = None, warnings: tuple[str, ...] = (), **options: Any) -> Message:
    return mail(resolved=Resolved(options=Options(**options), sources=sources or {}, warnings=warnings)).message


def test_who_waits_is_told_which_option_or_quota_made_it_wait() -> None:
    at = iso(NOON + 60)
    header = {"send_at": "header X-SMTPeter-SendAt"}
    assert told(message=asking(header, send_at=NOON + 60)) == [
        f"scheduled for {at} by send_at (header X-SMTPeter-SendAt)"
    ]
    over = "over the quota of account shop: 5 messages in an hour; it is sent from then on"
    assert told(message=asking(warnings=("no Date", over))) == [f"scheduled for {at}: {over}"]
    assert told(message=asking()) == [f"scheduled for {at}"]


def test_a_closed_window_is_named_with_the_time_it_opens() -> None:
    nights = Window(days=(0, 1, 2, 3, 4, 5, 6), zone="UTC", start=22 * 3600.0, end=6 * 3600.0)
    due = replace(NOON_CASE, next_attempt=NOON - 1, attempts=1)
    assert told(due, message=asking(send_window=(nights,))) == [
        "due: waits for its turn",
        f"its send window is closed until {iso(NOON + 10 * 3600)}",
    ]
    once = Window(days=(), zone="", start=NOON - 20, end=NOON - 10)
    assert "its send window does not open again before its deadline" in told(due, message=asking(send_window=(once,)))
    always = Window(days=(0, 1, 2, 3, 4, 5, 6), zone="UTC", start=0.0, end=86_400.0)
    assert told(due, message=asking(send_window=(always,))) == ["due: waits for its turn"]


def test_an_order_that_holds_or_returns_mail_is_named_with_who_gave_it_and_why() -> None:
    held = replace(NOON_CASE, state=State.HELD)
    by = event("held", order=7, act="hold", by="ann", reason="wrong prices")
    assert told(held, last=by) == ["held until an operator releases it: order 7 of ann: wrong prices"]
    assert told(held, last=event("held", reason="sandbox: hold")) == [
        "held until an operator releases it: sandbox: hold"
    ]
    failing = event("scheduled", order=8, act="fail", by="ann", next=NOON)
    assert told(last=failing) == ["is being returned to its sender: order 8 of ann"]


async def test_suppressions_and_orders_that_wait_are_looked_up(tmp_path: Path) -> None:
    ident = await _deferred_message(tmp_path)
    with closing(open_suppressions(tmp_path / "suppressions.db")) as listed:
        listed.add([Suppression(account="", address="@example.net", note="all of it", created=NOON)])
    with closing(open_registry(tmp_path / "registry.db")) as registry:
        for selection in (Selection(ids=(ident,)), Selection(domain="example.net"), Selection(domain="example.com")):
            registry.add_order(Order(number=0, at=NOON, who="ann", act=Act.HOLD, selection=selection))
    ann, bob = explain(tmp_path, ident, clock).recipients
    assert ann.holds[2:] == (
        "@example.net is suppressed (hand: all of it): it ends as suppressed at its next attempt",
        "order 1 of ann (hold) is not carried out yet",
        "order 2 of ann (hold) is not carried out yet",
    )
    assert bob.holds == ()
