"""The files in config/ say what the program does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from relay.config import Config, Listener, ListenerKind, load

CONFIG = Path(__file__).parent.parent.parent / "config"
_FILLED = {"hostname", "data", "listeners"}  # examples, not defaults


def test_the_reference_file_shows_every_key_and_its_default() -> None:
    config = load(CONFIG / "relay.yaml")
    tree = yaml.safe_load((CONFIG / "relay.yaml").read_text())
    assert set(tree) == set(Config.model_fields)
    for name in set(tree) - _FILLED:
        part = getattr(config, name)
        if not isinstance(part, BaseModel):
            assert part == Config.model_fields[name].default
            continue
        assert part == type(part)(), name
        assert missing_keys(part, tree[name]) == []
    assert set(tree["listeners"][0]) == set(Listener.model_fields)


def missing_keys(part: BaseModel, tree: dict[str, Any]) -> list[str]:
    missing = [name for name in type(part).model_fields if name not in tree]
    for name, value in part:
        if isinstance(value, BaseModel):
            missing += missing_keys(value, tree[name])
    return missing


def test_every_line_of_the_shipped_files_that_sets_a_key_explains_it_or_its_neighbour_does() -> None:
    for line in (CONFIG / "relay.yaml").read_text().splitlines():
        key = line.strip().removeprefix("- ").partition(":")
        if line.startswith("#") or not key[2].strip() or line.strip().startswith("#"):
            continue
        explained = "#" in line or key[0] in {"address", "kind", "name"}  # explained at the first listener
        assert explained, line


def test_make_run_keeps_everything_on_this_machine() -> None:
    config = load(CONFIG / "local.yaml")
    assert config.sandbox.enabled
    assert {each.name: each.port for each in config.listeners} == {"submission": 2525, "starttls": 5870, "tls": 4650}
    assert config.http.port == 8025
    assert {each.address for each in config.listeners} | {config.http.address} == {"127.0.0.1"}
    assert [each.kind for each in config.listeners] == [
        ListenerKind.STARTTLS,
        ListenerKind.STARTTLS,
        ListenerKind.TLS,
    ]
    assert not any(each.auth_without_tls for each in config.listeners)
