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
    Scope,
    Token,
)
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
