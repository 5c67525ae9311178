"""Small databases that all processes of the machine share: opening one, and changing it.

Made with mode 0600, and so are the files SQLite puts beside them: they hold keys, digests and addresses.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from relay.store.interface import StoreDown, StoreFull
from relay.store.sqlite.connect import connect_writer, migrate
from relay.store.sqlite.layout import make_directory, sync


def open_shared(path: Path, schema: str) -> apsw.Connection:
    """Made if it is not there, and brought to the newest schema.

    Raises:
        StoreDown: it cannot be opened, or a newer version of the program made it.
    """
    try:
        make_directory(path.parent)
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            sync(path.parent)
        connection = connect_writer(path, cache_kib=4_000)
        migrate(connection, schema)
    except (apsw.Error, OSError) as error:
        raise StoreDown(f"{path} cannot be opened: {error}") from error
    return connection


@contextmanager
def transaction(connection: apsw.Connection, what: str) -> Iterator[apsw.Connection]:
    """All of it or nothing; on disk at its end.

    Raises:
        StoreFull, StoreDown: nothing of it was kept; the text calls the database `what`.
    """
    try:
        connection.execute("begin immediate")
        try:
            yield connection
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
    except apsw.FullError as error:
        raise StoreFull(f"no room to change {what}: {error}") from error
    except apsw.Error as error:
        raise StoreDown(f"{what} cannot be changed: {error}") from error
