"""The page on options, made from the registry: every option with its value, its limits, who may ask, an example."""
# ruff: noqa: E501 - a row of a table in Markdown is one line

from __future__ import annotations

from collections.abc import Iterator

from relay.submission.control import addresses, carrier, reader, times
from relay.submission.control.labels import TAGS
from relay.submission.control.layers import BUILT_IN_STREAMS
from relay.submission.control.option import DEFAULTS, Door, Listed, Option
from relay.submission.control.options_timing import LATEST, SOON
from relay.submission.control.registry import FAMILIES, GRANTS, LATER, OPTIONS, PREFIX, header_of
from relay.submission.control.times import DAY


def options_page(made: str) -> str:
    """The whole page; `made` is the note that it is generated."""
    lines = [
        "# Options",
        "",
        made,
        "",
        *_SAYING.splitlines(),
        "",
        "## All options",
        "",
        *_overview(),
        "",
        *_VALUES.splitlines(),
        "",
    ]
    lines += [*_LIMITS.splitlines(), "", *_WHO.splitlines(), "", *_grants(), "", *_DECIDING.splitlines(), ""]
    for family, options in FAMILIES.items():
        lines += [f"## {family}", ""]
        for option in options:
            lines += [*_option(option), ""]
    lines += [*_later()]
    return "\n".join(lines) + "\n"


_SAYING = f"""\
What a message asks of the relay, beyond being delivered. `relay options` prints the same table in short,
`relay options NAME` all about one of them.

## How to say it

| door | how |
| --- | --- |
| header field | `{PREFIX}Tags: welcome, trial`. All fields that begin with `{PREFIX}` are taken out before the message is signed. In their names case, `-` and `_` do not count, and the name of the option works as well: `{PREFIX}Message-Ref` is `{PREFIX}Ref` |
| several in one field | `{PREFIX}Options: {{"tags": ["welcome"], "send_at": "+2h"}}`; the field may be repeated |
| metadata, a field a key | `{PREFIX}Metadata-order: 4711`; the key is taken in lower case |
| ESMTP | parameters of MAIL and RCPT: NOTIFY, RET, ENVID, ORCPT (RFC 3461), BY (RFC 2852), HOLDFOR, HOLDUNTIL (RFC 4865), MT-PRIORITY (RFC 6710) |
| property | of a REST request, by the name of the option |
| default | of a credential, a domain, an account or the relay (`options.defaults`); of a preset or a stream |

Long values are folded on their way, and a fold inside a word leaves a blank there. Encoded words (RFC 2047) and
`base64:` before a JSON object are safe against that: `{PREFIX}Options: base64:eyJ0YWdzIjpbImEiXX0=`."""

_VALUES = """\
## Values

| kind | spellings |
| --- | --- |
| yes, no | `true yes on y t 1 enable enabled`, and their opposites, in any case; quotation marks around it and a `;` behind it do not count |
| one of several | in any case; `-`, `_` and spaces do not count |
| time | unix seconds (9 to 11 digits) or milliseconds (12 to 14), `2026-05-01T08:00:00+02:00`, `2026-05-01 08:00:00` (UTC), `Fri, 01 May 2026 08:00:00 +0200`, `+90m`, `in 2h`. Without a zone it is UTC. A date without a time is refused |
| duration | `90m`, `1h30m`, `2 days`, `5400` (seconds), `PT1H30M` |
| list | separated by commas, or a JSON list, or several fields |
| map | a JSON object, or `k=v, k2=v2`, or several fields |
| address | as in To: `ann@example.net`, `Ann <ann@example.net>` |
| window | `{"dow": "Mon-Fri", "tz": "Europe/Amsterdam", "start": "09:00", "end": "17:30"}`, all four; `end` before `start` is on the next day. Or two times: `2026-05-01T08:00:00Z/2026-05-01T12:00:00Z` |

An empty value sets nothing. Text in JSON is read as text in a header is. No value has NUL, CR or LF in it, however it
is encoded; only footers, texts for unsubscribing and data for templates may have line ends, in JSON. JSON that does
not parse is tried once more without control characters, and once more with `&quot;` and the like undone. A map by
recipient fits the address exactly, else in another case; a key that is nobody's is told in a warning, and never
becomes a recipient."""

_LIMITS = f"""\
## Limits

| what | limit | over it |
| --- | --- | --- |
| a control field | {reader.VALUE_OCTETS >> 10} KiB; `merge` and `merge_global` {reader.DATA_OCTETS >> 20} MiB | 552 5.3.4 |
| all of them | {reader.FIELDS} fields, {reader.ALL_OCTETS >> 20} MiB | 552 5.3.4 |
| JSON | {carrier.DEPTH} deep, {carrier.KEYS:,} names and items; a name twice in an object, NaN and Infinity are errors | 554 5.6.0 |
| tags | {TAGS} | 554 5.6.0 |
| windows | {times.WINDOWS} | 554 5.6.0 |
| addresses of an option, or of a map by recipient | {addresses.PEOPLE:,} | 554 5.6.0 |
| `send_at` and its like | {SOON / DAY:g} days ahead; with the grant `schedule-long` {LATEST / DAY:g} | 550 5.7.1; 554 5.6.0 |
| a deadline | the credential's lifetime, counted from the time of sending; without bound with `deadline-long` | cut to it, with a warning |
| recipients with those of options | `limits.recipients` | 554 5.5.3 |"""

_WHO = """\
## Who may ask

Headers are written by whoever can make an application send. So every option has a class, and the credential the mail
comes by decides.

| class | what it is |
| --- | --- |
| P0 | safe for everybody, or stricter than what holds anyway |
| P1 | everybody's, within the bounds given |
| P2 | routing, identity, privacy, retention, the reputation of others: needs a grant |
| P3 | who gets the mail, from which address it leaves, what consent counts, which other system is told: needs a grant, and the value on the credential's list |

Where only one direction needs a grant, the other is P0: asking for TLS is free, waiving it is not. What a default, a
preset, a stream or the operator sets needs no grant. A grant that is missing is 550 5.7.1 `option X needs grant Y`,
whatever `on_invalid` says.

A list of allowed values holds texts (`shop-17`), patterns (`shop-*`, `*@example.net`), domains for their addresses
(`example.net`) and networks for addresses (`192.0.2.0/28`). `bypass` needs no list, but for `complaint` and `all`. A credential may also have options forbidden, all of one
(`priority`) or a value (`stream=transactional`); so may the operator for all, with `options.forbid`. Both are
550 5.7.1."""

_DECIDING = f"""\
## Who decides

The first of these that says something about an option decides it, and `relay explain ID` tells which it was:

1. the operator's `options.force`
2. ESMTP parameters
3. control headers
4. properties of the REST request, also where it brings a whole message: its headers go before
5. the preset
6. the stream; built in are {" and ".join(f"`{each}`" for each in BUILT_IN_STREAMS)} (which has priority 3 and a way to unsubscribe), others are in `options.streams`
7. the credential
8. the domain of the author
9. the account
10. the operator's `options.defaults`

Lists and maps of two levels are not joined: the higher one counts alone. Three exceptions:

* `sandbox`: the strictest of all levels holds (off, then hold, then all others); nothing a message says lets test mail out.
  Where the whole relay or the credential is a sandbox, `off` and `hold` are `accept`.
* `deliver_by` and `deliver_within` answer one question: the higher level's holds alone; of one level, the earlier.
* NOTIFY and ORCPT of a recipient hold for that recipient, and options for the others.

Two values at one level: of a plain value the first counts, with a warning; lists are joined, maps merged, the later
value of a key counting. `send_at` with `send_at_each`, a deadline that is past or not after the time of sending, and
`recipients` with more than one RCPT are refused with 554 5.6.0.

Options that stand for others, or exclude them:

* `merge` makes a copy for each recipient, as `preserve_recipients: no` does; where a default says
  `preserve_recipients: yes`, as that of the HTTP API does, To and Cc stay as they are. Who is not in it gets `merge_global`
  alone; with `Strict: yes` the message is refused. Data are in what is sent, and are not kept beside it.
* `unsubscribe_url` or `unsubscribe_mailto` of a message stands for `unsubscribe: headers`, a mark or text for it for `link`;
  among defaults they say only what it looks like where there is one.
* A page needs its content: `view_online` with `archive` none or headers is refused, and so is `hosted_images` with none.
* `open_pixel_tag` stands for `open_pixel: tag`, which is refused without it.
* `template`, `track_domain`, `webhook_url` and `merge_error_report` have to be the account's own.

What a bad value or an unknown name comes to: 554 5.6.0, naming the field and, for a name, the nearest there is. A
credential with `on_invalid: warn` has it left out with a warning, with `ignore` without; but not for the options below
that say "refused in any case", nor for JSON that cannot be read. A message can make this stricter, never laxer:
`{PREFIX}Strict: yes`. Warnings stand in the event `received` and in `relay explain`, and their number in the 250.

Defaults that cannot be read, or name a stream, pool or key that is not there, put mail off with 451 4.3.5 until they
are mended, since it would go out otherwise than was decided. `relay check` finds them."""


def _overview() -> Iterator[str]:
    yield "| option | header field | meaning | who may |"
    yield "| --- | --- | --- | --- |"
    for each in OPTIONS:
        header = f"`{header_of(each)}`" if Door.HEADER in each.doors else ""
        yield f"| `{each.name}` | {header} | {_cell(each.help)} | {_cell(each.permission.words)} |"


def _grants() -> Iterator[str]:
    yield "| grant | for |"
    yield "| --- | --- |"
    for name, meaning in GRANTS.items():
        yield f"| `{name}` | {_cell(meaning)} |"


def _option(option: Option) -> Iterator[str]:
    yield f"### `{option.name}`"
    yield ""
    yield option.help
    yield ""
    if Door.HEADER in option.doors:
        yield f"    {header_of(option)}: {option.example}"
        yield ""
    yield f"* Value: {_text(option.type)}" + (f". Limits: {_text(option.limits)}" if option.limits else "")
    if option.aliases:
        yield f"* Also called {', '.join(f'`{PREFIX}{each.name}`' for each in option.aliases)}"
    if option.esmtp:
        yield f"* ESMTP: {option.esmtp}"
    yield f"* Who may: {option.permission.words}{_grant(option)}"
    yield f"* Set by: {_doors(option)}"
    yield f"* Said twice: {option.repeat.value}"
    yield f"* A bad value: {'refused in any case' if option.safety else 'as `on_invalid` says'}"


def _grant(option: Option) -> str:
    grant = f"; grant `{option.permission.grant}`" if option.permission.grant else ""
    lists = {Listed.NO: "", Listed.NARROWS: "; a list narrows it", Listed.NEEDED: "; the value on the list"}
    return grant + lists[option.permission.listed]


def _doors(option: Option) -> str:
    if option.doors >= DEFAULTS:
        return "messages and defaults" if Door.HEADER in option.doors else "defaults"
    if option.doors & DEFAULTS:
        return ", ".join(each.value for each in Door if each in option.doors)
    return "messages only"


def _later() -> Iterator[str]:
    yield "## What is not done"
    yield ""
    yield "Other services have these. They are refused here, whatever their value, so that nothing is silently left undone:"
    yield ""
    yield "| name | why |"
    yield "| --- | --- |"
    for name, why in LATER.items():
        yield f"| `{name}` | {_cell(why)} |"


def _cell(text: str) -> str:
    return _text(text).replace("|", "\\|")


def _text(text: str) -> str:
    return text.replace("<>", "`<>`")
