"""What every engine must do, continued: accounts and what belongs to them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relay.model.account import (
    Account,
    Algorithm,
    ControlHeaders,
    Credential,
    DkimKey,
    Domain,
    KeyState,
    OnInvalid,
    OverQuota,
    Preset,
    Quota,
    Scope,
    Token,
)
from relay.model.message import State
from relay.model.order import Act, Done, Order, Selection
from relay.model.template import VERSIONS, Template
from relay.store.interface import Exists, NotFound, Registry
from tests.store.mail import NOON

CREDENTIAL = Credential(
    username="App@Example.com",
    account="demo",
    password_hash="$argon2id$...",
    created=NOON,
    note="für die App",
    sandbox=True,
    control_headers=ControlHeaders.STRIP,
    grants=frozenset({"any-sender", "deadline-long"}),
    allowed={"pool": ("a", "b")},
    forbidden=frozenset({"dkim", "archive=none"}),
    presets=frozenset({"News"}),
    options={"tags": ["ü"], "priority": 7, "deliver_within": 3600.0},
    on_invalid=OnInvalid.WARN,
    lifetime=3600.0,
    refuse_suppressed=True,
    quota=Quota(messages_hour=10, bytes_day=1 << 40, over=OverQuota.DELAY),
)
ORDER = Order(
    number=0,
    at=NOON,
    who="root",
    act=Act.HOLD,
    selection=Selection(domain="example.net"),
    reason="mühsam",
    lifetime=5.0,
)
DOMAIN = Domain(name="example.com", account="demo", challenge="relay-verify=1", created=NOON)
KEY = DkimKey(
    domain="example.com",
    selector="s1",
    algorithm=Algorithm.ED25519,
    private_pem="-----BEGIN",
    public_base64="AAAA",
    created=NOON,
)
TOKEN = Token(id="t1", account="demo", digest="00", scopes=frozenset({Scope.SEND, Scope.READ}), created=NOON)


class RegistryContract:
    """Tests get `registry`, empty, and `other`: a second connection to the same."""

    def test_accounts_are_added_once_and_disabled(self, registry: Registry) -> None:
        account = Account(name="demo", created=NOON)
        registry.add_account(account)
        with pytest.raises(Exists):
            registry.add_account(account)
        registry.set_account_disabled("demo", True)
        assert registry.account("demo") == replace(account, disabled=True)
        assert registry.accounts() == [replace(account, disabled=True)]
        with pytest.raises(NotFound):
            registry.account("nobody")
        with pytest.raises(NotFound):
            registry.set_account_disabled("nobody", True)

    def test_accounts_and_domains_are_replaced_whole(self, registry: Registry) -> None:
        account = Account(name="demo", created=NOON)
        registry.add_account(account)
        fuller = replace(account, disabled=True, options={"campaign": "ü"}, quota=Quota(recipients_day=5))
        registry.update_account(fuller)
        assert registry.accounts() == [registry.account("demo")] == [fuller]
        registry.add_domain(DOMAIN)
        moved = replace(
            DOMAIN,
            verified=NOON,
            verified_by="hand",
            options={"dkim_key": "s1"},
            bounce_host="bounces.example.com",
            bounce_verified=NOON + 1,
        )
        registry.update_domain(moved)
        assert registry.domains() == [registry.domain("example.com")] == [moved]
        for missing in (replace(account, name="nobody"), replace(account, name="DEMO")):
            with pytest.raises(NotFound):
                registry.update_account(missing)
        with pytest.raises(NotFound):
            registry.update_domain(replace(DOMAIN, name="example.org"))
        with pytest.raises(NotFound):
            registry.update_domain(replace(DOMAIN, account="nobody"))

    def test_templates_keep_their_older_versions_up_to_a_bound(self, registry: Registry) -> None:
        registry.add_account(Account(name="demo", created=NOON))
        before = registry.version()
        for number in range(1, VERSIONS + 3):
            given = Template(account="demo", name="Hello", subject=f"s{number}", html="<p>", text="ü", created=NOON)
            kept = registry.put_template(given)
            assert kept == replace(given, id=1, version=number)
        assert registry.version() > before
        assert registry.template("demo", "hELLO") == kept
        assert registry.template("demo", "hello", 4).subject == "s4"
        assert [each.version for each in registry.template_versions("demo", "hello")] == list(
            range(VERSIONS + 2, 2, -1)
        )
        for gone in (1, 2, VERSIONS + 3):
            with pytest.raises(NotFound):
                registry.template("demo", "hello", gone)

    def test_templates_belong_to_an_account_and_have_an_id_that_wins_over_a_name(self, registry: Registry) -> None:
        for account in ("demo", "else"):
            registry.add_account(Account(name=account, created=NOON))
        with pytest.raises(NotFound):
            registry.put_template(Template(account="nobody", name="a", created=NOON))
        first = registry.put_template(Template(account="demo", name="a", created=NOON))
        named = registry.put_template(Template(account="demo", name=str(first.id), created=NOON, note="digits"))
        other = registry.put_template(Template(account="else", name="A", created=NOON))
        assert registry.template("demo", str(first.id)) == first
        assert registry.template("demo", str(named.id)) == named
        assert registry.template("else", "a") == other
        assert registry.templates() == [named, first, other]
        assert registry.templates("else") == [other]
        assert registry.template_names("demo") == [(first.id, "a"), (named.id, str(first.id))]
        assert registry.template_names("demo", 1, 5) == [(named.id, str(first.id))]
        assert registry.template_names("demo", 0, 1) == [(first.id, "a")]
        assert registry.template_names("nobody") == []
        with pytest.raises(NotFound):
            registry.template("else", str(first.id))  # an id of another account
        registry.remove_template("demo", "A")
        assert registry.template("demo", str(first.id)) == named  # no id of a template any more, but a name
        for missing in (registry.template, registry.remove_template, registry.template_versions):
            with pytest.raises(NotFound):
                missing("demo", "a")
        assert registry.put_template(Template(account="demo", name="a", created=NOON)).id > other.id

    def test_a_version_that_is_put_by_its_template_s_id_names_it_anew(self, registry: Registry) -> None:
        for name in ("demo", "else"):
            registry.add_account(Account(name=name, created=NOON))
        first = registry.put_template(Template(account="demo", name="a", created=NOON))
        second = registry.put_template(Template(account="demo", name="b", created=NOON))
        renamed = registry.put_template(replace(first, name="C", created=NOON + 1, subject="s"))
        assert (renamed.id, renamed.version, renamed.name) == (first.id, 2, "C")
        assert [each.name for each in registry.template_versions("demo", "c")] == ["C", "C"]
        assert registry.put_template(replace(renamed, name="c")).version == 3  # its own name in another spelling
        with pytest.raises(Exists, match="B already"):
            registry.put_template(replace(renamed, name="B"))
        for wrong in (replace(first, id=second.id + 1), replace(first, account="else")):
            with pytest.raises(NotFound, match="no template"):
                registry.put_template(wrong)
        assert registry.template("demo", "b") == second
        with pytest.raises(NotFound):
            registry.template("demo", "a")

    def test_presets_belong_to_an_account_and_ignore_case(self, registry: Registry) -> None:
        preset = Preset(account="demo", name="News", options={"tags": ["n"], "dkim": False}, created=NOON)
        with pytest.raises(NotFound, match="demo"):
            registry.put_preset(preset)
        for name in ("demo", "else"):
            registry.add_account(Account(name=name, created=NOON))
        registry.put_preset(replace(preset, options={}))
        registry.put_preset(replace(preset, name="NEWS"))
        registry.put_preset(replace(preset, account="else", name="a"))
        assert registry.preset("demo", "news") == replace(preset, name="NEWS")
        assert registry.presets("demo") == [registry.preset("demo", "News")]
        assert [each.account for each in registry.presets()] == ["demo", "else"]
        registry.remove_preset("demo", "nEWS")
        for call in (registry.preset, registry.remove_preset):
            with pytest.raises(NotFound, match="news of demo"):
                call("demo", "news")

    def test_keys_of_links_are_good_until_they_were_replaced_for_long_enough(self, registry: Registry) -> None:
        assert registry.link_keys() == []
        made = [registry.add_link_key(bytes([day]) * 32, NOON + day) for day in range(3)]
        assert [(each.number, each.secret) for each in made] == [(day + 1, bytes([day]) * 32) for day in range(3)]
        assert registry.link_keys() == made[::-1]
        assert registry.forget_link_keys(NOON + 1) == 0
        assert registry.forget_link_keys(NOON + 1.5) == 1
        assert registry.forget_link_keys(NOON * 2) == 1
        assert registry.link_keys() == [made[2]]
        assert registry.add_link_key(b"n" * 32, NOON).number == 4
        assert registry.return_keys() == []

    def test_a_tracking_host_is_kept_with_its_domain(self, registry: Registry) -> None:
        registry.add_account(Account(name="demo", created=NOON))
        registry.add_domain(DOMAIN)
        host = replace(DOMAIN, tracking_host="clicks.example.com", tracking_https=True, tracking_verified=NOON + 1)
        registry.update_domain(host)
        assert registry.domain("example.com") == host
        assert registry.domains("demo") == [host]

    def test_hosts_of_links_are_those_that_lead_to_us_for_verified_domains(self, registry: Registry) -> None:
        registry.add_account(Account(name="demo", created=NOON))
        host = replace(DOMAIN, verified=NOON, tracking_host="clicks.example.com", tracking_verified=NOON)
        registry.add_domain(host)
        registry.add_domain(replace(host, name="example.net"))  # it shares the host
        for name, given in (("a.example", {"tracking_verified": None}), ("b.example", {"verified": None})):
            registry.add_domain(replace(host, name=name, tracking_host=f"c.{name}", **given))  # type: ignore[arg-type]
        registry.add_domain(replace(DOMAIN, name="c.example", verified=NOON))
        assert registry.tracking_hosts() == {"clicks.example.com": host}

    def test_return_keys_are_good_until_they_were_replaced_for_long_enough(self, registry: Registry) -> None:
        assert registry.return_keys() == []
        made = [registry.add_return_key(bytes([day]) * 32, NOON + day) for day in range(3)]
        assert [each.number for each in made] == [1, 2, 3]
        assert registry.return_keys() == made[::-1]
        assert registry.forget_return_keys(NOON + 1) == 0  # the second came then, and not before
        assert registry.forget_return_keys(NOON + 1.5) == 1
        assert registry.return_keys() == [made[2], made[1]]
        assert registry.forget_return_keys(NOON * 2) == 1
        assert registry.forget_return_keys(NOON * 2) == 0  # the newest stays
        assert registry.add_return_key(b"n" * 32, NOON).number == 4

    def test_orders_wait_for_each_shard(self, registry: Registry, other: Registry) -> None:
        selection = Selection(
            ids=("a", "b"), domain="d", site="s", account="x", credential="y", tag="t", campaign="c",
            send_cancel_id="i", address="z", states=(State.HELD, State.QUEUED), before=NOON, since=NOON - 1,
        )  # fmt: skip
        version = other.version()
        first = registry.add_order(ORDER)
        second = registry.add_order(replace(ORDER, at=NOON + 1, act=Act.RETRY, selection=selection))
        assert other.version() > version
        assert (first, second.number, second.selection) == (replace(ORDER, number=1), 2, selection)
        assert other.orders(0) == other.orders(1) == [first, second]
        assert other.order(second.number) == second
        with pytest.raises(NotFound):
            other.order(7)
        done = Done(order=1, shard=1, at=NOON + 2, changed=3, in_flight=1)
        other.order_done(done)
        other.order_done(replace(done, changed=4))
        assert (registry.orders(0), registry.orders(1)) == ([first, second], [second])
        assert (registry.done(1), registry.done(2)) == ([replace(done, changed=4)], [])
        assert (registry.forget_orders(NOON), registry.forget_orders(NOON + 1)) == (0, 1)
        assert (registry.orders(0), registry.done(1)) == ([second], [])
        with pytest.raises(NotFound):
            registry.order_done(done)
        assert registry.add_order(ORDER).number == 3

    def test_user_names_are_compared_without_regard_to_case(self, registry: Registry) -> None:
        registry.add_account(Account(name="demo", created=NOON))
        registry.add_credential(CREDENTIAL)
        assert registry.credential("aPP@eXAMPLE.COM") == CREDENTIAL
        with pytest.raises(Exists):
            registry.add_credential(replace(CREDENTIAL, username="app@example.com"))
        registry.update_credential(replace(CREDENTIAL, username="APP@example.com", disabled=True))
        assert registry.credentials() == [replace(CREDENTIAL, username="APP@example.com", disabled=True)]
        assert registry.credentials("else") == []
        with pytest.raises(NotFound):
            registry.update_credential(replace(CREDENTIAL, username="who@example.com"))
        with pytest.raises(NotFound):
            registry.credential("who@example.com")

    def test_what_belongs_to_an_account_needs_that_account(self, registry: Registry) -> None:
        with pytest.raises(NotFound, match="demo"):
            registry.add_credential(CREDENTIAL)
        with pytest.raises(NotFound, match="demo"):
            registry.add_domain(DOMAIN)
        with pytest.raises(NotFound, match="demo"):
            registry.add_token(TOKEN)

    def test_domains_are_verified_and_removed_with_their_keys(self, registry: Registry) -> None:
        registry.add_account(Account(name="demo", created=NOON))
        registry.add_domain(DOMAIN)
        registry.add_key(KEY)
        with pytest.raises(Exists):
            registry.add_domain(DOMAIN)
        registry.verify_domain("Example.com", NOON + 1, "dns")
        assert registry.domain("EXAMPLE.com") == replace(DOMAIN, verified=NOON + 1, verified_by="dns")
        assert registry.domains("demo") == registry.domains() == [registry.domain("example.com")]
        registry.remove_domain("example.com")
        assert (registry.domains(), registry.keys()) == ([], [])
        with pytest.raises(NotFound):
            registry.remove_domain("example.com")
        with pytest.raises(NotFound):
            registry.domain("example.com")
        with pytest.raises(NotFound):
            registry.verify_domain("example.com", NOON, "dns")

    def test_keys_come_newest_first_and_are_retired(self, registry: Registry) -> None:
        newer = replace(KEY, selector="s2", algorithm=Algorithm.RSA, created=NOON + 1)
        registry.add_key(KEY)
        registry.add_key(newer)
        with pytest.raises(Exists):
            registry.add_key(KEY)
        registry.retire_key("example.com", "s1")
        assert registry.keys("example.com") == [newer, replace(KEY, state=KeyState.RETIRED)]
        assert registry.keys("example.org") == []
        with pytest.raises(NotFound):
            registry.retire_key("example.com", "s3")

    def test_keys_that_always_sign_and_keys_that_wait_are_found_among_all(self, registry: Registry) -> None:
        for account in ("demo", "else"):
            registry.add_account(Account(name=account, created=NOON))
        for name, account in (("example.com", "demo"), ("example.net", "demo"), ("example.org", "else")):
            registry.add_domain(replace(DOMAIN, name=name, account=account))
            registry.add_key(replace(KEY, domain=name, always=True, start=NOON, end=NOON + 1, custom=True))
            registry.add_key(replace(KEY, domain=name, selector="s2"))
        registry.verify_domain("example.com", NOON, "dns")
        registry.verify_domain("example.org", NOON, "dns")
        assert [each.domain for each in registry.always_keys("demo")] == ["example.com"]
        assert [each.domain for each in registry.always_keys("else")] == ["example.org"]
        assert registry.pending_keys() == []
        waiting = replace(KEY, selector="s3", state=KeyState.PENDING)
        registry.add_key(waiting)
        assert registry.pending_keys() == [waiting]
        registry.add_key(replace(waiting, domain="example.net"))
        assert [each.domain for each in registry.pending_keys()] == ["example.com", "example.net"]
        assert [each.domain for each in registry.pending_keys(limit=1)] == ["example.com"]
        assert [each.domain for each in registry.pending_keys("example.com s3")] == ["example.net"]

    def test_keys_are_due_that_signed_for_long_and_have_no_successor(self, registry: Registry) -> None:
        registry.add_account(Account(name="demo", created=NOON))
        for name in ("a.example", "b.example"):
            registry.add_domain(replace(DOMAIN, name=name))
        registry.verify_domain("a.example", NOON, "dns")
        old = replace(KEY, domain="a.example")
        registry.add_key(old)
        registry.add_key(replace(old, domain="b.example"))
        registry.add_key(replace(old, selector="own", custom=True))
        registry.add_key(replace(old, selector="r", algorithm=Algorithm.RSA, start=NOON + 5))
        assert registry.due_keys(NOON - 1) == []
        assert [each.selector for each in registry.due_keys(NOON)] == ["s1"]
        assert [each.selector for each in registry.due_keys(NOON + 5)] == ["r", "s1"]
        assert [each.selector for each in registry.due_keys(NOON + 5, limit=1)] == ["r"]
        assert [each.selector for each in registry.due_keys(NOON + 5, "a.example r")] == ["s1"]
        registry.add_key(replace(old, selector="s2", state=KeyState.PENDING))
        assert [each.selector for each in registry.due_keys(NOON + 5)] == ["r"]
        registry.update_key(replace(old, selector="s2", state=KeyState.ACTIVE, start=NOON + 9))
        registry.add_key(replace(old, selector="s3", created=NOON + 1, state=KeyState.RETIRED))
        assert [each.selector for each in registry.due_keys(NOON + 5)] == ["r", "s1"]  # made at one time
        registry.retire_key("a.example", "s1")
        assert [each.selector for each in registry.due_keys(NOON + 9)] == ["r", "s2"]

    def test_tokens_are_found_by_id(self, registry: Registry) -> None:
        registry.add_account(Account(name="demo", created=NOON))
        registry.add_token(TOKEN)
        assert registry.token("t1") == TOKEN
        assert registry.tokens() == registry.tokens("demo") == [TOKEN]
        assert registry.tokens("else") == []
        with pytest.raises(NotFound):
            registry.token("t2")

    def test_the_audit_has_the_newest_first(self, registry: Registry) -> None:
        registry.audit(NOON, "root", "domain.verify", {"domain": "example.com", "forced": True})
        registry.audit(NOON + 1, "root", "domain.remove", {})
        assert [each["act"] for each in registry.audits()] == ["domain.remove", "domain.verify"]
        assert registry.audits(1) == [{"at": NOON + 1, "who": "root", "act": "domain.remove", "detail": {}}]

    def test_every_change_raises_the_version_for_everybody(self, registry: Registry, other: Registry) -> None:
        seen = [registry.version()]
        assert other.version() == seen[0]
        registry.add_account(Account(name="demo", created=NOON))
        seen.append(registry.version())
        assert other.version() == seen[1]
        other.add_domain(DOMAIN)
        seen.append(registry.version())
        assert registry.domain("example.com") == DOMAIN
        assert seen[0] < seen[1] < seen[2]
        with pytest.raises(Exists):
            other.add_domain(DOMAIN)
        assert registry.version() == seen[2]
