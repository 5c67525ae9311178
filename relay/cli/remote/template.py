"""`template` over the API, which keeps a template as a ResponsiveEmail document.

Why so: a template that is written part by part is to the API a document whose content is the whole page; so `put`
with `--html` and its like changes these members of the document there is, and keeps the others.
"""

from __future__ import annotations

import json
import sys
from email.parser import BytesHeaderParser
from email.policy import SMTP
from pathlib import Path
from typing import Annotated, Any

import typer

from relay.cli.account import check_name
from relay.cli.frame import CommandError, ExitCode, JsonOption
from relay.cli.output import print_fields, print_json, print_table
from relay.cli.remote.client import name as segment
from relay.cli.remote.client import remote
from relay.cli.remote.frame import family
from relay.cli.template import Name, Version, shown_text
from relay.cli.templates import object_of, read_text
from relay.model.template import Format, Part

PAGE = 1000  # templates
_USUAL = {"webversion": "https://example.com/view"}  # a value, so that placeholders are filled in at all

app = family("Stored templates: what messages with `X-SMTPeter-Template` are made from.")


@app.command("put")
def put(
    name: Name,
    subject: Annotated[str | None, typer.Option(metavar="TEXT", help="The Subject of messages made from it.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="The page; - is standard input.")] = None,
    text: Annotated[Path | None, typer.Option(metavar="FILE", help="The plain text; - is standard input.")] = None,
    document: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A ResponsiveEmail document in JSON, which all parts are rendered from."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a template, or a new version of one; parts that are not named stay as they are.

    What cannot be compiled is refused. The newest 20 versions are kept.
    """
    check_name(name)
    parts: dict[str, Any] = {} if subject is None else {"subject": subject}
    for member, file in (("content", html), ("text", text)):
        if file is not None:
            parts[member] = read_text(file)
    if document is not None and parts:
        raise typer.BadParameter("a document has all parts, and there are others", param_hint="--document")
    if document is None and not parts:
        raise CommandError("there is no part: say --subject, --html, --text or --document", ExitCode.USAGE)
    before = _of_name(name)
    wanted = object_of(document) if document is not None else {**(before or {}), **parts}
    wanted = {**wanted, "name": name}
    wanted.pop("id", None)
    if before is None:
        told = remote().ask("POST", "/template", body=wanted)
    else:
        told = remote().ask("PUT", f"/template/{before['id']}", body=wanted)
    shown = {"template": name, **told.json()}
    for each in shown.pop("warnings", ()):
        typer.echo(each, err=True)
    print_json(shown) if as_json else print_fields(shown)


def _of_name(name: str) -> dict[str, Any] | None:
    """The document of that name (not id), or None."""
    number = next((each["id"] for each in _listed() if each["name"].casefold() == name.casefold()), None)
    return None if number is None else remote().get(f"/template/{number}")


def _listed() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while page := remote().get(f"/templates/{len(found)}/{PAGE}"):
        found += page
        if len(page) < PAGE:
            break
    return found


@app.command("list")
def listing(as_json: JsonOption = False) -> None:
    """List templates."""
    found = [{"template": each["name"], "id": each["id"]} for each in _listed()]
    print_json(found) if as_json else print_table(["template", "id"], [tuple(each.values()) for each in found])


@app.command("show")
def show(
    name: Name,
    version: Version = None,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="Print what it is rendered to, and nothing else. mime and embedded are whole messages, the second "
            "with its pictures.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a template: its document, and which versions of it there are."""
    if form is not None:
        sys.stdout.flush()
        sys.stdout.buffer.write(_formatted(name, version, form, {}))
        return
    document = _document(name, version)
    versions = remote().get(f"/template/{document['id']}/versions")
    number = version or max(each["version"] for each in versions)
    this = next(each for each in versions if each["version"] == number)
    head = {"template": document["name"], "id": document["id"], **this, "subject": document.get("subject")}
    if as_json:
        print_json({**head, "source": document, "versions": versions})
        return
    print_fields(head)
    print()
    print_table(
        ["version", "changed", "note"], [[each[it] for it in ("version", "changed", "note")] for each in versions]
    )
    print(f"\n--- document ---\n{shown_text(json.dumps(document, ensure_ascii=False, indent=2))}")


@app.command("render")
def render(
    name: Name,
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON object with the variables; - is standard input.")
    ] = None,
    version: Version = None,
    part: Annotated[
        Part | None, typer.Option("--part", help="Print what comes of this part, and nothing else.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print what a template gives for some data: texts and numbers by name.

    What a message brings by itself (recipient, envelope, webversion, unsubscribe, content) has a value for show,
    unless the data says otherwise.
    """
    values = {**_USUAL, **_plain(object_of(data) if data is not None else {})}
    made = {each: _part(name, version, each, values) for each in Part if part in (None, each)}
    if as_json:
        print_json(made)
    elif part is not None:
        sys.stdout.write(made[part])
    else:
        print(f"Subject: {shown_text(made[Part.SUBJECT]) or '-'}")
        for each in (Part.TEXT, Part.HTML):
            if made[each]:
                print(f"\n--- {each} ---\n{shown_text(made[each])}")


def _plain(data: dict[str, Any]) -> dict[str, str]:
    """Raises CommandError: the API takes values in the query, where lists and objects have no place."""
    for each, value in data.items():
        if isinstance(value, dict | list):
            raise CommandError(f"--data: {each}: the API renders texts and numbers alone", ExitCode.USAGE)
    return {each: "" if value is None else str(value) for each, value in data.items()}


def _part(name: str, version: int | None, part: Part, values: dict[str, str]) -> str:
    if part is not Part.SUBJECT:
        form = Format.HTML if part is Part.HTML else Format.TEXT
        return _formatted(name, version, form, values).decode()
    header = BytesHeaderParser(policy=SMTP).parsebytes(_formatted(name, version, Format.MIME, values))
    return str(header.get("Subject", ""))


def _formatted(name: str, version: int | None, form: Format, values: dict[str, str]) -> bytes:
    """The newest is rendered where it lies; of an older version its document is sent to be rendered."""
    if form is Format.JSON:
        return json.dumps(_document(name, version), ensure_ascii=False, indent=2).encode() + b"\n"

    if version is None:
        answered = remote().ask("GET", f"/template/{segment(name)}/{form}", query=values)
    else:
        answered = remote().ask("POST", f"/{form}", query=values, body=_document(name, version))
    return answered.octets


def _document(name: str, version: int | None) -> dict[str, Any]:
    path = f"/template/{segment(name)}"
    found: dict[str, Any] = remote().get(path if version is None else f"{path}/versions/{version}")
    return found


@app.command("remove")
def remove(name: Name, as_json: JsonOption = False) -> None:
    """Remove a template with all its versions. Messages that are queued stay as they are."""
    document = _document(name, None)
    remote().ask("DELETE", f"/template/{document['id']}")
    shown = {"template": document["name"], "id": document["id"]}
    print_json(shown) if as_json else print_fields(shown)
