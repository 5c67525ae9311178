"""Which reverse-path goes on the wire: the client's, or one of ours that brings bounces back to us.

In:  the header, the final envelope, the options with their provenance, the domain the message speaks for.
Out: the host of our return path, or "" for the client's own reverse-path; and warnings; or Refused.

Standards: RFC 3834 (Auto-Submitted), RFC 6522 (multipart/report).

Why so: our return path is used only where its host is known to lead to us, or bounces would be lost. The null
reverse-path says that nobody wants a bounce, and answering automatic mail is how loops begin: it stays null
unless the message itself asks for tracking and is neither a report nor an automatic answer. A default of the
credential or of the domain is no such request.
"""

from __future__ import annotations

import re

from relay.model.account import Credential, Domain
from relay.model.envelope import Envelope
from relay.model.options import Resolved
from relay.model.reply import Refused
from relay.submission.directory import Directory
from relay.transform.headers import Header, unfold

# How `Resolved.sources` names what the message itself brought.
ASKED = ("header", "ESMTP", "property")
_REPORT = re.compile(rb"\s*multipart/report\b", re.IGNORECASE)
_NOT_AUTOMATIC = re.compile(rb"\s*no\s*(?:;|\(|\Z)", re.IGNORECASE)
_AUTOMATIC = frozenset({b"bulk", b"junk", b"list", b"auto_reply", b"auto-reply"})


def return_host(
    header: Header,
    envelope: Envelope,
    resolved: Resolved,
    domain: Domain | None,
    credential: Credential,
    directory: Directory,
    *,
    pathless: bool = False,
) -> tuple[str, tuple[str, ...]]:
    """The host of our return path ("": none), and warnings. `pathless`: the client named no reverse-path.

    Raises:
        Refused: 554 5.6.0 `return_path_domain` is no verified bounce host of the account.
    """
    options = resolved.options
    host = ""
    if options.return_path_domain:
        host = options.return_path_domain.lower()
        if not directory.bounce_host(credential.account, host):
            text = f"return_path_domain: {host} is no verified bounce host of account {credential.account}"
            raise Refused(554, "5.6.0", text)
    if not options.track_bounces:
        return "", ()
    if not envelope.reverse_path and (not (pathless or _asked(resolved)) or automatic(header)):
        return "", ()
    if host:
        return host, ()
    if domain is not None and domain.bounce_host and domain.bounce_verified is not None:
        return domain.bounce_host, ()
    whose = domain.name if domain is not None else "the domain in From"
    return "", (f"track_bounces: {whose} has no verified bounce host, so the reverse-path stays as it was given",)


def automatic(header: Header) -> bool:
    """Whether the message is a report, or was sent by a program in answer to another."""
    return (
        any(not _NOT_AUTOMATIC.match(unfold(value)) for value in header.named(b"auto-submitted"))
        or any(_REPORT.match(unfold(value)) for value in header.named(b"content-type"))
        or any(unfold(value).strip().lower() in _AUTOMATIC for value in header.named(b"precedence"))
    )


def _asked(resolved: Resolved) -> bool:
    return resolved.sources.get("track_bounces", "").startswith(ASKED)
