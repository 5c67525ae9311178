"""What the relay still has of a message that somebody asks for by its id. Blocks: run it in a thread.

In:  the data directory, the account that asks, the id of a submission or of a recipient.
Out: a `Kept`: the message, its recipients or the one that is meant, and the octets of a content.

Why so: the message of another account is not there, and neither is an id that never was: both are 404, with the same
words. What was here and is forgotten is 410, as long as an event tells of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from relay.model.address import printable
from relay.model.ids import parse_id
from relay.model.message import Message
from relay.report.search import history
from relay.store.interface import NotFound, RecipientState
from relay.store.readers import Readers
from relay.web.api.problem import Problem


@dataclass(frozen=True, slots=True)
class Kept:
    message: Message
    recipients: Sequence[RecipientState]  # of a recipient's id that one alone
    whole: bool  # the id was that of the submission


def look(data: Path, account: str, id: str) -> Kept:
    """Raises Problem: not_found, gone; StoreDown."""
    readers = Readers(data)
    try:
        return _look(readers, data, account, id)
    finally:
        readers.close()


def read(data: Path, account: str, id: str) -> tuple[Kept, bytes]:
    """And the content; of a submission's id that of its first recipient. Raises as `look`."""
    readers = Readers(data)
    try:
        found = _look(readers, data, account, id)
        ident = found.message.id
        try:
            return found, readers.of(ident).content(ident, found.recipients[0].content)
        except NotFound:
            raise gone(id) from None
    finally:
        readers.close()


def unknown(id: str) -> Problem:
    return Problem("not_found", f"there is no message {printable(id, 40)}", field="id")


def gone(id: str) -> Problem:
    return Problem("gone", f"the contents of {id} are forgotten", field="id")


def submission_of(id: str) -> str:
    """Raises Problem: it is no id."""
    try:
        return parse_id(id).submission
    except ValueError:
        raise unknown(id) from None


def _look(readers: Readers, data: Path, account: str, id: str) -> Kept:
    submission = submission_of(id)
    number = parse_id(id).recipient
    try:
        reader = readers.of(submission)
        message, recipients = reader.message(submission), reader.recipients(submission)
    except NotFound:
        if any(each.event.account == account for each in history(data, submission)):
            raise gone(id) from None
        raise unknown(id) from None
    wanted = [each for each in recipients if number in (None, each.number)]
    if message.account != account or not wanted:
        raise unknown(id)
    return Kept(message, wanted, number is None)
