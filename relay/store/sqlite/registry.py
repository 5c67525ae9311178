"""Accounts and what belongs to them, in one small database that all processes share.

Calls are synchronous: a look-up takes microseconds, a change one sync of the disk. Each change is one
transaction that also raises the version, which is what other processes watch. The file is made with mode
0600: it holds private keys.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from relay.model.account import (
    Account,
    Algorithm,
    ControlHeaders,
    Credential,
    DkimKey,
    Domain,
    KeyState,
    Scope,
    Token,
)
from relay.store.interface import Exists, NotFound, StoreDown, StoreFull
from relay.store.sqlite import registry_statements as sql
from relay.store.sqlite.connect import Row, connect_writer, fetch, migrate
from relay.store.sqlite.layout import make_directory, sync_directory


def open_registry(path: Path) -> SqliteRegistry:
    """Raises StoreDown: it cannot be opened, or a newer version of the program made it."""
    try:
        make_directory(path.parent)
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            sync_directory(path.parent)
        connection = connect_writer(path, cache_kib=4_000)
        migrate(connection, "registry")
    except (apsw.Error, OSError) as error:
        raise StoreDown(f"{path} cannot be opened: {error}") from error
    return SqliteRegistry(connection)


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
        self._insert(
            sql.ADD_ACCOUNT, (account.name, account.created, int(account.disabled)), f"account {account.name}"
        )

    def account(self, name: str) -> Account:
        return _account(self._one(sql.ACCOUNT, name, f"account {name}"))

    def accounts(self) -> list[Account]:
        return [_account(row) for row in self._rows(sql.ACCOUNTS)]

    def set_account_disabled(self, name: str, disabled: bool) -> None:
        self._change(sql.DISABLE_ACCOUNT, (int(disabled), name), f"account {name}")

    # --- credentials ----------------------------------------------------------------------------------

    def add_credential(self, credential: Credential) -> None:
        self.account(credential.account)
        row = (credential.username.casefold(), *_credential_row(credential))
        self._insert(sql.ADD_CREDENTIAL, row, f"credential {credential.username}")

    def credential(self, username: str) -> Credential:
        return _credential(self._one(sql.CREDENTIAL, username.casefold(), f"credential {username}"))

    def credentials(self, account: str | None = None) -> list[Credential]:
        return [_credential(row) for row in self._rows(sql.CREDENTIALS, account)]

    def update_credential(self, credential: Credential) -> None:
        self.account(credential.account)
        row = (*_credential_row(credential), credential.username.casefold())
        self._change(sql.UPDATE_CREDENTIAL, row, f"credential {credential.username}")

    # --- domains --------------------------------------------------------------------------------------

    def add_domain(self, domain: Domain) -> None:
        self.account(domain.account)
        row = (domain.name, domain.account, domain.challenge, domain.created, domain.verified, domain.verified_by)
        self._insert(sql.ADD_DOMAIN, row, f"domain {domain.name}")

    def domain(self, name: str) -> Domain:
        return _domain(self._one(sql.DOMAIN, name.lower(), f"domain {name}"))

    def domains(self, account: str | None = None) -> list[Domain]:
        return [_domain(row) for row in self._rows(sql.DOMAINS, account)]

    def verify_domain(self, name: str, at: float, by: str) -> None:
        self._change(sql.VERIFY_DOMAIN, (at, by, name.lower()), f"domain {name}")

    def remove_domain(self, name: str) -> None:
        """Its keys go with it. Raises NotFound."""
        with self._transaction() as connection:
            connection.execute(sql.REMOVE_DOMAIN, (name.lower(),))
            if not connection.changes():
                raise NotFound(f"no domain {name}")
            connection.execute(sql.REMOVE_KEYS, (name.lower(),))

    # --- keys -----------------------------------------------------------------------------------------

    def add_key(self, key: DkimKey) -> None:
        row = (
            key.domain,
            key.selector,
            key.algorithm.value,
            key.private_pem,
            key.public_base64,
            key.created,
            key.state.value,
        )
        self._insert(sql.ADD_KEY, row, f"key {key.selector} of {key.domain}")

    def keys(self, domain: str | None = None) -> list[DkimKey]:
        return [_key(row) for row in self._rows(sql.KEYS, domain and domain.lower())]

    def retire_key(self, domain: str, selector: str) -> None:
        self._change(
            sql.SET_KEY_STATE, (KeyState.RETIRED.value, domain.lower(), selector), f"key {selector} of {domain}"
        )

    # --- tokens ---------------------------------------------------------------------------------------

    def add_token(self, token: Token) -> None:
        self.account(token.account)
        row = (token.id, token.account, token.digest, _list(token.scopes), token.created, token.note)
        self._insert(sql.ADD_TOKEN, row, f"token {token.id}")

    def token(self, token_id: str) -> Token:
        return _token(self._one(sql.TOKEN, token_id, f"token {token_id}"))

    def tokens(self, account: str | None = None) -> list[Token]:
        return [_token(row) for row in self._rows(sql.TOKENS, account)]

    # --- who did what ---------------------------------------------------------------------------------

    def audit(self, at: float, who: str, act: str, detail: Mapping[str, Any]) -> None:
        with self._transaction() as connection:
            connection.execute(sql.AUDIT, (at, who, act, json.dumps(dict(detail), ensure_ascii=False)))

    def audits(self, limit: int = 100) -> list[Mapping[str, Any]]:
        rows = self._rows(sql.AUDITS, limit)
        return [{"at": at, "who": who, "act": act, "detail": json.loads(detail)} for at, who, act, detail in rows]

    def close(self) -> None:
        self._connection.close()

    # --- inside ---------------------------------------------------------------------------------------

    def _rows(self, statement: str, *given: Any) -> list[Row]:
        try:
            return fetch(self._connection, statement, given)
        except apsw.Error as error:
            raise StoreDown(f"the registry cannot be read: {error}") from error

    def _one(self, statement: str, given: str, what: str) -> Row:
        rows = self._rows(statement, given)
        if not rows:
            raise NotFound(f"no {what}")
        return rows[0]

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

    @contextmanager
    def _transaction(self) -> Iterator[apsw.Connection]:
        """A change and the new version, both or neither."""
        connection = self._connection
        try:
            connection.execute("begin immediate")
            try:
                yield connection
                connection.execute(sql.RAISE_VERSION)
                connection.execute("commit")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("rollback")
                raise
        except apsw.FullError as error:
            raise StoreFull(f"no room to change the registry: {error}") from error
        except apsw.Error as error:
            raise StoreDown(f"the registry cannot be changed: {error}") from error


def _list(values: frozenset[Any]) -> str:
    return json.dumps(sorted(values))


def _account(row: Row) -> Account:
    name, created, disabled = row
    return Account(name=name, created=created, disabled=bool(disabled))


def _credential_row(credential: Credential) -> tuple[Any, ...]:
    return (
        credential.username,
        credential.account,
        credential.password_hash,
        credential.created,
        credential.note,
        int(credential.disabled),
        int(credential.sandbox),
        credential.control_headers.value,
        _list(credential.grants),
    )


def _credential(row: Row) -> Credential:
    username, account, password_hash, created, note, disabled, sandbox, control_headers, grants = row
    return Credential(
        username=username,
        account=account,
        password_hash=password_hash,
        created=created,
        note=note,
        disabled=bool(disabled),
        sandbox=bool(sandbox),
        control_headers=ControlHeaders(control_headers),
        grants=frozenset(json.loads(grants)),
    )


def _domain(row: Row) -> Domain:
    name, account, challenge, created, verified, verified_by = row
    return Domain(
        name=name, account=account, challenge=challenge, created=created, verified=verified, verified_by=verified_by
    )


def _key(row: Row) -> DkimKey:
    domain, selector, algorithm, private_pem, public_base64, created, state = row
    return DkimKey(
        domain=domain,
        selector=selector,
        algorithm=Algorithm(algorithm),
        private_pem=private_pem,
        public_base64=public_base64,
        created=created,
        state=KeyState(state),
    )


def _token(row: Row) -> Token:
    ident, account, digest, scopes, created, note = row
    return Token(
        id=ident,
        account=account,
        digest=digest,
        scopes=frozenset(Scope(each) for each in json.loads(scopes)),
        created=created,
        note=note,
    )
