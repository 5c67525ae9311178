"""All targets, by name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fuzz import commands, content, controls, pages, peer, reports, rewriting, session, settings, templates
from tests.fuzz.target import Target

TARGETS: Mapping[str, Target] = {
    each.name: each
    for module in (session, controls, content, pages, commands, peer, reports, settings, rewriting, templates)
    for each in module.TARGETS
}
