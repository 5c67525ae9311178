"""Which recipients a command is about: the options all commands on the queue share, and what they select."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from relay.cli.frame import CommandError, ExitCode
from relay.model.message import State
from relay.model.order import Selection

if TYPE_CHECKING:
    from relay.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options as they were given."""

    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Of submissions or of recipients.", show_default=False)
    ] = None
    state: Annotated[
        list[State] | None,
        typer.Option(help="Only recipients in this state; may be given again. Default: all not final."),
    ] = None
    domain: Annotated[str, typer.Option(metavar="DOMAIN", help="Only recipients at this domain.")] = ""
    site: Annotated[
        str, typer.Option(metavar="SITE", help="Only those last tried at this site; explain names it.")
    ] = ""
    account: Annotated[str, typer.Option(metavar="NAME", help="Only this account's mail.")] = ""
    credential: Annotated[str, typer.Option(metavar="NAME", help="Only what this credential handed in.")] = ""
    tag: Annotated[str, typer.Option(metavar="TAG", help="Only messages with this tag.")] = ""
    campaign: Annotated[str, typer.Option(metavar="NAME", help="Only messages of this campaign.")] = ""
    send_cancel_id: Annotated[str, typer.Option(metavar="ID", help="Only messages with this send_cancel_id.")] = ""
    older: Annotated[
        str, typer.Option(metavar="AGE", help="Only what came longer ago: 2h, 3d, or before a time.")
    ] = ""
    newer: Annotated[str, typer.Option(metavar="AGE", help="Only what came since then: 30min, or a time.")] = ""

    def selection(self) -> Selection:
        """Raises BadParameter for what is no time, CommandError for what is no id."""
        from relay.cli.shards import known_id
        from relay.cli.times import ago

        return Selection(
            ids=tuple(str(known_id(each)[0]) for each in self.ids or ()),
            domain=_domain(self.domain),
            site=self.site,
            account=self.account,
            credential=self.credential,
            tag=self.tag,
            campaign=self.campaign,
            send_cancel_id=self.send_cancel_id,
            states=tuple(self.state or ()),
            before=ago(self.older, "--older"),
            since=ago(self.newer, "--newer"),
        )


def _domain(given: str) -> str:
    """As recipients carry it: lower case, and A-labels where it has others."""
    if given.isascii():
        return given.lower().rstrip(".")
    from relay.cli.domain import normal

    return normal(given, "--domain")


def check_names(config: Config, selection: Selection) -> None:
    """A name that nobody has is an error and not an empty selection. Raises CommandError, NotFound."""
    from relay.cli.frame import registry
    from relay.cli.shards import known_id, reader

    for each in selection.ids:
        found, shard = known_id(each)
        with reader(config, shard) as opened:
            numbers = [state.number for state in opened.recipients(found.submission)]
        if not numbers or (found.recipient is not None and found.recipient not in numbers):
            raise CommandError(f"there is no message {each}", ExitCode.NOT_FOUND)
    if selection.account or selection.credential:
        with registry(config) as opened_registry:
            if selection.account:
                opened_registry.account(selection.account)
            if selection.credential:
                opened_registry.credential(selection.credential)
