"""Whose files these are, for errors: who meets `Permission denied` on a relay's data runs as the wrong user."""

from __future__ import annotations

import os
import pwd
from pathlib import Path


def told(error: OSError) -> str:
    """An error of the system in a line: what it is about, what is wrong, and whose it is where that is the reason."""
    words = error.strerror or str(error) or type(error).__name__
    if error.filename is None:
        return words
    path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else str(error.filename)
    return f"{path}: {words}{foreign(Path(path)) if isinstance(error, PermissionError) else ''}"


def foreign(path: Path) -> str:
    """`; it belongs to user X` where that is somebody else, else nothing.

    Asked of the path itself, or of the nearest directory above that may be looked at.
    """
    for each in (path, *path.absolute().parents):
        try:
            owner = each.stat().st_uid
        except OSError:
            continue
        return "" if owner == os.geteuid() else f"; it belongs to user {user(owner)}"
    return ""


def user(uid: int) -> str:
    """A name, or the number where there is none for it, as in a container."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
