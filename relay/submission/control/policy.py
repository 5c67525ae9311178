"""What is wrong with the operator's policy on options, before a message meets it.

In:  the part `options` of the configuration. Out: a line a fault; none where all is well.
"""

from __future__ import annotations

from collections.abc import Iterator

from relay.config.schema import OptionPolicy
from relay.model.reply import Refused
from relay.submission.control.option import Door
from relay.submission.control.permission import read_forbidden
from relay.submission.control.registry import parse_setting


def policy_faults(policy: OptionPolicy) -> Iterator[str]:
    """Names that are no options, values they cannot have, streams within streams."""
    parts = [("defaults", policy.defaults, Door.ACCOUNT), ("force", policy.force, Door.ACCOUNT)]
    parts += [(f"streams.{name}.options", each.options, Door.PRESET) for name, each in policy.streams.items()]
    for key, options, door in parts:
        for name, value in options.items():
            try:
                option, _ = parse_setting(name, value, door)
            except ValueError as error:
                yield f"options.{key}: {error}"
                continue
            if option == "stream" and door is Door.PRESET:
                yield f"options.{key}: stream: a stream brings no other stream"
    for entry in policy.forbid:
        try:
            read_forbidden(entry)
        except Refused as refused:
            yield f"options.forbid: {refused.reply.text}"
