"""The options of keeping, testing and content; and those that say how control headers themselves are read."""

from __future__ import annotations

from typing import Any

from relay.model.account import ControlHeaders, OnInvalid
from relay.model.options import Archive, Sandbox
from relay.submission.control import addresses, grammar, times
from relay.submission.control.option import Alias, Door, Option, Permission, Repeat, Scope

_KEPT = tuple(Archive)  # the most first

_sandbox = grammar.choice(
    Sandbox,
    {"true": Sandbox.ACCEPT, "yes": Sandbox.ACCEPT, "on": Sandbox.ACCEPT}
    | {"1": Sandbox.ACCEPT, "false": Sandbox.OFF, "no": Sandbox.OFF, "0": Sandbox.OFF},
)


def _no_archive(value: Any) -> Archive:
    return Archive.NONE if grammar.truth(value) else Archive.FULL


def _strict(value: Any) -> OnInvalid | None:
    """`Strict: no` is no wish: nothing a message says makes it laxer."""
    return OnInvalid.REJECT if grammar.truth(value) else None


def _less(value: Archive, base: Archive, scope: Scope) -> bool:
    return _KEPT.index(value) > _KEPT.index(base)


def _shorter(value: float, base: float | None, scope: Scope) -> bool:
    return value < (scope.retention if base is None else base)


def _ordinary(value: tuple[str, ...], base: Any, scope: Scope) -> bool:
    """Whether a field is named that is no X- field."""
    return any(not each.startswith("x-") for each in value)


KEEPING_OPTIONS: tuple[Option, ...] = (
    Option(
        name="archive",
        header="Archive",
        aliases=(Alias("NoArchive", _no_archive),),
        type="full, headers, none",
        read=grammar.choice(Archive),
        help="What is kept of the content once its last recipient has ended.",
        example="none",
        permission=Permission(words="P0 more than the default; P2 less", grant="archive-off", needs=_less),
        safety=True,
    ),
    Option(
        name="retention",
        header="Retention",
        type="duration",
        limits="a year",
        read=times.duration,
        help="How long that is kept.",
        example="30d",
        permission=Permission(words="P0 longer than the default; P2 shorter", grant="archive-off", needs=_shorter),
        safety=True,
    ),
    Option(
        name="sandbox",
        header="Sandbox",
        aliases=(Alias("Test"),),
        type="off, hold, accept, validate, bounce:hard, bounce:soft, bounce:defer, bounce:complaint, bounce:open, "
        "bounce:click; yes is accept",
        read=_sandbox,
        help="A test: processed fully, and kept in place of sent; ends as it says. `hold` waits for an operator. "
        "The strictest holds: a message does not loosen a default.",
        example="bounce:hard",
        safety=True,
    ),
    Option(
        name="keep_message_id",
        header="KeepMessageId",
        type="yes, no",
        read=grammar.truth,
        help="`no`: a Message-ID of ours in place of the message's own.",
        example="no",
    ),
    Option(
        name="strip_headers",
        header="StripHeaders",
        type="names of header fields separated by commas; a * may stand at the end of one",
        limits=f"{addresses.GLOBS} names; never {', '.join(addresses.KEPT_FIELDS)}, "
        f"{', '.join(f'{each}*' for each in addresses.KEPT_FAMILIES)}",
        read=addresses.header_names,
        whole=addresses.few_names,
        repeat=Repeat.UNION,
        help="Fields that are taken out before it is signed.",
        example="X-Mailer, X-Internal-*",
        permission=Permission(words="P1 for X- fields; P2 for others", grant="strip-mid", needs=_ordinary),
        safety=True,
    ),
    Option(
        name="control_headers",
        header="ControlHeaders",
        type="on, strip, pass",
        read=grammar.choice(ControlHeaders),
        help="Whether fields of this kind are honoured, removed unread, or left in place unread.",
        example="strip",
        permission=Permission(words="set on the credential only"),
        doors=frozenset({Door.CREDENTIAL}),
    ),
    Option(
        name="on_invalid",
        header="OnInvalid",
        aliases=(Alias("Strict", _strict),),
        type="reject, warn, ignore",
        read=grammar.choice(OnInvalid),
        help="What an unknown option, or a bad value of one that is not safety-relevant, comes to.",
        example="reject",
        permission=Permission(words="P0; a message can only be stricter than its credential"),
        doors=frozenset({Door.CREDENTIAL, Door.HEADER, Door.PROPERTY}),
    ),
)
