"""Octets nobody would send, given to everything that reads a stranger's octets.

Each target is a function `(octets) -> None` that raises where a property is broken. One registry (`registry.py`)
serves two drivers: hypothesis in the suite (`test_fuzz.py`), and atheris in `make fuzz` (`__main__.py`).

    seeds/TARGET/      inputs to begin with: what reaches the corners of a target
    crashes/TARGET/    every input that ever broke a property, made small; the suite replays each by its name
"""
