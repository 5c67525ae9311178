"""What a child process is given by its keeper. Values and open sockets; nothing here waits."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from relay.config import Config, Listener
from relay.smtp.sni import Certificates

WEB_SHARD = 1000  # the web worker's: what readers of mail did, and what is submitted to the API


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One child's share of the relay. All else of its keeper's it has closed before it starts."""

    name: str  # "worker-0", "web", "reporter": as logs and the health page call it
    config: Config  # with the ports that were bound, where the file says 0
    control: socket.socket  # to the supervisor: beats and `ready` out, orders in; its end is our end
    limits: socket.socket  # to the broker of limits
    sharers: int  # processes that share the machine-wide limits
    shard: int = -1  # the own one; -1: none
    adopted: tuple[int, ...] = ()  # shards without a worker of their own, drained here
    listeners: tuple[tuple[Listener, socket.socket], ...] = ()  # bound and listening
    http: socket.socket | None = None  # bound and listening
    https: socket.socket | None = None  # likewise; with `tls`
    tls: Certificates | None = None  # shared with the other workers, ticket keys included
