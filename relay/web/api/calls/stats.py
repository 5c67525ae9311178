"""Statistics."""

from __future__ import annotations

from relay.web.api.call import Call

CALLS: tuple[Call, ...] = ()
