"""What a template comes to before a message is made of it: properties again, as if the client had written them.

In:  `template`, `patch` and the properties beside them.
Out: the same without `template` and `patch`: `from`, `to`, `subject`, `text`, `html`, `attachments` and the like,
     placeholders still in them, and options.

Why so: so there is one way from properties to a message, whoever wrote them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Prepared:
    properties: Mapping[str, Any]  # `headers` (name -> text) may be among them: fields of the template's own
    warnings: tuple[str, ...] = ()
