"""The program `relay`. Answers `--version` before anything is imported that takes time."""

from __future__ import annotations

import os
import sys


def main() -> int:
    _open_streams()
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        from relay import __version__

        print(f"relay {__version__}")  # noqa: T201
        return 0
    from relay.cli.app import run

    return run(arguments)


def _open_streams() -> None:
    """Whoever started us may have closed standard streams; then a socket or a file would get their numbers, and
    be written our log."""
    opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    while opened <= 2:
        os.set_inheritable(opened, True)
        opened = os.open(os.devnull, os.O_RDWR)
    os.close(opened)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


if __name__ == "__main__":
    sys.exit(main())
