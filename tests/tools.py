"""Programs that tests run: found on the system or under `.cache`, or the test says why it cannot run.

Where `CI` is set, a missing program is a failure: a green run must not hide what it left out.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".cache"
_SEARCH = f"{CACHE / 'bin'}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def tool(name: str) -> str:
    """Path of a program. Skips the test where it is missing."""
    found = shutil.which(name, path=_SEARCH)
    if found is None:
        unavailable(f"{name} is not installed, nor unpacked under .cache (python -m tests.packages)")
    return found


def node_modules() -> Path:
    """Where nodemailer lies. Skips the test where it is missing."""
    home = CACHE / "node/node_modules"
    if not (home / "nodemailer").is_dir():
        unavailable("nodemailer is not under .cache (python -m tests.packages)")
    return home


def unavailable(why: str) -> NoReturn:
    """Leave a test out, or fail where nothing may be left out."""
    if os.environ.get("CI"):
        pytest.fail(why, pytrace=False)
    pytest.skip(why)
