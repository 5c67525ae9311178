"""Webhooks and the keys of their signatures, in the registry's file.

A connection of its own to that file, so that commands and the reporter need no more of the registry than this.
Every change raises the registry's version, which is what the reporter watches.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import apsw

from relay.model.account import Algorithm, DkimKey, KeyState
from relay.model.webhook import Format, Secret, Shape, Signature, Webhook
from relay.store.interface import Exists, NotFound, StoreDown
from relay.store.sqlite import registry_statements
from relay.store.sqlite.connect import Row, fetch, value
from relay.store.sqlite.shared import open_shared, transaction

ADD: Final = "insert into webhook (id, account, created, data) values (?, ?, ?, ?)"
UPDATE: Final = "update webhook set account = ?, created = ?, data = ? where id = ?"
HOOK: Final = "select id, account, created, data from webhook where id = ?"
HOOKS: Final = """
select id, account, created, data from webhook where ?1 is null or account = ?1 order by account, created, id
"""
REMOVE: Final = "delete from webhook where id = ?"
ADD_KEY: Final = """
insert into webhook_key (selector, domain, private_pem, public_base64, created, state) values (?, ?, ?, ?, ?, ?)
"""
KEYS: Final = """
select selector, domain, private_pem, public_base64, created, state from webhook_key order by created desc, selector
"""
SET_STATE: Final = "update webhook_key set state = ? where selector = ?"
REMOVE_KEY: Final = "delete from webhook_key where selector = ?"


def open_webhooks(registry: Path) -> SqliteWebhooks:
    """Raises StoreDown: the registry cannot be opened, or a newer version of the program made it."""
    return SqliteWebhooks(open_shared(registry, "registry"))


class SqliteWebhooks:
    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def version(self) -> int:
        """The registry's. Raises StoreDown."""
        try:
            version: int = value(self._connection, registry_statements.VERSION)
        except apsw.Error as error:
            raise StoreDown(f"the registry cannot be read: {error}") from error
        return version

    def add(self, hook: Webhook) -> None:
        """Raises NotFound: there is no such account. Raises Exists."""
        with self._transaction() as connection:
            if not fetch(connection, registry_statements.ACCOUNT, (hook.account,)):
                raise NotFound(f"no account {hook.account}")
            try:
                connection.execute(ADD, _row(hook))
            except apsw.ConstraintError as error:
                raise Exists(f"webhook {hook.id} is there already") from error

    def update(self, hook: Webhook) -> None:
        """Raises NotFound."""
        ident, *rest = _row(hook)
        with self._transaction() as connection:
            connection.execute(UPDATE, (*rest, ident))
            _changed(connection, f"webhook {hook.id}")

    def remove(self, ident: str) -> None:
        """Raises NotFound."""
        with self._transaction() as connection:
            connection.execute(REMOVE, (ident,))
            _changed(connection, f"webhook {ident}")

    def webhook(self, ident: str) -> Webhook:
        """Raises NotFound."""
        found = self._rows(HOOK, ident)
        if not found:
            raise NotFound(f"no webhook {ident}")
        return _hook(found[0])

    def webhooks(self, account: str | None = None) -> list[Webhook]:
        return [_hook(row) for row in self._rows(HOOKS, account)]

    def add_key(self, key: DkimKey) -> None:
        """Raises Exists."""
        row = (key.selector, key.domain, key.private_pem, key.public_base64, key.created, key.state.value)
        with self._transaction() as connection:
            try:
                connection.execute(ADD_KEY, row)
            except apsw.ConstraintError as error:
                raise Exists(f"key {key.selector} is there already") from error

    def signing_keys(self) -> list[DkimKey]:
        """The newest first. The oldest active one signs; a retired one stays published for a while."""
        return [_key(row) for row in self._rows(KEYS)]

    def set_key_state(self, selector: str, state: KeyState) -> None:
        """Raises NotFound."""
        with self._transaction() as connection:
            connection.execute(SET_STATE, (state.value, selector))
            _changed(connection, f"key {selector}")

    def remove_key(self, selector: str) -> None:
        """Raises NotFound."""
        with self._transaction() as connection:
            connection.execute(REMOVE_KEY, (selector,))
            _changed(connection, f"key {selector}")

    def audit(self, at: float, who: str, act: str, detail: dict[str, Any]) -> None:
        with self._transaction() as connection:
            text = json.dumps(detail, ensure_ascii=False)
            connection.execute(registry_statements.AUDIT, (at, who, act, text))

    def close(self) -> None:
        self._connection.close()

    def _rows(self, statement: str, *given: Any) -> list[Row]:
        try:
            return fetch(self._connection, statement, given)
        except apsw.Error as error:
            raise StoreDown(f"the registry cannot be read: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[apsw.Connection]:
        with transaction(self._connection, "the registry") as connection:
            yield connection
            connection.execute(registry_statements.RAISE_VERSION)


def _changed(connection: apsw.Connection, what: str) -> None:
    if not connection.changes():
        raise NotFound(f"no {what}")


def _row(hook: Webhook) -> Row:
    data = asdict(hook) | {"events": sorted(hook.events)}
    ident, account, created = (data.pop(name) for name in ("id", "account", "created"))
    return ident, account, created, json.dumps(data, ensure_ascii=False)


def _hook(row: Row) -> Webhook:
    ident, account, created, text = row
    data = json.loads(text)
    return Webhook(
        **{
            **data,
            "id": ident,
            "account": account,
            "created": created,
            "events": frozenset(data["events"]),
            "format": Format(data["format"]),
            "shape": Shape(data["shape"]),
            "signature": Signature(data["signature"]),
            "secrets": tuple(Secret(**each) for each in data["secrets"]),
        }
    )


def _key(row: Row) -> DkimKey:
    selector, domain, private_pem, public_base64, created, state = row
    return DkimKey(
        domain=domain,
        selector=selector,
        algorithm=Algorithm.RSA,
        private_pem=private_pem,
        public_base64=public_base64,
        created=created,
        state=KeyState(state),
    )
