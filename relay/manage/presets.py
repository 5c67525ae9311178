"""Presets as applications and operators see and change them: options under a name, which a message may ask for."""

from __future__ import annotations

from typing import Any

from relay.manage.wrong import Unfit, Wrong
from relay.model.account import Preset
from relay.model.clock import iso
from relay.store.interface import Registry

LONGEST = 64  # characters of a name
MOST = 1000  # presets of an account, made by its own tokens


def check_name(name: str) -> None:
    """Raises Wrong."""
    if not name or len(name) > LONGEST or not all(each.isalnum() or each in "-_." for each in name):
        raise Wrong("name", f"a name has 1 to {LONGEST} letters, digits, '-', '_' and '.'")


def remove(registry: Registry, preset: Preset) -> None:
    """Raises Unfit: credentials may name it; NotFound."""
    users = [each.username for each in registry.credentials(preset.account) if preset.name in each.presets]
    if users:
        raise Unfit(f"credentials may name it: {', '.join(users)}")
    registry.remove_preset(preset.account, preset.name)


def describe(preset: Preset) -> dict[str, Any]:
    """In JSON's types."""
    return {
        "preset": preset.name,
        "account": preset.account,
        "created": iso(preset.created),
        "options": dict(preset.options),
    }
