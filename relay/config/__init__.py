"""One frozen `Config`: `schema.py` says what there is, `load.py` reads it.

Each stage gets the part it needs as an argument; no module reads the environment or a global.
"""

from relay.config.load import ConfigError, load, parse
from relay.config.schema import (
    Auth,
    Config,
    Content,
    Delivery,
    Dns,
    Egress,
    Http,
    Limits,
    Listener,
    ListenerKind,
    Log,
    LogFormat,
    LongLines,
    Processes,
    Retention,
    RouteRule,
    Sandbox,
    Smarthost,
    SmarthostTls,
    Tls,
    parse_duration,
    parse_size,
)

__all__ = [
    "Auth",
    "Config",
    "ConfigError",
    "Content",
    "Delivery",
    "Dns",
    "Egress",
    "Http",
    "Limits",
    "Listener",
    "ListenerKind",
    "Log",
    "LogFormat",
    "LongLines",
    "Processes",
    "Retention",
    "RouteRule",
    "Sandbox",
    "Smarthost",
    "SmarthostTls",
    "Tls",
    "load",
    "parse",
    "parse_duration",
    "parse_size",
]
