"""Stored templates in the registry's database: SQL, rows, and the few steps that belong together.

A template has an id, which is never used twice, and a name; a word of digits is taken for an id first, and for a name
where the account has no template of that id.
"""

from __future__ import annotations

from typing import Final

import apsw

from relay.model.template import VERSIONS, Template
from relay.store.interface import Exists, NotFound
from relay.store.sqlite.connect import Row, fetch, value

_COLUMNS: Final = "id, account, name, version, subject, html, text, created, note, document"
_JOINED: Final = f"select {_COLUMNS} from template join template_version on template = id"  # noqa: S608

# find: the template of a name, or of an id where that is the account's.
_BY_NAME: Final = "select id from template where account = ? and folded = ?"
_BY_ID: Final = "select id from template where account = ? and id = ?"
# versions: of one template, the newest first.
_VERSIONS: Final = f"{_JOINED} where id = ? order by version desc"
# one: this version, or the newest for a null.
_ONE: Final = f"""
{_JOINED} where id = ?1
   and version = coalesce(?2, (select max(version) from template_version where template = ?1))
"""  # noqa: S608
# newest: of one account, or of all for a null; the newest version of each.
_NEWEST: Final = f"""
{_JOINED} where (?1 is null or account = ?1)
   and version = (select max(version) from template_version where template = id)
 order by account, folded
"""  # noqa: S608
_NAMES: Final = "select id, name from template where account = ? order by id limit ? offset ?"
_ADD: Final = "insert into template (account, folded, name) values (?, ?, ?) returning id"
_RENAME: Final = "update template set folded = ?, name = ? where id = ?"
_ADD_VERSION: Final = """
insert into template_version (template, version, subject, html, text, created, note, document)
values (?1, 1 + coalesce((select max(version) from template_version where template = ?1), 0), ?2, ?3, ?4, ?5, ?6, ?7)
returning version
"""
_FORGET: Final = "delete from template_version where template = ? and version <= ?"
_REMOVE: Final = "delete from template where id = ?"


def put(connection: apsw.Connection, template: Template) -> Template:
    """Add a version, of a template that is made where there is none of that name; what is too old goes."""
    number = value(connection, _BY_NAME, (template.account, template.name.casefold()))
    if template.id:
        _rename(connection, template, number)
        number = template.id
    elif number is None:
        number = value(connection, _ADD, (template.account, template.name.casefold(), template.name))
    texts = (template.subject, template.html, template.text)
    given = (number, *texts, template.created, template.note, template.document)
    version: int = value(connection, _ADD_VERSION, given)
    connection.execute(_FORGET, (number, version - VERSIONS))
    return _template(fetch(connection, _ONE, (number, version))[0])


def _rename(connection: apsw.Connection, template: Template, named: int | None) -> None:
    """`named`: the id of who has that name now. Raises NotFound, Exists."""
    if value(connection, _BY_ID, (template.account, template.id)) is None:
        raise NotFound(f"no template {template.id} of {template.account}")
    if named not in (None, template.id):
        raise Exists(f"template {named} of {template.account} is called {template.name} already")
    connection.execute(_RENAME, (template.name.casefold(), template.name, template.id))


def find(connection: apsw.Connection, account: str, name: str) -> int:
    """The id of a template. Raises NotFound."""
    number: int | None = None
    if name.isascii() and name.isdigit() and len(name) < 19:
        number = value(connection, _BY_ID, (account, int(name)))
    if number is None:
        number = value(connection, _BY_NAME, (account, name.casefold()))
    if number is None:
        raise NotFound(f"no template {name} of {account}")
    return number


def one(connection: apsw.Connection, account: str, name: str, version: int | None) -> Template:
    """Raises NotFound."""
    rows = fetch(connection, _ONE, (find(connection, account, name), version))
    if not rows:
        raise NotFound(f"no version {version} of template {name} of {account}; the newest {VERSIONS} are kept")
    return _template(rows[0])


def versions(connection: apsw.Connection, account: str, name: str) -> list[Template]:
    return [_template(each) for each in fetch(connection, _VERSIONS, (find(connection, account, name),))]


def newest(connection: apsw.Connection, account: str | None) -> list[Template]:
    return [_template(each) for each in fetch(connection, _NEWEST, (account,))]


def names(connection: apsw.Connection, account: str, start: int, limit: int | None) -> list[tuple[int, str]]:
    most = -1 if limit is None else limit
    return [(number, name) for number, name in fetch(connection, _NAMES, (account, most, start))]


def remove(connection: apsw.Connection, account: str, name: str) -> None:
    connection.execute(_REMOVE, (find(connection, account, name),))


def _template(row: Row) -> Template:
    number, account, name, version, subject, html, text, created, note, document = row
    return Template(
        id=number,
        account=account,
        name=name,
        version=version,
        subject=subject,
        html=html,
        text=text,
        created=created,
        note=note,
        document=document,
    )
