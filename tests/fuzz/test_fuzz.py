"""Every input that ever broke a property, by name; the seeds; and some seconds of inputs nobody has seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import Ran, main, write
from tests.fuzz.corpora import CRASHES, SEEDS, kept
from tests.fuzz.growth import grow
from tests.fuzz.registry import TARGETS
from tests.fuzz.smaller import broken, smaller
from tests.fuzz.target import Target, cut

KEPT = {f"{name}-{file}": (name, octets) for name in TARGETS for file, octets in kept(CRASHES, name).items()}
SOWN = {f"{name}-{file}": (name, octets) for name in TARGETS for file, octets in kept(SEEDS, name).items()}
LARGEST = 16 << 10  # octets of an input that is kept


@pytest.mark.parametrize("name", KEPT)
def test_what_broke_once_breaks_no_more(name: str) -> None:
    target, octets = KEPT[name]
    TARGETS[target].check(octets)


@pytest.mark.parametrize("name", SOWN)
def test_a_seed_is_sound(name: str) -> None:
    target, octets = SOWN[name]
    TARGETS[target].check(octets)


@pytest.mark.parametrize("name", TARGETS)
def test_any_octets_keep_the_properties(name: str) -> None:
    target = TARGETS[name]
    pieces = st.lists(st.sampled_from(target.words) | st.binary(max_size=8), max_size=24).map(b"".join)
    inputs = st.builds(bytes.__add__, st.binary(max_size=8) | st.just(target.head), pieces)

    @settings(max_examples=target.examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(inputs)
    def any_octets(octets: bytes) -> None:
        note(f"to keep it: write these octets to {CRASHES / name}/NAME: {octets!r}")
        target.check(octets)

    any_octets()


def test_every_input_belongs_to_a_target_and_is_small() -> None:
    for place in (CRASHES, SEEDS):
        assert {each.name for each in place.iterdir()} <= TARGETS.keys()
    for octets in (octets for _, octets in (*KEPT.values(), *SOWN.values())):
        assert len(octets) <= LARGEST


def test_every_target_has_seeds_and_words() -> None:
    assert {name for name, _ in SOWN.values()} == TARGETS.keys()
    assert all(target.words for target in TARGETS.values())


# The tools.


def _angry(octets: bytes) -> None:
    assert b"bad" not in octets
    if octets.count(b"x") > 2:
        raise ValueError


def test_a_crash_is_made_small_and_breaks_in_the_same_place() -> None:
    assert smaller(_angry, b"some good, one bad, xxx more" * 20) == b"bad"
    assert smaller(_angry, b"axbxcx" * 20) == b"xxx"
    assert broken(_angry, b"good") is None


def test_pieces_are_the_whole() -> None:
    assert cut(b"abcdefg", b"\1\2") == [b"a", b"bc", b"d", b"ef", b"g"]
    assert cut(b"abc", b"") == [b"abc"]
    assert cut(b"", b"\1") == []
    assert b"".join(cut(bytes(1000), b"\0")) == bytes(1000)


def test_quadratic_work_is_seen_and_linear_work_is_not() -> None:
    spent = [0.0]

    def quadratic(octets: bytes) -> None:
        spent[0] += len(octets) ** 2 * 1e-10

    def linear(octets: bytes) -> None:
        spent[0] += len(octets) * 1e-5

    for work, seen in ((quadratic, True), (linear, False)):
        target = Target(name="x", check=work, work=work, words=(b"ab" * 8,))
        measured, slow = grow(target, 0.05, lambda: spent[0])
        assert measured
        assert bool(slow) == seen


def test_without_atheris_it_says_where_that_can_be_had(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["--only", "session"]) == 2
    assert "CPython 3.11 to 3.14 on Linux x86-64" in capsys.readouterr().err


def test_a_target_that_is_none_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "session,sesion"])
    assert "no target sesion; there are session, content," in capsys.readouterr().err


def test_figures_of_targets_that_were_not_run_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tests.fuzz.__main__.CACHE", tmp_path)
    write([Ran("session", runs=1), Ran("proxy", runs=2)])
    write([Ran("proxy", runs=3)])
    targets = json.loads((tmp_path / "report.json").read_text())["targets"]
    assert [(each["target"], each["runs"]) for each in targets] == [("session", 1), ("proxy", 3)]
