"""The load generator, a process of its own: submits as usual clients do, and measures itself.

In:  a `Job` as JSON on standard input.
Out: a `Result` as JSON on standard output, once all is submitted.

Why so: sessions speak step by step (see `client`), since most applications' libraries do not pipeline, and where
one side pipelined both would have to. What it costs both systems alike is the round trips.

It must be cheap, since it runs on the cores it measures: protocols under uvloop, the message made once, one write a
step, about 0.03 ms a message without TLS; a handshake is 0.6 ms, nearly all of it OpenSSL's.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import ssl
import sys
import time

import uvloop

from tests.bench.client import Connection, Load
from tests.bench.job import Job, Result
from tests.bench.poster import Poster

PATIENCE = 60.0  # seconds without a 250 after which a run has failed


async def _connect(load: Load, session: ssl.SSLSession | None = None) -> None:
    loop = asyncio.get_running_loop()
    try:
        made = Poster(load) if load.job.token else Connection(load, session)
        await loop.create_connection(lambda: made, load.job.host, load.job.port)
    except OSError as error:
        load.fault(f"no connection: {error}")
        load.gone()


async def generate(job: Job) -> Result:
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    def connect(session: ssl.SSLSession | None) -> None:
        tasks.add(task := loop.create_task(_connect(load, session)))
        task.add_done_callback(tasks.discard)

    load = Load(job, connect)
    load.open = job.connections
    for _ in range(job.connections):
        connect(None)
    pace = asyncio.ensure_future(_pace(load)) if job.rate else None
    while not load.ended.done():
        await asyncio.wait([load.ended], timeout=5)
        if time.monotonic() - load.heard > PATIENCE and not load.ended.done():
            load.fault(f"no reply for {PATIENCE:.0f} s")
            load.finish()
    if pace is not None:
        await pace
    result = load.result
    result.cpu = time.process_time() - result.cpu
    result.latencies, result.started = load.latencies.tolist(), load.started.tolist()
    result.accepted = len(load.latencies)
    return result


async def _pace(load: Load) -> None:
    """Begin messages at the job's rate; what nobody is ready for waits, and its waiting counts."""
    await asyncio.wait([load.all_ready, load.ended], timeout=10, return_when=asyncio.FIRST_COMPLETED)
    begin = time.monotonic()
    count = int(load.job.seconds * load.job.rate)
    for each in range(count):
        at = begin + each / load.job.rate
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        if load.ended.done():
            return
        if load.ready:
            load.ready.popleft().begin(time.monotonic())
        else:
            load.due.append(at)
    load.paced = True  # who works now quits when nothing is due any more
    while load.ready:
        load.ready.popleft().quit()


def main() -> None:
    job = json.load(sys.stdin)
    job["recipients"], job["fields"] = tuple(job["recipients"]), tuple(job["fields"])
    result = uvloop.run(generate(Job(**job)))
    json.dump(dataclasses.asdict(result), sys.stdout)


if __name__ == "__main__":
    main()
