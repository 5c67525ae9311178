"""ResponsiveEmail JSON: a document becomes a page that stands in all programs for mail, its text and its fields."""

from __future__ import annotations

from relay.transform.responsive.block import Need
from relay.transform.responsive.document import Rendered, fields, needed, render
from relay.transform.responsive.error import DocumentError
from relay.transform.responsive.fields import Attachment, Fields

__all__ = [
    "Attachment",
    "DocumentError",
    "Fields",
    "Need",
    "Rendered",
    "fields",
    "needed",
    "render",
]
