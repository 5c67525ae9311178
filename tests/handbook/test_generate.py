"""Pages made from code are fresh, and the check notices when they are not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from relay.config import Listener
from relay.handbook import generate
from relay.model.classes import CLASSES
from relay.model.event import EventName
from relay.submission.control.registry import GRANTS, LATER, OPTIONS


def test_the_pages_in_the_repository_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check"]) == 0, capsys.readouterr().out


def test_a_stale_page_fails_the_check_and_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "HERE", tmp_path)
    assert generate.main(["--check"]) == 1
    assert list(tmp_path.iterdir()) == []
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    page = tmp_path / "events.md"
    page.write_text(page.read_text().replace("delivered", "handed over"))
    assert generate.main(["--check"]) == 1


def test_every_key_is_documented_with_its_default_in_its_own_unit() -> None:
    page = generate.configuration()
    for name in Listener.model_fields:
        assert f"| `{name}` |" in page.partition("## `listeners[]`")[2]
    assert "| `size` | size | `50MiB` |" in page
    assert "| `lifetime` | duration | `5d` |" in page
    assert "## `delivery.routes[].smarthost`" in page


def test_every_event_is_documented() -> None:
    page = generate.events()
    assert all(f"| `{name.value}` |" in page for name in EventName)


def test_every_event_is_named_by_a_room_that_writes_it() -> None:
    """Reports and commands read events; all other rooms name one only to write it."""
    rooms = Path(generate.__file__).parents[1]
    reading = {rooms / "report", rooms / "cli", rooms / "handbook", rooms / "web", rooms / "model"}
    texts = [path.read_text() for path in rooms.rglob("*.py") if not reading.intersection(path.parents)]
    named = {EventName[each] for text in texts for each in re.findall(r"\bEventName\.([A-Z]+)", text)}
    assert named == set(EventName)


def test_every_option_and_grant_is_documented_with_an_example() -> None:
    page = generate.options()
    for option in OPTIONS:
        section = page.partition(f"\n### `{option.name}`\n")[2].partition("\n##")[0]
        assert option.help in section
        assert option.example in section or "header" not in option.doors
        assert f"| `{option.name}` |" in page
    assert all(f"| `{grant}` |" in page for grant in GRANTS)
    assert all(f"`{name}`" in page.partition("## What is not done")[2] for name in LATER)


def test_the_page_on_feedback_has_every_class() -> None:
    page = (Path(generate.__file__).parent / "feedback.md").read_text()
    assert [each for each in CLASSES if f"`{each}`" not in page] == []
