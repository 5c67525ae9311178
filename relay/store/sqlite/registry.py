"""Accounts and what belongs to them, in one small database that all processes share.

Calls are synchronous: a look-up takes microseconds, a change one sync of the disk. Each change is one
transaction that also raises the version, which is what other processes watch. The file is made with mode
0600: it holds private keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from relay.model.account import Account, Credential, DkimKey, Domain, KeyState, LinkKey, Preset, ReturnKey, Token
from relay.model.order import Done, Order
from relay.model.template import Template
from relay.store.interface import Exists, NotFound, StoreDown
from relay.store.sqlite import registry_rows as rows
from relay.store.sqlite import registry_statements as sql
from relay.store.sqlite import registry_templates as templates
from relay.store.sqlite.connect import Row, fetch
from relay.store.sqlite.shared import open_shared, transaction


def open_registry(path: Path) -> SqliteRegistry:
    """Raises StoreDown: it cannot be opened, or a newer version of the program made it."""
    return SqliteRegistry(open_shared(path, "registry"))


class SqliteRegistry:
    """`Registry` of `relay.store.interface`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def version(self) -> int:
        """A row of its own rather than `pragma data_version`, which is blind to changes of its own connection."""
        version: int = self._rows(sql.VERSION)[0][0]
        return version

    # --- accounts -------------------------------------------------------------------------------------

    def add_account(self, account: Account) -> None:
        self._insert(sql.ADD_ACCOUNT, rows.account_row(account), f"account {account.name}")

    def account(self, name: str) -> Account:
        return rows.account_of(self._one(sql.ACCOUNT, name, what=f"account {name}"))

    def accounts(self) -> list[Account]:
        return [rows.account_of(row) for row in self._rows(sql.ACCOUNTS)]

    def set_account_disabled(self, name: str, disabled: bool) -> None:
        self._change(sql.DISABLE_ACCOUNT, (int(disabled), name), f"account {name}")

    def update_account(self, account: Account) -> None:
        self._change(sql.UPDATE_ACCOUNT, (*rows.account_row(account), account.name), f"account {account.name}")

    # --- credentials ----------------------------------------------------------------------------------

    def add_credential(self, credential: Credential) -> None:
        self.account(credential.account)
        row = (credential.username.casefold(), *rows.credential_row(credential))
        self._insert(sql.ADD_CREDENTIAL, row, f"credential {credential.username}")

    def credential(self, username: str) -> Credential:
        return rows.credential_of(self._one(sql.CREDENTIAL, username.casefold(), what=f"credential {username}"))

    def credentials(self, account: str | None = None) -> list[Credential]:
        return [rows.credential_of(row) for row in self._rows(sql.CREDENTIALS, account)]

    def update_credential(self, credential: Credential) -> None:
        self.account(credential.account)
        row = (*rows.credential_row(credential), credential.username.casefold())
        self._change(sql.UPDATE_CREDENTIAL, row, f"credential {credential.username}")

    # --- domains --------------------------------------------------------------------------------------

    def add_domain(self, domain: Domain) -> None:
        self.account(domain.account)
        self._insert(sql.ADD_DOMAIN, rows.domain_row(domain), f"domain {domain.name}")

    def domain(self, name: str) -> Domain:
        return rows.domain_of(self._one(sql.DOMAIN, name.lower(), what=f"domain {name}"))

    def domains(self, account: str | None = None) -> list[Domain]:
        return [rows.domain_of(row) for row in self._rows(sql.DOMAINS, account)]

    def tracking_hosts(self) -> Mapping[str, Domain]:
        return {each.tracking_host: each for each in map(rows.domain_of, self._rows(sql.TRACKING_HOSTS))}

    def verify_domain(self, name: str, at: float, by: str) -> None:
        self._change(sql.VERIFY_DOMAIN, (at, by, name.lower()), f"domain {name}")

    def update_domain(self, domain: Domain) -> None:
        self.account(domain.account)
        self._change(sql.UPDATE_DOMAIN, (*rows.domain_row(domain), domain.name), f"domain {domain.name}")

    def remove_domain(self, name: str) -> None:
        """Its keys go with it. Raises NotFound."""
        with self._transaction() as connection:
            connection.execute(sql.REMOVE_DOMAIN, (name.lower(),))
            if not connection.changes():
                raise NotFound(f"no domain {name}")
            connection.execute(sql.REMOVE_KEYS, (name.lower(),))

    # --- presets --------------------------------------------------------------------------------------

    def put_preset(self, preset: Preset) -> None:
        """Raises NotFound: there is no such account."""
        self.account(preset.account)
        with self._transaction() as connection:
            connection.execute(sql.PUT_PRESET, rows.preset_row(preset))

    def preset(self, account: str, name: str) -> Preset:
        return rows.preset_of(self._one(sql.PRESET, account, name.casefold(), what=f"preset {name} of {account}"))

    def presets(self, account: str | None = None) -> list[Preset]:
        return [rows.preset_of(row) for row in self._rows(sql.PRESETS, account)]

    def remove_preset(self, account: str, name: str) -> None:
        self._change(sql.REMOVE_PRESET, (account, name.casefold()), f"preset {name} of {account}")

    # --- templates ------------------------------------------------------------------------------------

    def put_template(self, template: Template) -> Template:
        self.account(template.account)
        with self._transaction() as connection:
            return templates.put(connection, template)

    def template(self, account: str, name: str, version: int | None = None) -> Template:
        with self._reading() as connection:
            return templates.one(connection, account, name, version)

    def templates(self, account: str | None = None) -> list[Template]:
        with self._reading() as connection:
            return templates.newest(connection, account)

    def template_names(self, account: str, start: int = 0, limit: int | None = None) -> list[tuple[int, str]]:
        with self._reading() as connection:
            return templates.names(connection, account, start, limit)

    def template_versions(self, account: str, name: str) -> list[Template]:
        with self._reading() as connection:
            return templates.versions(connection, account, name)

    def remove_template(self, account: str, name: str) -> None:
        with self._transaction() as connection:
            templates.remove(connection, account, name)

    # --- webhooks: the rest of them is in `hooks.py` ---------------------------------------------------

    def webhook_urls(self, account: str) -> frozenset[str]:
        with self._reading() as connection:
            return frozenset(url for (url,) in fetch(connection, sql.WEBHOOK_URLS, (account,)))

    # --- keys of return paths -------------------------------------------------------------------------

    def add_return_key(self, secret: bytes, created: float) -> ReturnKey:
        with self._transaction() as connection:
            return rows.return_key_of(fetch(connection, sql.ADD_RETURN_KEY, (secret, created))[0])

    def return_keys(self) -> list[ReturnKey]:
        return [rows.return_key_of(row) for row in self._rows(sql.RETURN_KEYS)]

    def forget_return_keys(self, before: float) -> int:
        return self._delete(sql.FORGET_RETURN_KEYS, before)

    # --- keys of links --------------------------------------------------------------------------------

    def add_link_key(self, secret: bytes, created: float) -> LinkKey:
        with self._transaction() as connection:
            return rows.link_key_of(fetch(connection, sql.ADD_LINK_KEY, (secret, created))[0])

    def link_keys(self) -> list[LinkKey]:
        return [rows.link_key_of(row) for row in self._rows(sql.LINK_KEYS)]

    def forget_link_keys(self, before: float) -> int:
        return self._delete(sql.FORGET_LINK_KEYS, before)

    # --- orders to the queue --------------------------------------------------------------------------

    def add_order(self, order: Order) -> Order:
        with self._transaction() as connection:
            return rows.order_of(fetch(connection, sql.ADD_ORDER, rows.order_row(order))[0])

    def order(self, number: int) -> Order:
        found = self._rows(sql.ORDER, number)
        if not found:
            raise NotFound(f"no order {number}")
        return rows.order_of(found[0])

    def orders(self, shard: int) -> list[Order]:
        return [rows.order_of(row) for row in self._rows(sql.ORDERS, shard)]

    def order_done(self, done: Done) -> None:
        """Said again, the last word stands. Raises NotFound: the order is forgotten."""
        with self._transaction() as connection:
            try:
                connection.execute(sql.ORDER_DONE, rows.done_row(done))
            except apsw.ConstraintError as error:
                raise NotFound(f"no order {done.order}") from error

    def done(self, order: int) -> list[Done]:
        return [rows.done_of(row) for row in self._rows(sql.DONE, order)]

    def forget_orders(self, before: float) -> int:
        return self._delete(sql.FORGET_ORDERS, before)

    # --- keys -----------------------------------------------------------------------------------------

    def add_key(self, key: DkimKey) -> None:
        self._insert(sql.ADD_KEY, rows.key_row(key), f"key {key.selector} of {key.domain}")

    def keys(self, domain: str | None = None) -> list[DkimKey]:
        return [rows.key_of(row) for row in self._rows(sql.KEYS, domain and domain.lower())]

    def always_keys(self, account: str) -> list[DkimKey]:
        return [rows.key_of(row) for row in self._rows(sql.ALWAYS_KEYS, account)]

    def pending_keys(self, after: str = "", limit: int = 1000) -> list[DkimKey]:
        return [rows.key_of(row) for row in self._rows(sql.PENDING_KEYS, after, limit)]

    def due_keys(self, before: float, after: str = "", limit: int = 1000) -> list[DkimKey]:
        return [rows.key_of(row) for row in self._rows(sql.DUE_KEYS, before, after, limit)]

    def update_key(self, key: DkimKey) -> None:
        _, _, algorithm, private, public, _, *rest = rows.key_row(key)
        given = (algorithm, private, public, *rest, key.domain, key.selector)
        self._change(sql.UPDATE_KEY, given, f"key {key.selector} of {key.domain}")

    def remove_key(self, domain: str, selector: str) -> None:
        self._change(sql.REMOVE_KEY, (domain.lower(), selector), f"key {selector} of {domain}")

    def retire_key(self, domain: str, selector: str) -> None:
        self._change(
            sql.SET_KEY_STATE, (KeyState.RETIRED.value, domain.lower(), selector), f"key {selector} of {domain}"
        )

    # --- tokens ---------------------------------------------------------------------------------------

    def add_token(self, token: Token) -> None:
        self.account(token.account)
        self._insert(sql.ADD_TOKEN, rows.token_row(token), f"token {token.id}")

    def token(self, token_id: str) -> Token:
        return rows.token_of(self._one(sql.TOKEN, token_id, what=f"token {token_id}"))

    def tokens(self, account: str | None = None) -> list[Token]:
        return [rows.token_of(row) for row in self._rows(sql.TOKENS, account)]

    def update_token(self, token: Token) -> None:
        ident, *rest = rows.token_row(token)
        self._change(sql.UPDATE_TOKEN, (*rest, ident), f"token {token.id}")

    def remove_token(self, token_id: str) -> None:
        with self._transaction() as connection:
            connection.execute(sql.REMOVE_TOKEN_USE, (token_id,))
            connection.execute(sql.REMOVE_TOKEN, (token_id,))
            if not connection.changes():
                raise NotFound(f"no token {token_id}")

    def tokens_used(self) -> Mapping[str, float]:
        return dict(self._rows(sql.TOKENS_USED))

    def note_tokens_used(self, used: Mapping[str, float]) -> None:
        with transaction(self._connection, "the registry") as connection:
            for token_id, at in used.items():
                connection.execute(sql.TOKEN_USED, (token_id, at))

    # --- who did what ---------------------------------------------------------------------------------

    def audit(self, at: float, who: str, act: str, detail: Mapping[str, Any]) -> None:
        with self._transaction() as connection:
            connection.execute(sql.AUDIT, (at, who, act, json.dumps(dict(detail), ensure_ascii=False)))

    def audits(self, limit: int = 100) -> list[Mapping[str, Any]]:
        found = self._rows(sql.AUDITS, limit)
        return [{"at": at, "who": who, "act": act, "detail": json.loads(detail)} for at, who, act, detail in found]

    def close(self) -> None:
        self._connection.close()

    # --- inside ---------------------------------------------------------------------------------------

    def _rows(self, statement: str, *given: Any) -> list[Row]:
        try:
            return fetch(self._connection, statement, given)
        except apsw.Error as error:
            raise StoreDown(f"the registry cannot be read: {error}") from error

    def _one(self, statement: str, *given: str, what: str) -> Row:
        found = self._rows(statement, *given)
        if not found:
            raise NotFound(f"no {what}")
        return found[0]

    def _insert(self, statement: str, row: Row, what: str) -> None:
        with self._transaction() as connection:
            try:
                connection.execute(statement, row)
            except apsw.ConstraintError as error:
                raise Exists(f"{what} is there already") from error

    def _change(self, statement: str, given: Row, what: str) -> None:
        with self._transaction() as connection:
            connection.execute(statement, given)
            if not connection.changes():
                raise NotFound(f"no {what}")

    def _delete(self, statement: str, before: float) -> int:
        """Nothing to delete is no change."""
        with self._transaction() as connection:
            connection.execute(statement, (before,))
            return connection.changes()

    @contextmanager
    def _reading(self) -> Iterator[apsw.Connection]:
        try:
            yield self._connection
        except apsw.Error as error:
            raise StoreDown(f"the registry cannot be read: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[apsw.Connection]:
        """A change and the new version, both or neither."""
        with transaction(self._connection, "the registry") as connection:
            yield connection
            connection.execute(sql.RAISE_VERSION)
