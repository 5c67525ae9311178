"""All targets, by name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fuzz import (
    asked,
    commands,
    content,
    controls,
    documents,
    pages,
    peer,
    reports,
    rewriting,
    sending,
    session,
    settings,
    stored,
    templates,
)
from tests.fuzz.target import Target

TARGETS: Mapping[str, Target] = {
    each.name: each
    for module in (
        session, controls, content, pages, commands, peer, reports, settings, rewriting, templates,
        asked, sending, documents, stored,
    )
    for each in module.TARGETS
}  # fmt: skip
