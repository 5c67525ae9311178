"""Connections to SQLite databases, and what its errors mean to the callers of a store.

No connection is opened when a module is imported: the supervisor forks its children, and a SQLite
connection must not be carried across a fork.
"""

from __future__ import annotations

import importlib.resources
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw

from relay.store.interface import StoreDown

Row = tuple[Any, ...]

BUSY_MS = 5000  # how long a connection waits for another one's lock

# The engine or the disk failed; what the connection holds in memory is no longer to be trusted.
BROKEN = (
    apsw.IOError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.ProtocolError,
    apsw.NoMemError,
    apsw.InternalError,
    apsw.FullError,
)


def connect_writer(path: Path, *, cache_kib: int = 16_000) -> apsw.Connection:
    """A connection that writes, durable at each commit.

    WAL with `synchronous=full`: one fdatasync a commit. 4 KiB pages and incremental vacuum are fixed
    when the database is made. The write-ahead log is cut back to 64 MiB when it starts over, not to
    nothing: overwriting a file is cheaper to sync than growing it.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
    connection.set_busy_timeout(BUSY_MS)
    for pragma in (
        "page_size = 4096",
        "auto_vacuum = incremental",
        "journal_mode = wal",
        "synchronous = full",
        f"journal_size_limit = {64 << 20}",
        f"cache_size = -{cache_kib}",
        "temp_store = memory",
        "foreign_keys = on",
    ):
        connection.execute(f"pragma {pragma}").fetchall()
    return connection


def connect_reader(path: Path) -> apsw.Connection:
    """A connection that only reads.

    Raises:
        apsw.CantOpenError, apsw.ReadOnlyError: also when the directory is not ours to write and there is
            no write-ahead log in it; see `connect_frozen`.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(BUSY_MS)
    teach_folding(connection)
    try:
        schema_version(connection)  # SQLite opens its files at the first read
    except apsw.Error:
        connection.close(True)
        raise
    return connection


def connect_frozen(path: Path) -> apsw.Connection:
    """A connection to a database that nobody changes while it is open: no lock and no log are looked at."""
    name = f"file:{quote(str(path.absolute()))}?immutable=1"
    connection = apsw.Connection(name, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    teach_folding(connection)
    return connection


def teach_folding(connection: apsw.Connection) -> None:
    """`folded(text)`: without regard to case, of all letters and not only those of ASCII."""
    connection.create_scalar_function("folded", _folded, 1, deterministic=True)


def _folded(*given: apsw.SQLiteValue) -> apsw.SQLiteValue:
    return str(given[0]).casefold()


def fetch(connection: apsw.Connection, statement: str, given: apsw.Bindings = ()) -> list[Row]:
    """All rows of a statement."""
    return connection.execute(statement, given).fetchall()


def value(connection: apsw.Connection, statement: str, given: apsw.Bindings = ()) -> Any:
    """The first column of the first row; None when there is no row."""
    row = connection.execute(statement, given).fetchone()
    return None if row is None else row[0]


def schema_version(connection: apsw.Connection) -> int:
    version: int = value(connection, "pragma user_version")
    return version


def migrate(connection: apsw.Connection, schema: str) -> None:
    """Bring a database to the newest schema, one transaction a step.

    The steps are `schema/<schema>/NNNN_name.sql`, numbered from 1; `pragma user_version` keeps the number
    of the last one taken.

    Raises:
        StoreDown: a newer version of the program made this database.
    """
    if schema_version(connection) == len(steps(schema)):
        return
    for number, text in enumerate(steps(schema), 1):
        connection.execute("begin immediate")
        try:
            # Asked inside the transaction: another process may be taking the same steps.
            if schema_version(connection) < number:
                connection.execute(text)
                connection.execute(f"pragma user_version = {number}")
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
    check_version(connection, schema)


def check_version(connection: apsw.Connection, schema: str) -> None:
    """Raises StoreDown: the database has not the schema this program knows."""
    found, known = schema_version(connection), len(steps(schema))
    if found != known:
        hint = "; a start of the relay brings it up to date" if found < known else ""
        raise StoreDown(f"{connection.filename} has schema {found}, this program needs {known}{hint}")


@cache
def steps(schema: str) -> tuple[str, ...]:
    """The text of each step, in order."""
    folder = importlib.resources.files(__package__) / "schema" / schema
    files = sorted((each for each in folder.iterdir() if each.name.endswith(".sql")), key=lambda each: each.name)
    return tuple(each.read_text("utf-8") for each in files)
