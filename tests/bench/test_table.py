"""What the table says of figures, and what the witnesses say of messages and traces."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from dkim import sign

from tests.bench.content import body, message
from tests.bench.fsyncs import counted
from tests.bench.goal import P99, Goal
from tests.bench.load import Traffic
from tests.bench.loads import TRAFFIC
from tests.bench.report import beside
from tests.bench.table import Spread, rows, text, verdict
from tests.bench.traffic import Figures, percentile
from tests.bench.witness import verify


def figures(system: str, load: str, rate: float, **words: Any) -> Figures:
    times = ("seconds", "taken", "generator_ms", "sink_ms", "p50", "p95", "p99", "arrival95", "rest", "others")
    counts = ("round", "accepted", "memory", "connections", "resumed", "sample")
    usual = {"cpu_ms": 1.0, "faults": [], **dict.fromkeys(times, 0.0), **dict.fromkeys(counts, 0)}
    return Figures(**{"system": system, "load": load, "rate": rate, **usual, **words})


KEPT = next(each for each in TRAFFIC if each.name == "kept")


def test_a_row_has_the_median_the_extremes_and_the_ratio_of_medians() -> None:
    runs = [
        *(figures("relay", "kept", rate, cpu_ms=cpu, memory=memory) for rate, cpu, memory in
          ((900.0, 0.5, 10), (1100.0, 0.9, 30), (1000.0, 1.3, 20))),
        *(figures("postfix", "kept", rate) for rate in (100.0, 300.0, 200.0)),
    ]  # fmt: skip
    (row,) = rows(TRAFFIC, runs)
    assert row.relay == Spread(1000, 900, 1100)
    assert row.other == Spread(200, 100, 300)
    assert row.ratio == 5.0
    assert (row.goal, row.least, row.reached) == (6, 5, "least")
    assert row.cost is not None
    assert (row.cost.cpu_ms, row.cost.memory, row.cpu_reached) == (0.9, 30, "yes")


def test_a_pair_in_the_same_round_goes_before_any_other_comparison() -> None:
    runs = [figures("relay", "kept", 90, pair=figures("relay", "kept", 100)), figures("postfix", "kept", 10)]
    (row,) = rows([KEPT], runs)
    assert row.ratio == 0.9


def test_without_postfix_there_is_no_ratio() -> None:
    (row,) = rows([KEPT], [figures("relay", "kept", 200)])
    assert (row.ratio, row.reached, row.other) == (None, "", None)
    assert "200" in text([row])


def test_of_waiting_times_the_smaller_is_the_better() -> None:
    load = Traffic(name="slow", title="slow", door="plain", job={}, goal=Goal(figure=P99, goal=0.33, least=1))
    (row,) = rows([load], [figures("relay", "slow", 20, p99=5), figures("postfix", "slow", 20, p99=10)])
    assert row.unit == "ms"
    assert (row.ratio, row.reached) == (0.5, "least")


@pytest.mark.parametrize(
    ("ratio", "smaller", "reached"),
    [
        (6, False, "goal"),
        (5, False, "least"),
        (4.9, False, "no"),
        (6, True, "least"),
        (4.9, True, "least"),
        (7, True, "no"),
    ],
)
def test_a_verdict_is_the_best_mark_reached(ratio: float, smaller: bool, reached: str) -> None:
    goal, least = (4, 6) if smaller else (6, 5)
    assert verdict(ratio, goal, least, smaller=smaller) == reached
    assert verdict(None, goal, least) == ""


def test_percentiles_are_of_the_nearest_rank() -> None:
    values = [float(each) for each in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([7.0], 0.99) == 7
    assert percentile([], 0.5) == 0


@pytest.mark.parametrize("size", [500, 1000, 10_000, 1_000_000])
def test_a_body_has_exactly_the_size_that_was_asked_and_no_odd_line(size: int) -> None:
    made = body(size)
    assert len(made) == size
    assert made.isascii()
    lines = made.split(b"\r\n")
    assert lines.pop() == b""
    assert max(map(len, lines)) < 200
    assert not any(line != line.rstrip() or b"\n" in line or line == b"." for line in lines)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def signed(key: rsa.RSAPrivateKey) -> bytes:
    """A signed message as it stands on the wire."""
    made = message(1000, "test", "me@example.com", ["r0@example.net"])
    wire = made.numbered(1).removesuffix(b".\r\n")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    content = wire.replace(b"\r\n..", b"\r\n.")
    signature: bytes = sign(content, b"s", b"example.com", pem, canonicalize=(b"relaxed", b"relaxed"))
    return signature + wire


def test_a_good_signature_is_verified_and_a_broken_one_is_told(key: rsa.RSAPrivateKey) -> None:
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    records = {b"s._domainkey.example.com.": b"v=DKIM1; k=rsa; p=" + b"".join(public.splitlines()[1:-1])}
    wire = signed(key)
    assert verify(wire, records) == ""
    assert "body hash mismatch" in verify(wire.replace(b"order", b"Order", 3), records)
    assert verify(wire.replace(b"Subject: Your", b"Subject: Their"), records) == "signature 1 does not verify"
    assert verify(wire.partition(b"From: ")[1] + wire.partition(b"From: ")[2], records) == "no signature"
    assert verify(wire, {}).startswith("signature 1")


def test_fsyncs_are_counted_between_the_replies_and_below_the_directory() -> None:
    trace = """
1 write(5<socket>, "354 go ahead\\r\\n", 14) = 14
2 fdatasync(7</bench/relay/queue.db-wal>) = 0
1 write(5<socket>, "250 2.0.0 Ok: queued as A\\r\\n", 27) = 27
3 fsync(9</bench/relay/other>) = 0
1 write(5<socket>, "354 go ahead\\r\\n", 14) = 14
3 fsync(9</elsewhere/log>) = 0
2 fdatasync(7</bench/relay/queue.db-wal>) = -1 EIO (Input/output error)
1 write(5<socket>, "250 2.0.0 Ok: queued as B\\r\\n", 27) = 27
1 write(5<socket>, "354 go ahead\\r\\n", 14) = 14
2 fdatasync(7</bench/relay/queue.db-wal> <unfinished ...>
1 write(6<socket>, "250 2.1.0 Ok\\r\\n", 14) = 14
2 <... fdatasync resumed>)          = 0
4 fsync(7</bench/relay/queue.db-wal> <unfinished ...>
1 write(5<socket>, "250 2.0.0 Ok: queued as C\\r\\n", 27) = 27
4 <... fsync resumed>)              = 0
"""
    assert counted(trace.strip().splitlines(), "/bench/relay") == [1, 0, 1]


def test_the_report_tells_the_memory_of_mailings_and_what_flooded() -> None:
    runs = [
        figures("relay", "mailing", 1, more={"largest": 120e6, "largest of single": 90e6, "copies": 1000}),
        figures("relay", "mailing", 1, more={"largest": 110e6, "largest of single": 95e6, "copies": 1000}),
        figures("relay", "flood", 20, more={"opens": 4000.0}, pair=figures("relay", "flood", 21)),
    ]
    assert list(beside(runs)) == [
        "Largest process while a mailing came in: 120 MB resident; as single messages: 95 MB.",
        "flood: 4,000 opens a second beside it; with them and without, 20/s and 21/s were delivered.",
    ]
