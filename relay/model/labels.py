"""What a message was labelled with, as every event of it tells it: search, statistics and webhooks go by these words.

In:  the options of a message. Out: words of an event's data; none where the message has none.
"""

from __future__ import annotations

from typing import Any

from relay.model.options import NOTHING, Options

LABELS = ("tags", "campaign", "tenant", "stream", "message_ref", "metadata")


def labels(options: Options) -> dict[str, Any]:
    if options is NOTHING:
        return {}
    found: dict[str, Any] = {}
    if options.tags:
        found["tags"] = list(options.tags)
    if options.campaign:
        found["campaign"] = options.campaign
    if options.tenant:
        found["tenant"] = options.tenant
    if options.stream:
        found["stream"] = options.stream
    if options.message_ref:
        found["message_ref"] = options.message_ref
    if options.metadata:
        found["metadata"] = dict(options.metadata)
    return found
