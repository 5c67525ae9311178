"""Whether a content's lines end in CR LF and in nothing else.

Why so: the decoder in which Python reads text files notes in one pass which line ends it meets. Counting CR, LF and
CR LF one after the other takes five times as long, and every message is looked at twice on its way.
"""

from __future__ import annotations

from io import IncrementalNewlineDecoder


def only_crlf(content: bytes) -> bool:
    """False for a bare CR or a bare LF anywhere."""
    met = IncrementalNewlineDecoder(None, translate=False)
    met.decode(content.decode("latin-1"), final=True)
    return met.newlines in (None, "\r\n")
