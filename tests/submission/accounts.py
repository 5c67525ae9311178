"""A registry with two accounts, for tests of submission.

Credentials: App, list (control headers are taken out unread) and testing (in the sandbox), all of demo.

demo: example.com (both keys), keyless.example (verified, no key), pending.example (not verified).
other: other.example, and special.example.com below demo's domain.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from relay.model.account import Account, ControlHeaders, Credential, Domain, Login
from relay.store.sqlite import SqliteRegistry, open_registry
from tests.transform.verifiers import keys

AT = 1_795_000_000.0
DEMO = Login(account="demo", credential="app")
STRIPPING = Login(account="demo", credential="list", control_headers=ControlHeaders.STRIP)
TESTING = Login(account="demo", credential="testing", sandbox=True)
APP = Credential(username="App", account="demo", password_hash="x", created=AT)


def furnished(directory: Path) -> SqliteRegistry:
    registry = open_registry(directory / "registry.db")
    for account in ("demo", "other"):
        registry.add_account(Account(name=account, created=AT))
    registry.add_credential(APP)
    registry.add_credential(replace(APP, username="list", control_headers=ControlHeaders.STRIP))
    registry.add_credential(replace(APP, username="testing", sandbox=True))
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
