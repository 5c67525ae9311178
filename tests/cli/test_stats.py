"""`relay stats`, as it is printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.report.stage import event, new_ids, reporter, shard
from tests.store.mail import NOON


async def test_a_line_has_counts_and_their_shares(tmp_path: Path, capsys: Any) -> None:
    from relay.cli.app import app
    from relay.model.clock import iso

    message = new_ids().new()
    ann: dict[str, Any] = {"to": "ann@example.net", "tags": ["news"]}
    async with shard(tmp_path) as queue:
        await queue.record(
            [
                event("received", message, to=["ann@example.net"] * 1, tags=["news"]),
                *(event("delivered", message, NOON, number, **ann) for number in range(1, 9)),
                event("failed", message, NOON, 9, **ann),
                event("failed", message, NOON, 10, **ann),
                event("opened", message, NOON, 1, **ann),
                event("opened", message, NOON, 1, **ann),
                event("complained", message, NOON, 2, **ann),
                event("received", message, to=["ann@example.net"], tags=["tried"], test=True),
            ]
        )
        with reporter(tmp_path) as one:
            one.turn()
    settings = tmp_path / "relay.yaml"
    settings.write_text(f"hostname: r.example\ndata: {tmp_path}\nlisteners: [{{name: a, port: 0}}]\n")
    (tmp_path / "registry.db").touch()
    common = ["stats", "--config", str(settings), "--since", iso(NOON)]
    app([*common, "--by", "tag", "--per", "hour"], standalone_mode=False)
    heading, line = capsys.readouterr().out.splitlines()
    assert heading.split() == [
        *("time", "account", "tag", "received", "delivered", "failed", "bounced"),
        *("complained", "opened", "clicked", "unsubscribed"),
    ]
    at = iso(NOON // 3600 * 3600)[:16] + "Z"
    assert line.split("  ") and line.split() == [
        *(at, "demo", "news", "1", "8", "(80%)", "2", "(20%)", "0", "1", "(12.5%)", "1", "(12.5%)", "0", "0")
    ]
    app([*common, "--json"], standalone_mode=False)
    (told,) = json.loads(capsys.readouterr().out)
    assert told["counts"] == {"received": 1, "delivered": 8, "failed": 2, "opened": 2, "complained": 1}
    assert (told["account"], told["start"], told["rates"]["failed"]) == ("demo", None, 0.2)
    app([*common, "--by", "domain", "--account", "nobody"], standalone_mode=False)
    assert len(capsys.readouterr().out.splitlines()) == 1
    app([*common, "--by", "tag", "--name", "tried"], standalone_mode=False)
    assert "--test shows them" in capsys.readouterr().err
