"""What is measured, and what is to be reached: the table of loads.

Why so: all loads use 20 connections at once unless they are about their number; "kept" ones carry up to 5,000
messages, so that nobody is measured at connecting. The latency load measures from MAIL to the final 250, at a pace
that leaves both systems idle nine tenths of the time. relay signs twice by default, with rsa-2048 and ed25519,
OpenDKIM once; the load "rsa" is relay with a domain that has no other key.
"""

from __future__ import annotations

from tests.bench.goal import P99, RELAY, Goal
from tests.bench.growth import WAITING
from tests.bench.load import Load, Traffic
from tests.bench.posted import POSTED
from tests.bench.system import PLAIN, SECURE, UNSIGNED
from tests.bench.tuned import QUICK_TUNED, TUNED
from tests.bench.visits import REDIRECTS, VISITS

FIVE = tuple(f"r{each}@example.net" for each in range(5))
OPTIONS = (
    "X-SMTPeter-Tags: invoice, november",
    "X-SMTPeter-Campaign: autumn",
    "X-SMTPeter-Metadata-Customer: 4711",
    "X-SMTPeter-Metadata-Order: 2026-1121",
    "X-SMTPeter-Ref: order-2026-1121",
    "X-SMTPeter-Priority: 6",
)
TRAFFIC: tuple[Load, ...] = (
    Traffic(
        name="tls100",
        title="STARTTLS + AUTH, 100 a connection",
        door=SECURE,
        job={"each": 100},
        goal=Goal(goal=5, least=3.5, cpu_ms=1.2),
    ),
    Traffic(
        name="tlseach",
        title="STARTTLS + AUTH, one a connection, full",
        door=SECURE,
        job={"each": 1},
        goal=Goal(goal=2.7, least=2, cpu_ms=2.3),
    ),
    Traffic(
        name="resumed",
        title="STARTTLS + AUTH, one a connection, resumed",
        door=SECURE,
        job={"each": 1, "resume": True},
        goal=Goal(goal=3.3, least=2.5, cpu_ms=1.9),
    ),
    Traffic(
        name="kept",
        title="plain, connections kept",
        door=PLAIN,
        job={},
        goal=Goal(goal=6, least=5, cpu_ms=0.9),
    ),
    Traffic(
        name="each",
        title="plain, one a connection",
        door=PLAIN,
        job={"each": 1},
        goal=Goal(goal=4.5, least=3.5, cpu_ms=1.1),
    ),
    Traffic(
        name="big",
        title="1 MB, plain, kept",
        door=PLAIN,
        job={"size": 1_000_000},
        goal=Goal(goal=1.6, least=1.2),
    ),
    Traffic(
        name="unsigned",
        title="unsigned, STARTTLS + AUTH, 100 a connection",
        door=UNSIGNED,
        job={"each": 100},
        goal=Goal(goal=4, least=3, cpu_ms=0.6),
    ),
    Traffic(
        name="latency",
        title="p99 at 20 a second, STARTTLS + AUTH",
        door=SECURE,
        job={"rate": 20.0, "connections": 4, "each": 100},
        goal=Goal(figure=P99, goal=1 / 3, least=1),
        stretch=3,
    ),
    Traffic(
        name="rsa",
        title="plain, kept, rsa-2048 alone",
        door=PLAIN,
        job={"sender": "me@example.org"},
    ),
    Traffic(name="five", title="five recipients, plain, kept", door=PLAIN, job={"recipients": FIVE}),
    Traffic(name="one", title="1 client connection, plain, kept", door=PLAIN, job={"connections": 1}),
    Traffic(name="two", title="2 client connections, plain, kept", door=PLAIN, job={"connections": 2}),
    Traffic(
        name="options",
        title="options on, plain, kept, over options off",
        door=PLAIN,
        job={"fields": OPTIONS},
        systems=(RELAY,),
        pair={},
    ),
)
TUNING: tuple[Load, ...] = (*TUNED, *VISITS)
QUICK: tuple[Load, ...] = (*TRAFFIC, *QUICK_TUNED, REDIRECTS, *POSTED[:2])
LOADS: tuple[Load, ...] = (*TRAFFIC, *TUNING, *POSTED, *WAITING)
