"""A registry with two accounts, for tests of submission.

demo: example.com (both keys), keyless.example (verified, no key), pending.example (not verified).
other: other.example, and special.example.com below demo's domain.
"""

from __future__ import annotations

from pathlib import Path

from relay.model.account import Account, ControlHeaders, Credential, Domain, Login
from relay.store.sqlite import SqliteRegistry, open_registry
from tests.transform.verifiers import keys

AT = 1_795_000_000.0
DEMO = Login(account="demo", credential="app")
STRIPPING = Login(account="demo", credential="list", control_headers=ControlHeaders.STRIP)


def furnished(directory: Path) -> SqliteRegistry:
    registry = open_registry(directory / "registry.db")
    for account in ("demo", "other"):
        registry.add_account(Account(name=account, created=AT))
    registry.add_credential(Credential(username="App", account="demo", password_hash="x", created=AT))
    for name, account, verified in (
        ("example.com", "demo", AT),
        ("keyless.example", "demo", AT),
        ("pending.example", "demo", None),
        ("other.example", "other", AT),
        ("special.example.com", "other", AT),
        ("unproven.example.com", "other", None),
    ):
        registry.add_domain(Domain(name=name, account=account, challenge="c", created=AT))
        if verified is not None:
            registry.verify_domain(name, verified, "hand (test)")
    for key in keys():
        registry.add_key(key)
    return registry
