"""One frozen `Config`: `schema.py` and what it is put together from say what there is, `load.py`
reads it.

Each stage gets the part it needs as an argument; no module reads the environment or a global.
"""

from relay.config.inbound import (
    Auth,
    Http,
    Https,
    Limits,
    Listener,
    ListenerKind,
    ListenerLimits,
    Purpose,
    Tls,
)
from relay.config.load import ConfigError, load, parse
from relay.config.outbound import Delivery, Dns, Egress, RouteRule, Smarthost, SmarthostTls
from relay.config.schema import (
    Config,
    Content,
    Log,
    LogFormat,
    LongLines,
    OptionPolicy,
    Processes,
    Retention,
    Sandbox,
    Stream,
)
from relay.config.tracking import ClientAddress, Images, Tracking
from relay.config.values import parse_duration, parse_size

__all__ = [
    "Auth",
    "ClientAddress",
    "Config",
    "ConfigError",
    "Content",
    "Delivery",
    "Dns",
    "Egress",
    "Http",
    "Https",
    "Images",
    "Limits",
    "Listener",
    "ListenerKind",
    "ListenerLimits",
    "Log",
    "LogFormat",
    "LongLines",
    "OptionPolicy",
    "Processes",
    "Purpose",
    "Retention",
    "RouteRule",
    "Sandbox",
    "Smarthost",
    "SmarthostTls",
    "Stream",
    "Tls",
    "Tracking",
    "load",
    "parse",
    "parse_duration",
    "parse_size",
]
