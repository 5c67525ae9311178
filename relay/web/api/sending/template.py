"""The property `template`, before a message is made of it.

In:  the properties of a message with a `template` among them.
Out: the properties it comes to; None: it is the name or the number of a stored template that is put on the message
     itself, by the option of that name; or a Problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay.web.api.call import Asked
from relay.web.api.problem import Problem
from relay.web.api.sending.prepared import Prepared
from relay.web.api.services import Services


async def prepare(services: Services, asked: Asked, properties: Mapping[str, Any]) -> Prepared | None:
    """Raises Problem."""
    value = properties.get("template")
    if isinstance(value, str | int) and not isinstance(value, bool):
        return None
    raise Problem("bad_value", "template: expected the name or the number of a stored template", field="template")
