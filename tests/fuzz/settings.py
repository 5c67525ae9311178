"""Configuration files: a value, or lines that name file and line; never another error.

An operator is no stranger, but a file is edited in haste, and a relay that starts with a trace helps nobody.
"""

from __future__ import annotations

from relay.config import Config
from relay.config.load import ConfigError, parse
from tests.fuzz.peer import harmless
from tests.fuzz.target import Target


def check_config(octets: bytes) -> None:
    try:
        parse(octets.decode("utf-8", "replace"))
    except ConfigError as error:
        assert error.lines
        assert all(each.startswith("config") and harmless(each) for each in error.lines), error.lines
    else:
        assert octets


_WORDS = (
    *(f"{name}:".encode() for name in Config.model_fields), b"\n", b"\n  ", b"\n- ", b" ", b"- ", b"{", b"}", b"[",
    b"]",
    b"true", b"no", b"1", b"-1", b"1e400", b".inf", b".nan", b"~", b"null", b'"', b"'", b"&a ", b"*a",
    b"!!python/name:os",
    b"!!binary aGk=", b"!!timestamp 2001-12-14", b"? ", b"|", b">", b"#", b"<<: ", b"%YAML 1.1\n", b"---\n", b"\t",
    b"\xff",
    b"name: a", b"port: 25", b"kind: plain", b"networks: [192.0.2.0/24]", b"proxy:", b"0x7f", b"60:60",
    b"12345678901" * 40,
)  # fmt: skip

TARGETS = (Target(name="config", check=check_config, words=_WORDS, work=check_config, head=b"listeners: "),)
