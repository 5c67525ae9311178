"""A warning where a default for mail was set with which none is taken: on standard error, and it is set all the same.

In:  whose defaults were set, and the registry that has them.
Out: lines, as `relay check` has them.

Why so: the stream or the pool may be on its way into the configuration, and the key may be the next command's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from relay.model.clock import system_clock

if TYPE_CHECKING:
    from relay.cli.checks.defaults import Holder, Owner
    from relay.config import Config
    from relay.store.interface import Registry


def doubt(config: Config, opened: Registry, owner: Owner) -> None:
    """Of one whose defaults were set just now. Raises StoreDown."""
    if not owner.options:
        return
    from relay.cli.checks.defaults import account_of, holder, things

    _say(config, opened, [holder(owner, things(opened, account_of(owner)))])


def doubt_all(config: Config, opened: Registry) -> None:
    """Of all that the registry has. Raises StoreDown."""
    from relay.cli.checks.defaults import holders

    _say(config, opened, holders(opened))


def _say(config: Config, opened: Registry, given: Iterable[Holder]) -> None:
    from relay.cli.checks.defaults import faults

    for each in faults(config, given, opened.keys(None), system_clock()):
        typer.echo(f"warning: {each.subject} {each.text}; {each.advice}", err=True)
