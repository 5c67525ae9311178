"""One target under atheris, in a process of its own: `python -m tests.fuzz.one TARGET [OPTION...] DIRECTORY...`

Why so: libFuzzer, whose options these are, ends its process at the first input that breaks something, and what it
instruments has to be imported under its eyes.
"""

from __future__ import annotations

import logging
import sys

import atheris

with atheris.instrument_imports(include=["relay"]):
    from tests.fuzz.registry import TARGETS


def main() -> None:
    name = sys.argv.pop(1)
    logging.disable()  # the program logs what peers do; a million of them would drown what matters
    atheris.Setup(sys.argv, TARGETS[name].check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
