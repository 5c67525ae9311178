"""The frame of the soak: what a scenario finds decides the exit code, and stands in the report."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from tests.faults import __main__ as soak
from tests.faults.report import Report
from tests.faults.soak import Scenario, scenarios
from tests.faults.stage import Stage


def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *runs: Scenario, options: tuple[str, ...] = ()) -> int:
    monkeypatch.setattr(soak, "scenarios", lambda: {each.name: each for each in runs})
    return soak.main(["--report", str(tmp_path / "report"), "--seed", "7", "--minutes", "0.01", *options])


def calm(stage: Stage, report: Report) -> None:
    rounds = sum(1 for _ in stage.rounds())
    report.add("calm", "nothing at all", rounds, accepted=5, delivered=4, queued=1, lost=0, more={"kills": 3})


def leaky(_: Stage, report: Report) -> None:
    report.add("leaky", "one is gone", 1, accepted=5, delivered=4, lost=1)


def broken(_: Stage, report: Report) -> None:
    report.add("broken", "half of it", 1, lost=0)
    raise RuntimeError("the rest")


def test_every_scenario_has_a_title() -> None:
    assert all(each.title.endswith(".") for each in scenarios().values())


def test_a_run_without_loss_ends_well_and_writes_its_figures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play(monkeypatch, tmp_path, Scenario("calm", "Calm.", calm), options=("--rounds", "3")) == 0
    data = json.loads((tmp_path / "report/soak.json").read_text())
    assert (data["seed"], data["well"], data["lines"][0]["times"], data["lines"][0]["lost"]) == (7, True, 3, 0)
    table = (tmp_path / "report/soak.md").read_text()
    assert "| calm | nothing at all | 3 | 5 | 4 |  | 1 |  | 0 |" in table
    assert "kills 3" in table
    assert "Faults: none." in capsys.readouterr().out


def test_one_lost_message_fails_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert play(monkeypatch, tmp_path, Scenario("calm", "Calm.", calm), Scenario("leaky", "Leaky.", leaky)) == 1
    assert not json.loads((tmp_path / "report/soak.json").read_text())["well"]


def test_a_scenario_that_breaks_is_a_fault_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert play(monkeypatch, tmp_path, Scenario("broken", "Broken.", broken), Scenario("calm", "Calm.", calm)) == 1
    lines = json.loads((tmp_path / "report/soak.json").read_text())["lines"]
    assert [each["room"] for each in lines] == ["broken", "broken", "calm"]
    assert lines[1]["faults"] == ["RuntimeError: the rest"]


def test_only_some_are_played_and_a_strange_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = (Scenario("calm", "Calm.", calm), Scenario("leaky", "Leaky.", leaky))
    assert play(monkeypatch, tmp_path, *both, options=("--only", "calm")) == 0
    with pytest.raises(SystemExit):
        play(monkeypatch, tmp_path, *both, options=("--only", "clam"))
    assert "no scenario clam; there are calm, leaky" in capsys.readouterr().err


def test_a_stage_gives_at_least_one_round_and_no_more_than_were_asked_for(tmp_path: Path) -> None:
    def stage(until: float, most: int | None) -> Stage:
        return Stage(home=tmp_path, random=Random(1), until=until, most=most, say=lambda _: None)

    assert list(stage(0.0, None).rounds()) == [0]
    assert list(stage(float("inf"), 3).rounds()) == [0, 1, 2]
    assert stage(0.0, 3).part(0.5).left == 0.0
