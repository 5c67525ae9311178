"""`preset` over the API: options under a name."""

from __future__ import annotations

from typing import Any

from relay.cli.changes import OptionChanges
from relay.cli.frame import CommandError, ExitCode, JsonOption
from relay.cli.gather import gather
from relay.cli.preset import Name, print_list, print_preset
from relay.cli.remote.client import name as segment
from relay.cli.remote.client import remote
from relay.cli.remote.frame import family

app = family("Presets: options under a name, for messages with `X-SMTPeter-Preset`.")


@app.command("add")
@gather
def add(name: Name, changes: OptionChanges, as_json: JsonOption = False) -> None:
    """Make a preset. A credential needs `credential set --preset NAME` to let its messages name it."""
    try:
        remote().get(_path(name))
    except CommandError as error:
        if error.code is not ExitCode.NOT_FOUND:
            raise
    else:
        raise CommandError(f"there is a preset {name} already; `preset set` changes it")
    print_preset(_put(name, changes.options({}, "preset")), as_json)


@app.command("set")
@gather
def change(name: Name, changes: OptionChanges, as_json: JsonOption = False) -> None:
    """Change options of a preset; those not named stay as they are."""
    before = remote().get(_path(name))["options"]
    print_preset(_put(name, changes.options(before, "preset")), as_json)


@app.command("list")
def listing(as_json: JsonOption = False) -> None:
    """List presets."""
    print_list(remote().pages("/presets", "presets"), as_json)


@app.command("show")
def show(name: Name, as_json: JsonOption = False) -> None:
    """Show the options of a preset."""
    print_preset(remote().get(_path(name)), as_json)


@app.command("remove")
def remove(name: Name, as_json: JsonOption = False) -> None:
    """Remove a preset that no credential may name any more."""
    shown = remote().get(_path(name))
    remote().ask("DELETE", _path(name))
    print_preset(shown, as_json)


def _put(name: str, options: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = remote().ask("PUT", _path(name), body={"options": options}).json()
    return found


def _path(name: str) -> str:
    return f"/presets/{segment(name)}"
