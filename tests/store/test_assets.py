"""Hosted pictures: kept once, under names nobody can guess, within their bound, by many processes at a time."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import stat
import threading
from pathlib import Path

import pytest

from relay.store.assets import DAY, TYPES, Assets
from relay.store.interface import StoreDown, StoreFull
from tests.store.mail import NOON

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100
MIB = 1 << 20


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def assets(tmp_path: Path, clock: Clock) -> Assets:
    return Assets(tmp_path, MIB, clock)


def pictures(data: Path) -> list[Path]:
    return [each for each in (data / "assets").glob("*/*") if each.suffix != ".part"]


@pytest.mark.parametrize("kind", TYPES)
def test_a_picture_comes_back_as_it_was(assets: Assets, kind: str) -> None:
    name = assets.put(PNG, kind)
    assert assets.get(name) == (PNG, kind)
    assert name.endswith(f".{TYPES[kind]}")
    assert len(name.partition(".")[0]) == 32  # 160 bits


def test_the_same_picture_is_kept_once_and_another_type_of_it_is_another(tmp_path: Path, assets: Assets) -> None:
    names = {assets.put(PNG, kind) for kind in ("image/png", "IMAGE/PNG; name=a.png", "image/gif", "image/png")}
    assert len(names) == 2
    assert len(pictures(tmp_path)) == 2
    assert assets.octets() == 2 * len(PNG)
    assert assets.put(PNG, "image/jpg") == assets.put(PNG, "image/pjpeg") == assets.put(PNG, "image/jpeg")


def test_names_are_made_with_a_secret_of_their_own(tmp_path: Path, clock: Clock) -> None:
    names = {Assets(tmp_path / each, MIB, clock).put(PNG, "image/png") for each in ("a", "b")}
    assert len(names) == 2
    again = Assets(tmp_path / "a", MIB, clock)
    assert again.put(PNG, "image/png") in names
    for path in (tmp_path / "a/assets/secret", tmp_path / "a/assets/lock", *pictures(tmp_path / "a")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["image/svg+xml", "text/html", "application/octet-stream", "", "image/", "png"])
def test_what_is_no_picture_of_the_list_is_refused(tmp_path: Path, assets: Assets, kind: str) -> None:
    with pytest.raises(ValueError, match="no type of picture"):
        assets.put(PNG, kind)
    assert not (tmp_path / "assets").exists()


@pytest.mark.parametrize(
    "name",
    [
        "",
        "secret",
        "lock",
        "../registry.db",
        f"{'0' * 32}.png",
        f"{'0' * 32}",
        f"{'0' * 32}.svg",
        f"{'0' * 30}/..png",
        f"{'0' * 32}.png\n",
        f"{'V' * 32}.png",
    ],
)
def test_a_name_that_is_none_is_not_found(assets: Assets, name: str) -> None:
    assets.put(PNG, "image/png")
    assert assets.get(name) is None


def test_there_is_room_for_so_many_octets_and_what_is_there_needs_none(assets: Assets, clock: Clock) -> None:
    assets.limit = 250
    first = assets.put(b"1" * 100, "image/png")
    assets.put(b"2" * 150, "image/png")
    for _ in range(2):
        with pytest.raises(StoreFull, match="250 octets"):
            assets.put(b"3", "image/png")
    clock.now += 30 * DAY
    assert assets.put(b"1" * 100, "image/png") == first
    assert assets.prune(clock.now - DAY) == 1
    assert assets.octets() == 100
    assets.put(b"3" * 150, "image/png")


def test_what_is_used_stays_whether_sent_again_or_looked_at(tmp_path: Path, assets: Assets, clock: Clock) -> None:
    sent, looked, forgotten = (assets.put(each, "image/png") for each in (b"1", b"2", b"3"))
    clock.now += 20 * DAY
    assets.put(b"1", "image/png")
    assert assets.get(looked) is not None
    clock.now += 20 * DAY
    assert assets.prune(clock.now - 30 * DAY) == 1
    assert [assets.get(each) is not None for each in (sent, looked, forgotten)] == [True, True, False]
    assert assets.put(b"3", "image/png") == forgotten
    assert assets.get(forgotten) == (b"3", "image/png")


def test_nothing_young_goes_however_short_the_life_of_links(assets: Assets, clock: Clock) -> None:
    name = assets.put(PNG, "image/png")
    clock.now += 2 * DAY - 1
    assert assets.prune(clock.now) == 0
    assert assets.get(name) is not None
    clock.now += 3 * DAY
    assert assets.prune(clock.now) == 1


def test_what_a_process_left_that_died_is_swept_and_counted_anew(tmp_path: Path, assets: Assets) -> None:
    name = assets.put(PNG, "image/png")
    folder = (tmp_path / "assets") / name[:2]
    (folder / f"{'0' * 32}.png.part").write_bytes(b"half")
    (tmp_path / "assets/lock").write_text("9999\n")
    assert assets.octets() == 9999
    assert assets.prune(0.0) == 0
    assert assets.octets() == len(PNG)
    assert [each.name for each in folder.iterdir()] == [name]
    (tmp_path / "assets/lock").write_bytes(b"12")  # torn
    assert assets.octets() == len(PNG)


def test_a_picture_is_not_relied_on_before_its_name_is_durable(
    tmp_path: Path, assets: Assets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who finds it half made waits for the lock, and makes it durable itself."""
    synced: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{handle}")).name)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    name = assets.put(PNG, "image/png")
    assert synced[-3:] == [f"{name}.part", name[:2], name]
    synced.clear()
    assert assets.put(PNG, "image/png") == name
    assert synced == []
    os.utime(pictures(tmp_path)[0], (0, 0))
    assert assets.put(PNG, "image/png") == name
    assert synced == [name]


def test_a_disk_that_fails_leaves_nothing_behind(
    tmp_path: Path, assets: Assets, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets.put(b"first", "image/png")
    for number, expected in ((28, StoreFull), (5, StoreDown)):

        def fails(handle: int, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", fails)
            with pytest.raises(expected):
                assets.put(PNG, "image/png")
    assert [each.read_bytes() for each in (tmp_path / "assets").glob("*/*")] == [b"first"]
    assert assets.octets() == 5
    assets.put(PNG, "image/png")


def test_a_lock_that_somebody_keeps_is_waited_for_only_so_long(tmp_path: Path, clock: Clock) -> None:
    assets = Assets(tmp_path, MIB, clock, patience=0.05)
    name = assets.put(b"first", "image/png")
    clock.now += 5 * DAY
    with (tmp_path / "assets/lock").open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StoreDown):
            assets.put(PNG, "image/png")
        assert assets.get(name) == (b"first", "image/png")  # who only looks does not wait
    assets.put(PNG, "image/png")


def _puts(data: Path, start: int, full: "multiprocessing.Queue[int]") -> None:  # noqa: UP037
    assets, refused = Assets(data, 30 * 1000, lambda: NOON), 0
    for number in range(40):
        octets = bytes([(start + number) % 40]) * 1000
        try:
            name = assets.put(octets, "image/png")
        except StoreFull:
            refused += 1
        else:
            assert assets.get(name) == (octets, "image/png")
    full.put(refused)


def test_processes_at_once_keep_to_the_bound_and_to_one_secret(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("fork")
    refused: multiprocessing.Queue[int] = spawn.Queue()
    processes = [spawn.Process(target=_puts, args=(tmp_path, start, refused)) for start in (0, 10, 20, 30)]
    for each in processes:
        each.start()
    counts = [refused.get(timeout=60) for _ in processes]
    for each in processes:
        each.join(60)
        assert each.exitcode == 0
    assert counts == [10] * 4  # 30 of 40 fit, and everybody meets those
    assert len(pictures(tmp_path)) == 30
    assert Assets(tmp_path, MIB, lambda: NOON).octets() == 30_000
    assert len(list((tmp_path / "assets").glob("secret*"))) == 1


def test_pruning_takes_nothing_that_is_put_meanwhile(tmp_path: Path, clock: Clock) -> None:
    assets = Assets(tmp_path, MIB, clock)
    given = [bytes([number]) * 50 for number in range(60)]
    for each in given:
        assets.put(each, "image/png")
    clock.now += 90 * DAY
    done = threading.Event()
    names: dict[str, bytes] = {}

    def put() -> None:
        names.update((assets.put(each, "image/png"), each) for each in given)
        done.set()

    thread = threading.Thread(target=put)
    thread.start()
    other = Assets(tmp_path, MIB, clock)
    while not done.is_set():
        other.prune(clock.now - 30 * DAY)
    thread.join(60)
    assert all(assets.get(name) == (octets, "image/png") for name, octets in names.items())
    assert assets.octets() == 60 * 50
