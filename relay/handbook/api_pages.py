"""Make the pages of the API from its table: one that lists all calls, and one for each call.

In:  the calls. Out: pages by file name.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from typing import Any

from relay.handbook.api_properties import properties
from relay.web.api.call import CSV, FORM, JSON, Body, Call, Param, Shown
from relay.web.api.openapi import KEY, codes_of
from relay.web.api.problem import CODES
from relay.web.api.routes import names
from relay.web.api.table import CALLS

_HOST = "https://relay.example.com"
_LONGEST = 40  # lines of an example


def pages(made: str) -> dict[str, str]:
    """All of them, by path below the handbook. `made`: the line that says where they come from."""
    return {"api-calls.md": _index(made), **{f"api/{call.name}.md": _page(call, made) for call in CALLS}}


def _index(made: str) -> str:
    lines = [
        "# The calls of the API",
        "",
        made,
        "",
        "How to speak to it is in [api.md](api.md). Calls that SMTPeter has, too, are marked with a dot; all are",
        "under `/v1` and `/v2`.",
    ]
    for family in dict.fromkeys(call.family for call in CALLS):
        lines += ["", f"## {family}", "", "| call | | scope | |", "| --- | --- | --- | --- |"]
        lines += [_row(call) for call in CALLS if call.family == family]
    lines += ["", "## Codes of faults", "", "| status | code | meaning |", "| --- | --- | --- |"]
    lines += [f"| {status} | `{code}` | {said} |" for code, (status, said) in CODES.items()]
    return "\n".join(lines) + "\n"


def _row(call: Call) -> str:
    mark = "•" if call.smtpeter else ""
    return f"| [`{call.method} {_shown(call)}`](api/{call.name}.md) | {call.summary} | {call.scope.value} | {mark} |"


def _page(call: Call, made: str) -> str:
    lines = [
        f"# {call.method} {_shown(call)}",
        "",
        made,
        "",
        f"{call.summary}. {call.help}".strip(),
        "",
        f"Scope: `{call.scope.value}`." + (" Not for new programs." if call.deprecated else ""),
        "",
        "```sh",
        _curl(call),
        "```",
        *_parameters(call),
        *(_body(call.body) if call.body is not None else ()),
        *_answers(call.answers),
        "",
        "## Faults",
        "",
        "| status | code | meaning |",
        "| --- | --- | --- |",
        *(f"| {CODES[code][0]} | `{code}` | {CODES[code][1]} |" for code in codes_of(call)),
    ]
    return "\n".join(lines) + "\n"


def _shown(call: Call) -> str:
    return "/v1" + call.path.replace("*}", "}")


def _parameters(call: Call) -> Iterator[str]:
    known = {each.name: each for each in call.params}
    groups = {
        "path": [known[name] for name in names(call)],
        "query": list(call.query),
        "header": [*call.headers, *((KEY,) if call.once else ())],
    }
    if not any(groups.values()):
        return
    yield from ("", "## Parameters", "", "| name | in | | example |", "| --- | --- | --- | --- |")
    for place, params in groups.items():
        for each in params:
            yield f"| `{each.name}` | {place} | {_meaning(each)} | `{each.example}` |"


def _meaning(param: Param) -> str:
    said = [param.help.replace("|", "\\|").rstrip(".")]
    if param.choices:
        said.append("one of " + ", ".join(f"`{each}`" for each in param.choices))
    if param.least is not None or param.most is not None:
        said.append(
            f"{param.least if param.least is not None else ''} to {param.most if param.most is not None else ''}"
        )
    if param.default is not None:
        said.append(f"default `{param.default}`")
    if param.required:
        said.append("needed")
    return "; ".join(said)


def _body(body: Body) -> Iterator[str]:
    yield from ("", "## Body", "", _sentence(body.help))
    yield from ("", "Content-Type: " + ", ".join(f"`{each}`" for each in body.types) + ".")
    yield from properties(body.shape)
    if body.example is not None:
        yield from ("", *_block(body.example, JSON if body.shape is not None else body.types[0]))


def _answers(answers: Iterable[Shown]) -> Iterator[str]:
    for shown in answers:
        yield from ("", f"## {shown.status}", "", _sentence(shown.help))
        for name, said in shown.headers.items():
            yield from ("", f"`{name}`: {said.rstrip('.')}.")
        if shown.example is not None:
            yield from ("", *_block(shown.example, shown.media))


def _sentence(text: str) -> str:
    """Captions of rows are sentences on some, and a few words on others."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", ":")) else text + "."


def _block(example: Any, media: str) -> list[str]:
    if isinstance(example, str) and media != JSON:
        text, kind = example.rstrip(), {"text/csv": "csv", "application/xml": "xml"}.get(media.partition(";")[0], "")
    else:
        text, kind = json.dumps(example, indent=2, ensure_ascii=False), "json"
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > _LONGEST:
        lines = [*lines[:_LONGEST], "..."]
    fence = "````" if "```" in text else "```"
    return [f"{fence}{kind}", *lines, fence]


def _curl(call: Call) -> str:
    known = {each.name: each for each in call.params}
    path = "/v1" + call.path
    for name in names(call):
        path = path.replace(f"{{{name}}}", known[name].example).replace(f"{{{name}*}}", known[name].example)
    words = ["curl"] if call.method == "GET" or (call.method == "POST" and call.body) else ["curl", "-X", call.method]
    if needed := [each for each in call.query if each.required]:
        path += "?" + "&".join(f"{each.name}={each.example}" for each in needed)
    words += ["-H", "Authorization: Bearer TOKEN"]
    if call.body is not None:
        kind = next((each for each in call.body.types if each != FORM), call.body.types[0])
        words += ["-H", f"Content-Type: {kind}"]
        if call.body.example is not None and call.body.shape is not None:
            words += ["-d", json.dumps(call.body.example, ensure_ascii=False)]
        else:
            words += ["--data-binary", "@FILE" if kind != CSV else "@FILE.csv"]
    return shlex.join([*words, _HOST + path])
