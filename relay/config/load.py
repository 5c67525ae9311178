"""YAML files become one frozen, validated `Config`.

In:  the path of a file.
Out: a `Config`; or `ConfigError`, whose lines each name file, line, key and what is wrong, with the nearest
     valid name where a key is unknown.

Booleans are `true` and `false` (YAML 1.2): `no` is a string; and a key given twice is refused. Relative paths
are relative to the working directory of the relay.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from relay.config.inbound import Auth, Listener, ListenerKind, Purpose
from relay.config.schema import Config
from relay.config.wording import worded
from relay.model.address import printable

_Model = TypeVar("_Model", bound=BaseModel)
Lines = dict[tuple[str | int, ...], int]  # path of a key -> its line


class ConfigError(Exception):
    """The configuration cannot be used. `lines` each say where and why."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class _Loader(yaml.SafeLoader):
    """YAML with 1.2 booleans and without keys given twice."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_BOOLEAN = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", _BOOLEAN, list("tTfF"))


def load(path: Path) -> Config:
    """Read and check a configuration file.

    Raises:
        ConfigError: it or a file it names cannot be read, is not YAML, or says what it must not.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)  # the path is told once
        raise ConfigError([f"{path}: cannot be read: {why}"]) from error
    config = parse(text, str(path))
    if config.bounces is not None:
        from relay.config.bounces import load_bounces  # which reads with what stands here

        load_bounces(config.bounces)
    return config


def parse(text: str, name: str = "config") -> Config:
    """The same from text; `name` stands for the file in errors."""
    config, lines = parse_as(Config, text, name)
    if faults := _check(config, lines, name):
        raise ConfigError(faults)
    return config


def parse_as(model: type[_Model], text: str, name: str) -> tuple[_Model, Lines]:
    """A YAML document as a value of `model`, and the line of each of its keys. Raises ConfigError."""
    lines: Lines = {}
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        tree = _build(loader, node, (), lines, name) if node is not None else {}
    except yaml.YAMLError as error:
        raise ConfigError([_syntax(error, text, name)]) from error
    except RecursionError as error:
        raise ConfigError([f"{name}: lists and mappings stand too deep inside one another"]) from error
    if not isinstance(tree, dict):
        raise ConfigError([f"{name}: expected keys and values at the top"])
    try:
        return model.model_validate(tree), lines
    except ValidationError as error:
        raise ConfigError([_explain(each, tree, lines, name, model) for each in error.errors()]) from error


def _build(
    loader: _Loader,
    node: yaml.Node,
    path: tuple[str | int, ...],
    lines: Lines,
    name: str,
) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        tree: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(_value(loader, key_node, name))
            if key in tree:
                where = f"{name}, line {key_node.start_mark.line + 1}"
                raise ConfigError([f"{where}: {printable('.'.join(map(str, (*path, key))))} is given twice"])
            lines[(*path, key)] = key_node.start_mark.line + 1
            tree[key] = _build(loader, value_node, (*path, key), lines, name)
        return tree
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, each, (*path, number), lines, name) for number, each in enumerate(node.value)]
    return _value(loader, node, name)


def _value(loader: _Loader, node: yaml.Node, name: str) -> Any:
    """What a node stands for. PyYAML raises whatever comes to a value that does not fit its type: `2026-02-31`."""
    try:
        return loader.construct_object(node)
    except (ValueError, LookupError, AttributeError, TypeError, ArithmeticError) as error:
        kind = node.tag.rpartition(":")[2]
        where = f"{name}, line {node.start_mark.line + 1}"
        raise ConfigError(
            [f"{where}: not a value of YAML's type {kind!r}; quotation marks make it a text"]
        ) from error


def _syntax(error: yaml.YAMLError, text: str, name: str) -> str:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        what = ", ".join(each for each in (error.context, error.problem) if each)
        return f"{name}, line {mark.line + 1 if mark else 1}: not YAML: {what}"
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"{name}, line {line}: not YAML: {error.reason}"
    return f"{name}, line 1: not YAML: {error}".replace("\n", " ")


def _called(path: tuple[str | int, ...], tree: Any) -> str:
    """A path as people find it: `listeners.0 (submission).kind`."""
    words: list[str] = []
    for step in path:
        try:
            tree = tree[step]
        except (KeyError, IndexError, TypeError):
            tree = None
        called = tree.get("name", tree.get("username")) if isinstance(step, int) and isinstance(tree, dict) else None
        words.append(
            f"{step} ({called})" if isinstance(called, str) and called.isprintable() else printable(str(step))
        )
    return ".".join(words)


def _explain(error: Any, tree: Any, lines: Lines, name: str, model: type[BaseModel]) -> str:
    path = tuple(error["loc"])
    known = path
    while known and known not in lines:
        known = known[:-1]
    where = f"{name}, line {lines.get(known, 1)}: {_called(path, tree)}"
    if error["type"] == "extra_forbidden":
        return f"{where}: no such key{_nearest(path, model)}"
    if error["type"] == "missing":
        return f"{where}: is missing"
    return f"{where}: {worded(error)}"


def _nearest(path: tuple[str | int, ...], top: type[BaseModel]) -> str:
    model: Any = top
    for step in path[:-1]:
        if isinstance(step, str):
            model = _part(model.model_fields[step].annotation)
    near = difflib.get_close_matches(str(path[-1]), list(model.model_fields), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _part(annotation: Any) -> Any:
    if isinstance(annotation, type):
        return annotation
    return next(_part(each) for each in annotation.__args__ if each is not Ellipsis)


def _check(config: Config, lines: Lines, name: str) -> list[str]:
    """What one key alone cannot tell."""
    faults: list[str] = []
    if not config.listeners:
        faults.append(f"{name}, line {lines.get(('listeners',), 1)}: listeners: at least one is needed")
    for number, each in enumerate(config.listeners):
        where = f"{name}, line {lines.get(('listeners', number), 1)}: listeners.{number} ({each.name})"
        if each.kind is ListenerKind.PLAIN and each.minimum_tls != "1.2":
            faults.append(f"{where}.minimum_tls: kind plain has no TLS")
        if any(ipaddress.ip_network(net).prefixlen == 0 for net in each.proxy):
            faults.append(f"{where}.proxy: would let the whole Internet name any address as its own")
        if each.purpose is Purpose.RETURNS:
            faults += _check_returns(each, where)
            continue
        open_door = each.auth is Auth.NONE or each.auth_without_tls
        if open_door and not each.networks:
            faults.append(f"{where}: needs networks, since it takes mail without TLS and AUTH")
        if open_door and any(ipaddress.ip_network(net).prefixlen == 0 for net in each.networks):
            faults.append(f"{where}.networks: would let in the whole Internet")
        if each.auth is Auth.NONE and not each.credential:
            faults.append(f"{where}: auth none needs the credential whose domains and limits apply")
        if each.kind is ListenerKind.PLAIN and each.auth is Auth.REQUIRED and not each.auth_without_tls:
            faults.append(f"{where}: nobody could log in: kind plain has no TLS, and auth_without_tls is false")
    return faults + _twice(config, lines, name)


def _check_returns(listener: Listener, where: str) -> list[str]:
    """What a listener for returned mail has no use for."""
    faults: list[str] = []
    if listener.auth is not Auth.NONE:
        faults.append(f"{where}.auth: purpose returns has no AUTH; leave it out")
    if listener.auth_without_tls:
        faults.append(f"{where}.auth_without_tls: purpose returns has no AUTH; leave it out")
    if listener.credential:
        faults.append(f"{where}.credential: purpose returns takes mail for our return paths only; leave it out")
    if listener.trusted:
        faults.append(f"{where}.trusted: purpose returns has no AUTH that could fail; leave it out")
    if listener.kind is ListenerKind.TLS:
        faults.append(f"{where}.kind: mail servers begin without TLS; purpose returns is starttls or plain")
    return faults


def _twice(config: Config, lines: Lines, name: str) -> list[str]:
    """Names, and places to listen, that can be only one's."""
    faults: list[str] = []
    names: dict[str, int] = {}
    taken: list[tuple[str, int, str]] = []  # address, port, whose
    for number, each in enumerate(config.listeners):
        line = lines.get(("listeners", number), 1)
        where = f"{name}, line {line}: listeners.{number} ({each.name})"
        if each.name in names:
            faults.append(f"{where}: the listener of line {names[each.name]} has the same name")
        names.setdefault(each.name, line)
        faults += _collisions(where, each.address, each.port, taken)
        taken.append((each.address, each.port, f"the listener of line {line} ({each.name})"))
    line = lines.get(("http", "port"), lines.get(("http",), 1))
    return faults + _collisions(f"{name}, line {line}: http", config.http.address, config.http.port, taken)


def _collisions(where: str, address: str, port: int, taken: list[tuple[str, int, str]]) -> list[str]:
    return [
        f"{where}: port {port} is taken by {whose}"
        for other, others, whose in taken
        if port and port == others and _overlap(address, other)
    ]


def _overlap(one: str, other: str) -> bool:
    try:
        first, second = ipaddress.ip_address(one), ipaddress.ip_address(other)
    except ValueError:
        return one == other
    same_kind = first.version == second.version
    return same_kind and (first == second or first.is_unspecified or second.is_unspecified)
