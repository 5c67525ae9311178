"""`relay template`: subjects, pages and texts under a name, which messages are made from."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.account import check_name
from relay.cli.frame import (
    CommandError,
    ConfigOption,
    JsonOption,
    examples,
    group,
    operator,
    registry,
    settings,
)
from relay.cli.output import print_fields, print_json, print_table, when
from relay.cli.owner import AccountOption, owner
from relay.cli.template_documents import parts_of, shown
from relay.cli.templates import object_of, read_text, template_errors
from relay.model.clock import system_clock
from relay.model.template import Format, Part, Template

if TYPE_CHECKING:
    from relay.store.interface import Registry

app = group(
    "Stored templates: subject, html and text in the template language, for messages with `X-SMTPeter-Template`.",
    "relay template put welcome --subject 'Hello {$name}' --html welcome.html --text welcome.txt",
    "relay template render welcome --data ann.json",
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The template; digits are an id first, then a name.")]
Version = Annotated[
    int | None, typer.Option("--version", metavar="N", min=1, help="This version. Default: the newest.")
]


@app.command(
    "put",
    epilog=examples(
        "relay template put welcome --subject 'Hello {$name}' --html welcome.html --text welcome.txt",
        "relay template put welcome --text shorter.txt --note 'without the greeting'",
        "relay template put news --document news.json",
    ),
)
def put(
    name: Name,
    subject: Annotated[str | None, typer.Option(metavar="TEXT", help="The Subject of messages made from it.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="The page; - is standard input.")] = None,
    text: Annotated[Path | None, typer.Option(metavar="FILE", help="The plain text; - is standard input.")] = None,
    document: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A ResponsiveEmail document in JSON, which all parts are rendered from."),
    ] = None,
    without: Annotated[
        list[Part] | None, typer.Option("--without", help="Leave this part to the message; may be repeated.")
    ] = None,
    note: Annotated[str, typer.Option(metavar="TEXT", help="For people who look at the versions.")] = "",
    account: AccountOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a template, or a new version of one; parts that are not named stay as they are.

    What cannot be compiled is refused, with line and column. The newest 20 versions are kept. A part that is given
    for a template with a document takes the document's place: from then on it is written by hand.
    """
    from relay.manage import templates

    check_name(name)
    given: dict[str, Any] = {}
    if subject is not None:
        given["subject"] = subject
    for part, file in ((Part.HTML, html), (Part.TEXT, text)):
        if file is not None:
            given[part] = read_text(file)
    for part in without or ():
        if part in given:
            raise typer.BadParameter(f"{part} is given, too", param_hint="--without")
        given[part] = ""
    checked = settings(config)
    if document is not None:
        if given:
            raise typer.BadParameter("a document has all parts, and there are others", param_hint="--document")
        given = parts_of(checked, document)
    elif given:
        given["document"] = ""
    with registry(checked) as opened, template_errors():
        whose = owner(opened, account)
        before = _newest(opened, whose, name)
        wanted = replace(before, **given, created=system_clock(), note=note)
        kept = templates.put(opened, wanted, operator())
    _print(kept, as_json)


@app.command("list", epilog=examples("relay template list", "relay template list --account shop"))
def listing(account: AccountOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List templates, the newest version of each."""
    with registry(settings(config)) as opened:
        if account is not None:
            opened.account(account)
        found = opened.templates(account)
    if as_json:
        print_json([_described(each) for each in found])
        return
    columns = ["template", "id", "account", "version", "changed", "subject", "html", "text", "note"]
    rows = [
        (each.name, each.id, each.account, each.version, when(each.created), *_parts(each).values(), each.note)
        for each in found
    ]
    print_table(columns, rows)


@app.command(
    "show",
    epilog=examples(
        "relay template show welcome",
        "relay template show welcome --version 2 --part html",
        "relay template show news --format json > news.json",
    ),
)
def show(
    name: Name,
    version: Version = None,
    part: Annotated[
        Part | None, typer.Option("--part", help="Print the source of this part, and nothing else.")
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="Print what it is rendered to, and nothing else. mime and embedded are whole messages, the second "
            "with its pictures.",
        ),
    ] = None,
    account: AccountOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a template: its parts as they were written, and which versions of it there are."""
    if part is not None and form is not None:
        raise typer.BadParameter("either a part or a format", param_hint="--format")
    checked = settings(config)
    with registry(checked) as opened:
        whose = owner(opened, account)
        found = opened.template(whose, name, version)
        versions = opened.template_versions(whose, name)
    if form is not None:
        sys.stdout.flush()
        sys.stdout.buffer.write(shown(checked, found, form))
        return
    if part is not None:
        sys.stdout.write(getattr(found, part))
        return
    kept = [{"version": each.version, "changed": when(each.created), "note": each.note} for each in versions]
    if as_json:
        print_json({**_described(found), "versions": kept})
        return
    _print(found, as_json)
    print()
    print_table(["version", "changed", "note"], [tuple(each.values()) for each in kept])
    for each in (Part.TEXT, Part.HTML):
        if source := getattr(found, each):
            print(f"\n--- {each} ---\n{shown_text(source)}")


@app.command(
    "render",
    epilog=examples(
        "relay template render welcome --data ann.json", "relay template render welcome --part html > page.html"
    ),
)
def render(
    name: Name,
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON object with the variables; - is standard input.")
    ] = None,
    version: Version = None,
    part: Annotated[
        Part | None, typer.Option("--part", help="Print what comes of this part, and nothing else.")
    ] = None,
    account: AccountOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print what a template gives for some data.

    What a message brings by itself (recipient, envelope, webversion, unsubscribe, content) has a value for show,
    unless the data says otherwise.
    """
    from relay.manage.templates import SHOWN, compiled
    from relay.transform.merge import TemplateError, render_header

    given = {**SHOWN, **(object_of(data) if data is not None else {})}
    with registry(settings(config)) as opened, template_errors():
        found = opened.template(owner(opened, account), name, version)
        ready = compiled(found)
    made: dict[str, str] = {}
    for each, template in ready.items():
        if part in (None, each):
            try:
                made[each] = render_header(template, given) if each is Part.SUBJECT else template.render(given)
            except TemplateError as error:
                raise CommandError(f"{found.name}: {error.within(each)}") from error
    if as_json:
        print_json(made)
    elif part is not None:
        sys.stdout.write(made.get(part, ""))
    else:
        print(f"Subject: {shown_text(made.get(Part.SUBJECT, '-'))}")
        for each in (Part.TEXT, Part.HTML):
            if each in made:
                print(f"\n--- {each} ---\n{shown_text(made[each])}")


@app.command("remove", epilog=examples("relay template remove welcome --account shop"))
def remove(
    name: Name, account: AccountOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Remove a template with all its versions. Messages that are queued stay as they are."""
    from relay.manage import templates

    with registry(settings(config)) as opened:
        found = templates.remove(opened, owner(opened, account), name, operator(), system_clock())
    _print(found, as_json)


def _newest(opened: Registry, account: str, name: str) -> Template:
    """The template of that name (not id), or an empty one."""
    found = [each for each in opened.templates(account) if each.name.casefold() == name.casefold()]
    return found[0] if found else Template(account=account, name=name, created=0.0)


def shown_text(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(each if each.isprintable() or each in "\n\t" else "" if each == "\r" else " " for each in text)


def _described(template: Template) -> dict[str, Any]:
    from relay.manage.templates import compiled

    variables = sorted({each for made in compiled(template).values() for each in made.variables})
    return {
        "template": template.name,
        "id": template.id,
        "account": template.account,
        "version": template.version,
        "changed": when(template.created),
        "note": template.note,
        "subject": template.subject,
        "html": template.html,
        "text": template.text,
        "document": bool(template.document),
        "variables": variables,
    }


def _print(template: Template, as_json: bool) -> None:
    described = _described(template)
    if as_json:
        print_json(described)
        return
    print_fields({**described, **_parts(template)})


def _parts(template: Template) -> dict[str, Any]:
    """As a table has them: pages and texts by their size."""
    sizes = {part.value: len(getattr(template, part)) for part in (Part.HTML, Part.TEXT)}
    told = {part: f"{size} characters" if size else None for part, size in sizes.items()}
    return {"subject": template.subject, **told}
