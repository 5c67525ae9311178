"""What a power cut may leave of a directory whose writes and syncs were recorded.

In:  the operations on its files, in order (`recorder.py` makes them).
Out: for any moment, states the disk may be in: what was synced, and of all that was not, any part in any order.

A file keeps what was in it when it was last synced. Of each later write any of its sectors may be there or not,
whatever became of the others; of a truncation, too. A name keeps what its directory had when *that* was last
synced: syncing a file does not keep its name (POSIX promises no more, though some file systems do). What stands
between is noughts.

Why so: this is harsher than any one file system, which writes at least some of it in order. What holds here holds
on all of them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from random import Random
from typing import TypeAlias

SECTOR = 512  # octets a disk writes whole or not at all


class Kind(enum.Enum):
    CREATE = enum.auto()  # a file, empty
    WRITE = enum.auto()
    TRUNCATE = enum.auto()
    SYNC = enum.auto()  # a file's content, or a directory's names
    MAKE = enum.auto()  # a directory
    RENAME = enum.auto()  # within a directory; what had the new name is replaced
    REMOVE = enum.auto()


@dataclass(frozen=True, slots=True)
class Op:
    """One operation that had been done at `at` (of time.monotonic()); paths are relative to the root."""

    at: float
    kind: Kind
    path: str
    offset: int = 0  # of a write; the new size of a truncation
    data: bytes = b""
    other: str = ""  # new name
    begun: float = 0.0  # a sync holds for what had been done before it began


class Loss(enum.Enum):
    """What becomes of the operations that were not synced."""

    ALL = "nothing is kept that was not synced"
    NONE = "everything is kept, as when only the process dies"
    ONE = "one operation is lost"
    ALL_BUT_ONE = "one operation is kept"
    EARLY = "the earlier ones are lost"
    TORN = "the later ones are lost, and one is torn"
    FEW = "each sector is lost by a chance of a tenth"
    HALF = "each sector is lost by a chance of a half"
    MOST = "each sector is kept by a chance of a tenth"


_CHANCE = {Loss.FEW: 0.9, Loss.HALF: 0.5, Loss.MOST: 0.1}


@dataclass(slots=True)
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Op] = field(default_factory=list)

    def sync(self, begun: float) -> None:
        while self.pending and self.pending[0].at <= begun:
            _apply(self.durable, self.pending.pop(0), lambda: True)

    def left(self, loss: Loss, random: Random) -> bytes:
        found = bytearray(self.durable)
        for op, keep in zip(self.pending, _fates(len(self.pending), loss, random), strict=True):
            _apply(found, op, keep)
        return bytes(found)

    @property
    def live(self) -> bytes:
        return self.left(Loss.NONE, Random())


@dataclass(slots=True)
class _Directory:
    entries: dict[str, _Node] = field(default_factory=dict)
    durable: dict[str, _Node] = field(default_factory=dict)
    pending: list[tuple[float, dict[str, _Node | None]]] = field(default_factory=list)

    def change(self, at: float, names: dict[str, _Node | None]) -> None:
        _rename(self.entries, names)
        self.pending.append((at, names))

    def sync(self, begun: float) -> None:
        while self.pending and self.pending[0][0] <= begun:
            _rename(self.durable, self.pending.pop(0)[1])

    def left(self, loss: Loss, random: Random) -> dict[str, _Node]:
        found = dict(self.durable)
        for (_, names), keep in zip(self.pending, _fates(len(self.pending), loss, random), strict=True):
            if keep():
                _rename(found, names)
        return found


_Node: TypeAlias = _File | _Directory


def _rename(entries: dict[str, _Node], names: dict[str, _Node | None]) -> None:
    for name, node in names.items():
        if node is None:
            entries.pop(name, None)
        else:
            entries[name] = node


def _fates(count: int, loss: Loss, random: Random) -> Iterator[Callable[[], bool]]:
    """For each operation what to ask about each of its sectors."""
    chosen = random.randrange(count) if count else 0
    for number in range(count):
        yield _fate(number, chosen, loss, random)


def _fate(number: int, chosen: int, loss: Loss, random: Random) -> Callable[[], bool]:
    if loss in _CHANCE:
        chance = _CHANCE[loss]
        return lambda: random.random() < chance
    if loss is Loss.TORN and number == chosen:
        return lambda: random.random() < 0.5
    kept = {
        Loss.ALL: False,
        Loss.NONE: True,
        Loss.ONE: number != chosen,
        Loss.ALL_BUT_ONE: number == chosen,
        Loss.EARLY: number >= chosen,
        Loss.TORN: number < chosen,
    }[loss]
    return lambda: kept


def _apply(content: bytearray, op: Op, keep: Callable[[], bool]) -> None:
    """Do to `content` what is kept of a write or a truncation."""
    if op.kind is Kind.TRUNCATE:
        if keep():
            del content[op.offset :]
            content.extend(bytes(op.offset - len(content)))
        return
    begin, end = op.offset, op.offset + len(op.data)
    while begin < end:
        until = min(end, (begin // SECTOR + 1) * SECTOR)
        if keep():
            content.extend(bytes(max(0, until - len(content))))
            content[begin:until] = op.data[begin - op.offset : until - op.offset]
        begin = until


class Disk:
    """The files under one root, with what of them is on the disk for good and what may be lost."""

    def __init__(self, base: Path | None = None) -> None:
        """`base`: what was there at the beginning, all of it for good."""
        self._root = _Directory()
        if base is not None:
            _load(self._root, base)

    def do(self, op: Op) -> None:
        """Raises KeyError: the operation is about a file nobody made."""
        path = PurePosixPath(op.path)
        if op.kind in (Kind.CREATE, Kind.MAKE):
            made = _File() if op.kind is Kind.CREATE else _Directory()
            self._directory(path.parent).change(op.at, {path.name: made})
        elif op.kind is Kind.REMOVE:
            self._directory(path.parent).change(op.at, {path.name: None})
        elif op.kind is Kind.RENAME:
            other = PurePosixPath(op.other)
            assert other.parent == path.parent, op
            directory = self._directory(path.parent)
            directory.change(op.at, {path.name: None, other.name: directory.entries[path.name]})
        else:
            node = self._find(path)
            if op.kind is Kind.SYNC:
                node.sync(op.begun)
            else:
                assert isinstance(node, _File), op
                node.pending.append(op)

    def after_cut(self, loss: Loss, random: Random) -> dict[str, bytes | None]:
        """What is there when the power is back: path -> content; None for a directory."""
        return dict(_walk(self._root, "", lambda each: each.left(loss, random), lambda each: each.left(loss, random)))

    @property
    def live(self) -> dict[str, bytes | None]:
        """What the programs see that still run."""
        return dict(_walk(self._root, "", lambda each: each.live, lambda each: each.entries))

    @property
    def open_ends(self) -> int:
        """Operations that may be lost now."""
        return _pending(self._root)

    def _find(self, path: PurePosixPath) -> _Node:
        node: _Node = self._root
        for name in path.parts:
            assert isinstance(node, _Directory), path
            node = node.entries[name]
        return node

    def _directory(self, path: PurePosixPath) -> _Directory:
        node = self._find(path)
        assert isinstance(node, _Directory), path
        return node


def put(state: dict[str, bytes | None], root: Path) -> None:
    """Write a state into a directory that is not there yet."""
    root.mkdir(parents=True)
    for path, content in state.items():
        if content is None:
            (root / path).mkdir()
        else:
            (root / path).write_bytes(content)


def _load(directory: _Directory, base: Path) -> None:
    for each in base.iterdir():
        node: _Node = _Directory() if each.is_dir() else _File(durable=bytearray(each.read_bytes()))
        if isinstance(node, _Directory):
            _load(node, each)
        directory.entries[each.name] = directory.durable[each.name] = node


def _walk(
    directory: _Directory,
    prefix: str,
    content: Callable[[_File], bytes],
    names: Callable[[_Directory], dict[str, _Node]],
) -> Iterator[tuple[str, bytes | None]]:
    for name, node in names(directory).items():
        if isinstance(node, _Directory):
            yield prefix + name, None
            yield from _walk(node, f"{prefix}{name}/", content, names)
        else:
            yield prefix + name, content(node)


def _pending(node: _Node) -> int:
    if isinstance(node, _File):
        return len(node.pending)
    return len(node.pending) + sum(_pending(each) for each in node.entries.values())
