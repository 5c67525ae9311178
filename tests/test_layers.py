"""Modules depend only downward; siblings do not know each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import relay

LAYERS = [  # from the bottom up; names on one line are siblings
    {"__init__"},
    {"model"},
    {"config"},
    {"store", "smtp", "dns", "http", "transform", "queue", "limits", "bounce"},
    {"submission", "returns", "delivery", "report"},
    {"manage"},
    {"web"},
    {"worker"},
    {"supervisor"},
    {"cli"},
    {"__main__", "handbook"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
ROOT = Path(next(iter(relay.__path__)))


def imports() -> Iterator[tuple[Path, str, str]]:
    for path in ROOT.rglob("*.py"):
        here = path.relative_to(ROOT).with_suffix("").parts[0]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("relay."):
                yield path, here, (node.module or "").split(".")[1]
            elif isinstance(node, ast.ImportFrom) and node.module == "relay":
                for alias in node.names:
                    yield path, here, alias.name if alias.name in RANK else "__init__"
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.startswith("relay."):
                        yield path, here, alias.name.split(".")[1]


def test_modules_depend_only_downward() -> None:
    upward = [
        f"{path.relative_to(ROOT)}: {here} imports {there}"
        for path, here, there in imports()
        if here != there and RANK[there] >= RANK[here]
    ]
    assert upward == []


def test_every_room_is_on_the_plan() -> None:
    rooms = {path.relative_to(ROOT).with_suffix("").parts[0] for path in ROOT.rglob("*.py")}
    assert rooms - RANK.keys() == set()
