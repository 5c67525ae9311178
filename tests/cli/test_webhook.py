"""`relay webhook`: definitions, checks, secrets, keys, what was given up and comes back."""

from __future__ import annotations

import json

import pytest
from standardwebhooks import Webhook as Judge

from relay.model.event import Event, EventName
from relay.report.webhooks.outbox import New, open_outbox
from relay.report.webhooks.payload import pack
from relay.store.sqlite import open_registry
from tests.cli.conftest import CONFIG, Cli
from tests.peers.dns import DnsServer
from tests.peers.hook import receiver
from tests.store.mail import NOON


@pytest.fixture
def shop(cli: Cli) -> Cli:
    """A relay with one account, whose webhooks may lead to loopback."""
    config = cli.home / "config/local.yaml"
    config.write_text(CONFIG + "webhooks: {allow: [127.0.0.0/8], timeout: 5s}\n")
    cli("init", "--bare")
    cli("account", "add", "shop")
    return cli


def audited(cli: Cli) -> list[str]:
    registry = open_registry(cli.home / "var/registry.db")
    try:
        return [each["act"] for each in registry.audits(50)]
    finally:
        registry.close()


def test_a_webhook_is_added_checked_and_signed_with_the_secret_that_is_shown_once(shop: Cli) -> None:
    with receiver() as there:
        added = shop.json("webhook", "add", there.url("/x?y=1"), "--events", "delivered,bounce")
        ((path, headers, body),) = there.got
        assert path == "/x?y=1"
        assert Judge(added["secret"]).verify(body, headers)["type"] == "webhook.test"
        assert added["checked"]
        assert added["events"] == ["bounced", "delivered", "replied"]
        for words in (("list",), ("show", added["id"])):
            assert added["secret"] not in json.dumps(shop.json("webhook", *words))
        assert shop.json("webhook", "list")[0]["state"] == "ok"
        assert audited(shop)[:2] == ["webhook check", "webhook add"]


def test_nothing_is_used_that_did_not_pass_its_check_unless_somebody_vouches(shop: Cli) -> None:
    with receiver() as there:
        there.status = 500
        added = shop.json("webhook", "add", there.url())
        assert added["checked"] is None
        assert "500" in added["found"]
        assert shop.json("webhook", "list")[0]["state"] == "not checked"
        assert "not with 2xx" in shop("webhook", "check", code=1)
        there.status = 201
        assert shop.json("webhook", "check")[0]["passed"]
        there.status = 500
        trusted = shop.json("webhook", "add", there.url("/b"), "--trust")
        assert trusted["checked"]


def test_smtpeter_asks_for_a_file_at_the_root_or_in_the_folder_of_the_script(shop: Cli) -> None:
    with receiver() as there:
        words = ("webhook", "add", there.url("/app/hook.php"), "--shape", "smtpeter", "--format", "form")
        shop(*words, "--events", "bounce,failure")
        notes = shop.errors
        (hook,) = shop.json("webhook", "list")
        assert hook["signature"] == "smtpeter"
        token = hook["check_file"].removeprefix("smtpeter-").removesuffix(".txt")
        assert f"Put a file {hook['check_file']} there that says {token}" in notes
        there.files[f"/{hook['check_file']}"] = b"something else"
        assert "does not say" in shop("webhook", "check", hook["id"], code=1)
        there.files = {f"/app/{hook['check_file']}": token.encode() + b"\n"}
        assert "is there" in shop("webhook", "check", hook["id"])
        there.files = {f"/{hook['check_file']}": token.encode()}
        assert "is there" in shop("webhook", "check", hook["id"])
        assert not there.got


def test_a_test_event_is_sent_at_once_and_its_answer_shown(shop: Cli) -> None:
    with receiver() as there:
        ours = shop.json("webhook", "add", there.url())
        theirs = shop.json("webhook", "add", there.url(), "--shape", "smtpeter", "--trust", "--events", "all")
        assert shop.json("webhook", "test", ours["id"], "--event", "clicked")["status"] == 200
        assert json.loads(there.got[-1][2])["type"] == "message.clicked"
        there.status = 404
        assert shop.json("webhook", "test", theirs["id"], "--event", "bounce", code=1)["answer"] == "thanks"
        assert json.loads(there.got[-1][2])["type"] == "bounce"
        assert "no event nothing" in _errors(shop, "webhook", "test", ours["id"], "--event", "nothing")


def _errors(cli: Cli, *words: str, code: int = 1) -> str:
    cli(*words, code=code)
    return cli.errors


def test_what_cannot_be_is_refused_by_name(shop: Cli) -> None:
    assert "there is no event 'opend'" in _errors(
        shop, "webhook", "add", "https://x.example/", "--events", "opend", code=2
    )
    assert "http://" in _errors(shop, "webhook", "add", "ftp://x.example/")
    assert "#fragment" in _errors(shop, "webhook", "add", "https://x.example/#a")
    batched = ("webhook", "add", "https://x.example/", "--batched", "--format", "form")
    assert "hold one event" in _errors(shop, *batched, code=2)
    assert "no webhook wh_x" in _errors(shop, "webhook", "show", "wh_x", code=3)
    late = ("webhook", "add", "https://x.example/", "--shape", "smtpeter", "--events", "deferred")
    assert "have nothing for deferred" in _errors(shop, *late, code=2)


def test_an_address_inside_that_is_not_allowed_is_refused(shop: Cli) -> None:
    added = shop.json("webhook", "add", "http://10.1.2.3/hook")
    assert "do not connect to 10.1.2.3" in added["found"]


def test_a_webhook_is_changed_and_a_new_url_is_checked_again(shop: Cli) -> None:
    with receiver() as there:
        added = shop.json("webhook", "add", there.url())
        changed = shop.json("webhook", "set", added["id"], "--events", "all", "--no-machine", "--note", "main")
        assert (changed["machine"], changed["note"], changed["url"]) == (False, "main", added["url"])
        assert "secret" not in changed
        there.status = 500
        moved = shop.json("webhook", "set", added["id"], "--url", there.url("/new"))
        assert moved["checked"] is None
        shop("webhook", "remove", added["id"])
        assert shop.json("webhook", "list") == []


def test_for_a_day_after_a_rotation_both_secrets_sign(shop: Cli) -> None:
    with receiver() as there:
        added = shop.json("webhook", "add", there.url())
        rotated = shop.json("webhook", "rotate", added["id"])
        shop("webhook", "test", added["id"])
        _, headers, body = there.got[-1]
        for secret in (added["secret"], rotated["secret"]):
            assert Judge(secret).verify(body, headers)
        last = shop.json("webhook", "rotate", added["id"], "--now")
        shop("webhook", "test", added["id"])
        _, headers, body = there.got[-1]
        assert Judge(last["secret"]).verify(body, headers)
        assert len(headers["webhook-signature"].split()) == 1


def test_a_key_is_changed_in_steps_and_the_old_one_signs_until_the_new_one_is_published(shop: Cli) -> None:
    with DnsServer() as dns:
        config = shop.home / "config/local.yaml"
        config.write_text(config.read_text() + f"dns: {{servers: ['{dns.address}'], min_ttl: 0s}}\n")
        (first,) = shop.json("webhook", "key", "--new")
        assert first["name"] == f"{first['selector']}._domainkey.relay.test"
        assert first["record"].startswith("v=DKIM1;k=rsa;p=")
        new, old = sorted(shop.json("webhook", "key", "--new"), key=lambda each: each["use"] == "signs")
        assert old["selector"] == first["selector"]
        assert "is not published yet" in _errors(shop, "webhook", "key", "--retire")
        halves = new["record"][:200], new["record"][200:]
        dns.set(new["name"], "TXT", f'"{halves[0]}" "{halves[1]}"')
        uses = {each["selector"]: each["use"] for each in shop.json("webhook", "key", "--retire")}
        assert uses[new["selector"]] == "signs"
        assert uses[old["selector"]].startswith("retired")
        assert [each["selector"] for each in shop.json("webhook", "key", "--forget")] == [new["selector"]]


def test_what_was_given_up_is_listed_and_replayed(shop: Cli) -> None:
    added = shop.json("webhook", "add", "https://x.example/", "--trust")
    outbox = open_outbox(shop.home / "var")
    event = Event(name=EventName.DELIVERED, at=NOON, message="0" * 16, recipient=1, account="shop")
    rows = [
        New(hook=added["id"], event=f"0-{n}", kind="", message="m", lane=f"m-{n}", data=pack(event, {}))
        for n in (1, 2)
    ]
    outbox.add(0, 2, rows, NOON)
    outbox.bury(added["id"], "it waited too long", NOON)
    outbox.close()
    assert [each["id"] for each in shop.json("webhook", "dead", added["id"])] == ["evt_0-1", "evt_0-2"]
    assert shop.json("webhook", "dead", added["id"], "--event", "bounced") == []
    assert shop.json("webhook", "replay", added["id"], "--event", "evt_0-2")["replayed"] == 1
    assert shop("webhook", "replay", added["id"]) == f"1 event of {added['id']} will be sent again\n"
    (listed,) = shop.json("webhook", "list")
    assert (listed["waiting"], listed["dead"]) == (2, 0)
    assert shop.json("webhook", "log", added["id"]) == []


def test_a_password_in_a_url_is_sent_and_never_shown(shop: Cli) -> None:
    with receiver() as there:
        added = shop.json("webhook", "add", there.url("/x").replace("//", "//ann:s3cret@"))
        assert there.got[0][1]["authorization"].startswith("Basic ")
        assert "//ann:***@127.0.0.1" in added["url"]
        assert "s3cret" not in json.dumps(shop.json("webhook", "show", added["id"]))
        registry = open_registry(shop.home / "var/registry.db")
        assert "s3cret" not in json.dumps(registry.audits(5))
        registry.close()


def test_a_webhook_is_disabled_and_enabled_by_hand(shop: Cli) -> None:
    added = shop.json("webhook", "add", "https://x.example/", "--trust")
    assert shop.json("webhook", "disable", added["id"], "--reason", "rebuilt")["disabled"] == "rebuilt"
    assert shop.json("webhook", "list")[0]["state"] == "disabled: rebuilt"
    assert shop.json("webhook", "enable", added["id"])["disabled"] is None


def test_check_tells_of_webhooks_that_get_nothing(shop: Cli) -> None:
    first = shop.json("webhook", "add", "http://10.1.2.3/hook")
    second = shop.json("webhook", "add", "https://x.example/", "--trust")
    shop("webhook", "disable", second["id"])
    said = {each["subject"]: each for each in json.loads(_check(shop))["findings"]}
    assert "did not pass a check" in said[f"webhook {first['id']}"]["text"]
    assert said[f"webhook {second['id']}"]["text"] == "is disabled: by hand"


def _check(cli: Cli) -> str:
    from relay.cli.app import run

    cli.capsys.readouterr()
    run(["check", "--offline", "--json"])
    return cli.capsys.readouterr().out
