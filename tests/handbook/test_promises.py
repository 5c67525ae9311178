"""The page of promises names tests, scenarios and targets that exist, and takes the figures of the last runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests import figures
from tests.faults.soak import scenarios
from tests.fuzz.registry import TARGETS

ROOT = Path(__file__).parents[2]
PAGE = figures.PAGE.read_text()


def test_every_test_it_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py): (test_\w+)`", PAGE)
    assert len(named) > 30
    for path, name in named:
        assert re.search(rf"^(?:async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE), f"{path}: {name}"


def test_every_target_and_scenario_it_names_is_there_and_every_target_of_the_fuzzers_but_two_is_named() -> None:
    targets = {
        each
        for words in re.findall(r"fuzz targets?\s((?:`\w+`(?:, )?)+)", PAGE)
        for each in re.findall(r"\w+", words)
    }
    assert targets <= TARGETS.keys()
    assert TARGETS.keys() - targets == {"config", "dkim"}  # which promise nothing against strangers
    named = {
        each for words in re.findall(r"scenarios?\s((?:`\w+`(?:, )?)+)", PAGE) for each in re.findall(r"\w+", words)
    }
    assert named == scenarios().keys()


def test_figures_find_their_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "promises.md"
    page.write_text(PAGE)
    monkeypatch.setattr(figures, "PAGE", page)
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    assert figures.main() == 0
    assert page.read_text() == PAGE
    left = tmp_path / figures.LEFT["fuzz"]
    left.parent.mkdir(parents=True)
    ran = {
        "target": "session",
        "seconds": 60.2,
        "runs": 12345,
        "reached": 700,
        "measured": 9,
        "crashes": [],
        "slow": [],
    }
    left.write_text(json.dumps({"python": "3.11.7", "at": 1, "targets": [ran]}))
    assert figures.main() == 0
    assert "| session | 12,345 | 60 | 700 | 9 | 0 |" in page.read_text()
    with pytest.raises(ValueError, match="no place"):
        figures.put("a page", "fuzz", "")
