"""`relay webhook key`: what signs webhooks that ask for SMTPeter's signature, and the records that publish it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.frame import CommandError, ConfigOption, JsonOption, examples, operator, program, settings
from relay.cli.output import print_json, when
from relay.cli.webhook_shared import hooks
from relay.manage.webhooks import make_key
from relay.model.account import DkimKey, KeyState
from relay.model.clock import system_clock

if TYPE_CHECKING:
    from relay.config import Config
    from relay.store.sqlite.hooks import SqliteWebhooks


def join(app: typer.Typer) -> None:
    app.command(
        "key",
        epilog=examples(
            "relay webhook key             # the records to publish",
            "relay webhook key --new       # 1. make another key, publish its record",
            "relay webhook key --retire    # 2. once it is published, sign with it",
            "relay webhook key --forget    # 3. after a week, drop retired ones; take their records out of DNS",
        ),
    )(key)


def key(
    new: Annotated[bool, typer.Option("--new", help="Make another key; the old one signs on.")] = False,
    retire: Annotated[bool, typer.Option("--retire", help="Sign with the newest key from now on.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Drop keys that were retired.")] = False,
    force: Annotated[bool, typer.Option("--force", help="With --retire: do not ask DNS for the new key.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the keys of SMTPeter's signatures with their TXT records, or change keys in steps."""
    if new + retire + forget > 1:
        raise typer.BadParameter("one step at a time", param_hint="--new, --retire, --forget")
    checked = settings(config)
    with hooks(checked) as opened:
        if new:
            make_key(opened, checked, operator(), system_clock())
        if retire:
            _retire(opened, checked, force)
        if forget:
            _forget(opened)
        described = _describe(opened.signing_keys())
    if as_json:
        print_json(described)
        return
    if not described:
        print(f"there is no key: `{program()} webhook key --new` makes one")
    for each in described:
        print(f"; {each['selector']} of {each['created']}: {each['use']}")
        print(f"{each['name']}. IN TXT {_strings(each['record'])}")


def _retire(opened: SqliteWebhooks, config: Config, force: bool) -> None:
    active = [each for each in opened.signing_keys() if each.state is KeyState.ACTIVE]
    if len(active) < 2:
        raise CommandError(f"there is no newer key to sign with: `{program()} webhook key --new` makes one")
    if not force:
        _published(config, active[0])
    for each in active[1:]:
        opened.set_key_state(each.selector, KeyState.RETIRED)
        opened.audit(system_clock(), operator(), "webhook key --retire", {"selector": each.selector})


def _published(config: Config, key: DkimKey) -> None:
    """Raises CommandError unless DNS has its record."""
    from relay.cli.lookup import texts
    from relay.report.webhooks.sign import key_name

    name = key_name(key)
    if not any(f"p={key.public_base64}" in each.replace(" ", "") for each in texts(config, [name])[name]):
        raise CommandError(f"{name} is not published yet, so the old key signs on (--force does it all the same)")


def _forget(opened: SqliteWebhooks) -> None:
    for each in opened.signing_keys():
        if each.state is KeyState.RETIRED:
            opened.remove_key(each.selector)
            opened.audit(system_clock(), operator(), "webhook key --forget", {"selector": each.selector})


def _describe(keys: list[DkimKey]) -> list[dict[str, Any]]:
    from relay.report.webhooks.request import signing_key
    from relay.report.webhooks.sign import key_name, key_record

    signing = signing_key(keys)
    return [
        {
            "selector": each.selector,
            "domain": each.domain,
            "created": when(each.created),
            "use": "signs"
            if each is signing
            else "retired; leave its record published for a week"
            if each.state is KeyState.RETIRED
            else "does not sign yet: publish it, then --retire the old one",
            "name": key_name(each),
            "record": key_record(each),
        }
        for each in keys
    ]


def _strings(text: str) -> str:
    """A TXT record as a zone file has it: strings of at most 255 octets."""
    return " ".join(f'"{text[start : start + 255]}"' for start in range(0, len(text), 255))
