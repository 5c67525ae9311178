"""What other services write into their exports of suppressions, in words of ours. Pure.

In:  the names of a file's columns (or of a JSON object's keys), and a row as names and texts.
Out: whose export it is; and the same row as our columns have it, once for each group it names.

    SendGrid   email, created (unix time), reason and status of a bounce or block, ip of a spam report
    Mailgun    address, created_at, code and error of a bounce, tags of an unsubscribe (`*` is all mail)
    Postmark   EmailAddress, SuppressionReason, Origin, CreatedAt

Names are compared without regard to case, blanks, `-` and `_`. What a list was made of is told by its columns where
they are those of one kind only; else whoever imports it says the cause.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from relay.manage.suppressions import COLUMNS, LONGEST_NOTE
from relay.model.clock import iso
from relay.model.suppression import Cause

Row = Mapping[str, str]
Translate = Callable[[Row], Iterator[dict[str, str]]]

_POSTMARK_CAUSES = {"hardbounce": Cause.BOUNCE, "spamcomplaint": Cause.COMPLAINT}


def squeezed(name: str) -> str:
    """`Email Address` is `emailaddress`; of our own columns none has such marks."""
    return "".join(each for each in name.strip().lower().lstrip("\ufeff") if each not in " -_")


def dialect(names: Collection[str]) -> tuple[frozenset[str], Translate] | None:
    """The columns that may stand there, and what translates them; None: they name no address at all."""
    given = set(names)
    if "emailaddress" in given:
        return frozenset({"emailaddress", "suppressionreason", "origin", "createdat", "messagestream"}), _postmark
    if "email" in given:
        return frozenset({"email", "created", "reason", "status", "ip"}), _sendgrid
    if "address" in given and given & {"createdat", "tags", "tag", "error"}:
        return frozenset({"address", "createdat", "code", "error", "tags", "tag", "messagehash"}), _mailgun
    if "address" in given:
        return frozenset(COLUMNS), _ours
    return None


def _ours(row: Row) -> Iterator[dict[str, str]]:
    yield dict(row)


def _sendgrid(row: Row) -> Iterator[dict[str, str]]:
    found = {"address": row["email"], "created": _instant(row.get("created", ""))}
    said = " ".join(each for each in (row.get("status", ""), row.get("reason", "")) if each)
    yield found | _because(Cause.COMPLAINT if "ip" in row and not said else None, said)


def _mailgun(row: Row) -> Iterator[dict[str, str]]:
    found = {"address": row["address"], "created": _instant(row.get("createdat", ""))}
    if "tags" in row or "tag" in row:
        groups = [each for each in _listed(row.get("tags", "") or row.get("tag", "")) if each != "*"]
        for group in groups or [""]:
            yield found | {"group": group, "cause": Cause.UNSUBSCRIBE.value}
        return
    said = " ".join(each for each in (row.get("code", ""), row.get("error", "")) if each)
    yield found | _because(Cause.BOUNCE if "error" in row or "code" in row else None, said)


def _postmark(row: Row) -> Iterator[dict[str, str]]:
    cause = _POSTMARK_CAUSES.get(squeezed(row.get("suppressionreason", "")))
    if cause is None and row.get("suppressionreason"):
        cause = Cause.UNSUBSCRIBE if row.get("origin", "").strip().lower() == "recipient" else Cause.HAND
    stream = {"stream": row["messagestream"]} if row.get("messagestream") else {}
    yield {"address": row["emailaddress"], "created": _instant(row.get("createdat", ""))} | stream | _because(cause)


def _because(cause: Cause | None, note: str = "") -> dict[str, str]:
    said = {"note": note[:LONGEST_NOTE]} if note else {}
    return said if cause is None else {**said, "cause": cause.value}


def _listed(text: str) -> list[str]:
    """`["a","b"]`, `a,b` or `a`."""
    return [each for part in text.strip("[] ").split(",") if (each := part.strip(" \"'"))]


def _instant(text: str) -> str:
    """Unix seconds or a date of RFC 5322 as our own columns have times, else as it is. Raises ValueError."""
    said = text.strip()
    if said.isdigit() and 9 <= len(said) <= 11:
        return iso(float(said))
    if said[:3].isalpha() and said:
        try:
            at = parsedate_to_datetime(said)
        except (ValueError, IndexError) as error:
            raise ValueError(f"created: {said[:40]!r} is no time") from error
        return iso((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    if " UTC" in said:  # 2026-01-31 12:00:00 UTC
        return iso(datetime.fromisoformat(said.replace(" UTC", "")).replace(tzinfo=UTC).timestamp())
    return said
