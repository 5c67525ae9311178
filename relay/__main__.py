"""The program `relay`. Answers `--version` before anything is imported that takes time."""

from __future__ import annotations

import sys


def main() -> int:
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        from relay import __version__

        print(f"relay {__version__}")  # noqa: T201
        return 0
    from relay.cli.app import run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
