"""Small file systems of a test's own, where the machine lets us mount some.

A test that needs one is skipped where only root may mount and the tests do not run as root, or in a sandbox.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.tools import tool, unavailable

_BLOCK = 1 << 16
_OPTIONS = "loop,errors=remount-ro"


@contextlib.contextmanager
def small_disk(at: Path, megabytes: int) -> Iterator[Path]:
    """A tmpfs of that size."""
    at.mkdir(parents=True)
    with _mounted(at, "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs"):
        yield at


@contextlib.contextmanager
def ext4(at: Path, megabytes: int) -> Iterator[Path]:
    """An ext4 that goes read-only at its first error, as most do: see `go_read_only` and `mend`."""
    image = _image(at)
    at.mkdir(parents=True)
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    subprocess.run([tool("mkfs.ext4"), "-q", str(image)], check=True, capture_output=True)
    with _mounted(at, "-o", _OPTIONS, str(image)):
        (at / "lost+found").rmdir()
        yield at


def go_read_only(at: Path) -> None:
    """What the kernel does with a file system it finds damaged; writers are not asked."""
    device = os.path.basename(os.path.realpath(f"/sys/dev/block/{_device(at)}"))
    trigger = Path(f"/sys/fs/ext4/{device}/trigger_fs_error")
    if not trigger.exists():
        unavailable("this kernel makes no errors on request")
    trigger.write_text("a test\n")


def mend(at: Path) -> None:
    """What an operator does then: unmount, check, mount. Nobody may have a file open there."""
    subprocess.run(["umount", str(at)], check=True, capture_output=True)
    done = subprocess.run([tool("e2fsck"), "-fy", str(_image(at))], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout  # 1: errors were mended
    subprocess.run(["mount", "-o", _OPTIONS, str(_image(at)), str(at)], check=True, capture_output=True)


def fill(at: Path) -> Path:
    """Take the last octet of room; the file that has it."""
    ballast = at / "ballast"
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        size = _BLOCK
        while True:
            try:
                file.write(bytes(size))
            except OSError:
                if size == 1:
                    raise
                size //= 2
    return ballast


def _image(at: Path) -> Path:
    return at.with_name(f"{at.name}.img")


def _device(at: Path) -> str:
    number = at.stat().st_dev
    return f"{os.major(number)}:{os.minor(number)}"


@contextlib.contextmanager
def _mounted(at: Path, *how: str) -> Iterator[None]:
    done = subprocess.run(["mount", *how, str(at)], capture_output=True, text=True, check=False)
    if done.returncode:
        unavailable(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True, capture_output=True)
