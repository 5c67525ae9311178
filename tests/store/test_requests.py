"""Data requests on disk: kept, changed while they are there, forgotten by age and with the person."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from relay.store.interface import NotFound, StoreDown
from relay.store.requests import Request, Requests, Stage, TooMany, new_id

NOW = 1_795_000_000.0


def request(email: str = "ann@example.net", **more: object) -> Request:
    given = {"id": new_id(), "account": "shop", "credential": "app", "email": email, "monitor": "", "asked": NOW}
    return Request(**{**given, **more})  # type: ignore[arg-type]


def finished(store: Requests, wanted: Request, octets: bytes) -> bool:
    part = store.part(wanted.id)
    erasures = store.erasures()
    part.write_bytes(octets)
    return store.finish(replace(wanted, stage=Stage.DONE, octets=len(octets)), part, erasures)


def test_a_request_is_read_as_it_was_written(tmp_path: Path) -> None:
    store, one = Requests(tmp_path), request("Grün@Example.net", monitor="https://example.com/")
    store.add(one, 1)
    assert store.get(one.id) == one
    assert (tmp_path / "requests" / f"{one.id}.json").stat().st_mode & 0o777 == 0o600
    done = replace(one, stage=Stage.DONE, ended=NOW + 1, octets=3)
    assert store.change(done)
    assert store.listing() == [done]


@pytest.mark.parametrize("id", ["", "x", "../../registry", "0" * 20, "0" * 40])
def test_what_is_no_request_is_not_found(tmp_path: Path, id: str) -> None:
    with pytest.raises(NotFound):
        Requests(tmp_path).get(id)


def test_an_account_has_so_many_and_no_more(tmp_path: Path) -> None:
    store = Requests(tmp_path)
    for _ in range(2):
        store.add(request(), 2)
    with pytest.raises(TooMany):
        store.add(request(), 2)
    store.add(request(account="other"), 2)


def test_the_oldest_is_listed_first_and_what_is_broken_is_left_out(tmp_path: Path) -> None:
    store = Requests(tmp_path)
    late, early = request(asked=NOW + 1), request()
    for each in (late, early):
        store.add(each, 9)
    (tmp_path / "requests" / f"{new_id()}.json").write_text("{")
    assert store.listing() == [early, late]


def test_a_result_appears_whole(tmp_path: Path) -> None:
    store, one = Requests(tmp_path), request()
    store.add(one, 9)
    assert finished(store, one, b"all")
    assert store.result(one.id).read_bytes() == b"all"
    assert store.get(one.id).stage is Stage.DONE
    assert store.octets() == 3


def test_what_is_old_goes_with_its_result_and_files_of_nobody_too(tmp_path: Path) -> None:
    store, old, new = Requests(tmp_path), request(), request(asked=NOW + 10)
    for each in (old, new):
        store.add(each, 9)
        finished(store, each, b"all")
    store.result(new_id()).write_bytes(b"nobody's")
    assert store.prune(NOW + 5) == 1
    assert store.listing()[0].id == new.id
    names = {each.name for each in (tmp_path / "requests").iterdir()}
    assert names == {".lock", f"{new.id}.json", f"{new.id}.data"}


def test_what_was_being_written_goes_at_the_start(tmp_path: Path) -> None:
    store, one = Requests(tmp_path), request()
    store.add(one, 9)
    store.part(one.id).write_bytes(b"half")
    store.sweep()
    assert not store.part(one.id).exists()
    assert store.listing() == [one]


def test_who_is_erased_has_no_requests_and_stands_in_no_result(tmp_path: Path) -> None:
    store = Requests(tmp_path)
    theirs, told, quoting, others = (
        request("Ann@Example.net"),
        request("bob@example.net", monitor="ann@example.net"),
        request("cem@example.net"),
        request("dia@example.net"),
    )
    for each, octets in ((theirs, b"x"), (told, b"x"), (quoting, b'{"to":"ANN@example.net"}'), (others, b"joann@")):
        store.add(each, 9)
        finished(store, each, octets)
    assert store.erase("ann@example.net") == 3
    assert {each.id for each in store.listing()} == {quoting.id, others.id}
    assert store.get(quoting.id).stage is Stage.FAILED and not store.result(quoting.id).exists()
    assert store.get(others.id).stage is Stage.DONE and store.result(others.id).exists()
    assert store.erase("ann@example.net") == 0


def test_an_address_is_found_also_across_pieces_of_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.store.requests.CHUNK", 8)
    store, one = Requests(tmp_path), request("bob@example.net")
    store.add(one, 9)
    finished(store, one, '{"ä":"ann@example.net"}'.encode())
    assert store.erase("ann@example.net") == 1


def test_what_was_found_while_somebody_was_erased_is_thrown_away(tmp_path: Path) -> None:
    store, one = Requests(tmp_path), request("bob@example.net")
    store.add(one, 9)
    erasures = store.erasures()
    part = store.part(one.id)
    part.write_bytes(b"ann@example.net")
    store.erase("ann@example.net")
    assert not store.finish(replace(one, stage=Stage.DONE), part, erasures)
    assert store.get(one.id) == one and not part.exists()
    store.erase("bob@example.net")
    part.write_bytes(b"x")
    assert not store.finish(replace(one, stage=Stage.DONE), part, store.erasures())
    assert not store.change(one)
    assert store.listing() == []


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "requests").write_bytes(b"in the way")
    with pytest.raises(StoreDown):
        Requests(tmp_path).add(request(), 9)


def test_there_is_nothing_to_forget_where_there_never_was_one(tmp_path: Path) -> None:
    store = Requests(tmp_path)
    store.sweep()
    assert (store.prune(NOW), store.erase("ann@example.net"), store.listing(), store.octets()) == (0, 0, [], 0)
    assert not (tmp_path / "requests").exists()
