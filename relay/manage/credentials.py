"""Credentials as JSON shows them, and what holds of their words. No IO."""

from __future__ import annotations

from typing import Any

from relay.manage import rules
from relay.manage.wrong import Wrong
from relay.model.account import Account, Credential
from relay.model.clock import iso

LONGEST_NAME = 128  # characters
LONGEST_NOTE = 1000  # characters
MOST = 1000  # credentials of an account, made by its own tokens


def check_username(username: str) -> None:
    """Raises Wrong."""
    if any(each.isspace() or not each.isprintable() for each in username) or len(username) > LONGEST_NAME:
        raise Wrong("username", f"a user name has up to {LONGEST_NAME} characters and no spaces")


def check_note(note: str) -> None:
    """Raises Wrong."""
    if len(note) > LONGEST_NOTE or "\0" in note:
        raise Wrong("note", f"a note has at most {LONGEST_NOTE} characters, and no NUL")


def describe(credential: Credential) -> dict[str, Any]:
    """In JSON's types, without the password's digest."""
    return {
        "username": credential.username,
        "account": credential.account,
        "disabled": credential.disabled,
        "sandbox": credential.sandbox,
        "control_headers": credential.control_headers.value,
        "on_invalid": credential.on_invalid.value,
        "grants": sorted(credential.grants),
        "allowed": {name: list(values) for name, values in credential.allowed.items()},
        "forbidden": sorted(credential.forbidden),
        "presets": sorted(credential.presets),
        "lifetime": credential.lifetime,
        "refuse_suppressed": credential.refuse_suppressed,
        "note": credential.note,
        "created": iso(credential.created),
        "options": dict(credential.options),
        "quota": rules.describe_quota(credential.quota),
    }


def describe_account(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "created": iso(account.created),
        "options": dict(account.options),
        "quota": rules.describe_quota(account.quota),
    }


def difference(after: Credential, before: Credential) -> dict[str, Any]:
    """What an audit keeps of a change."""
    old, new = describe(before), describe(after)
    return {"username": after.username, **{name: value for name, value in new.items() if value != old[name]}}
