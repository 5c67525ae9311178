"""Clients of the HTTP API that call without pause, ask again with the same key, and remember what they were answered.

In:  a relay that may die at any moment; where its mail arrives.
Out: what went wrong, in words: mail that was answered 2xx and is lost, that was taken twice, that has other ids when
     it is asked for again, and answers that no client should get.

Calls with an Idempotency-Key are made again until they are answered, and now and then once more after that. Those
without are made once: what was not answered may have been taken or not.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.e2e.harness import Relay
from tests.faults.trial import Trial
from tests.peers.receiver import Received

FIELD = "X-Call"
DOMAIN = "example.net"
PATIENCE = 90.0  # seconds for a call with a key, with all its repetitions
_LATER = frozenset({409, 429, 503})
_IDENT = re.compile(rb"\bid ([0-9a-v]{16})\b")
_COMMON = {"from": "me@example.com", "subject": "Hi", "extra": {FIELD: "1"}}


@dataclass(frozen=True, slots=True)
class Call:
    path: str
    body: bytes
    media: str
    recipients: tuple[str, ...]


def one(fresh: Callable[[], str]) -> Call:
    to = fresh()
    return _call("send", {**_COMMON, "recipient": to, "text": "Hello."}, to)


def large(fresh: Callable[[], str]) -> Call:
    to = fresh()
    return _call("send", {**_COMMON, "recipient": to, "text": "Hello, large one.\n" * 40_000}, to)


def personal(fresh: Callable[[], str]) -> Call:
    people = [fresh() for _ in range(20)]
    told = {each: {"name": f"N{each}"} for each in people}
    return _call("send", {**_COMMON, "recipients": told, "html": "<p>Hi {$name}</p>"}, *people)


def campaign(fresh: Callable[[], str]) -> Call:
    people = [fresh() for _ in range(3)]
    options = {"campaign": "spring", "dedupe_campaign": True}
    return _call("send", {**_COMMON, **options, "recipients": people, "text": "Hello."}, *people)


def later(fresh: Callable[[], str]) -> Call:
    to = fresh()
    return _call("messages", {**_COMMON, "send_at": "+2s", "recipient": to, "text": "Hello."}, to)


def batch(fresh: Callable[[], str]) -> Call:
    people = [fresh() for _ in range(30)]
    items = [{"recipient": each} for each in people]
    return _call("messages/batch", {"base": {**_COMMON, "text": "Hello."}, "messages": items}, *people)


def mime(fresh: Callable[[], str]) -> Call:
    to = fresh()
    content = f"From: me@example.com\r\nSubject: Hi\r\n{FIELD}: 1\r\n\r\nHello.\r\n".encode()
    return Call(f"messages/mime?to={to}&from=me@example.com", content, "message/rfc822", (to,))


KINDS: Mapping[str, Callable[[Callable[[], str]], Call]] = {
    each.__name__: each for each in (one, large, personal, campaign, later, batch, mime)
}


def _call(path: str, body: Mapping[str, Any], *recipients: str) -> Call:
    return Call(path, json.dumps(body).encode(), "application/json", recipients)


@dataclass
class Callers:
    relay: Relay
    seed: int
    threads: int = 3
    answered: dict[str, str] = field(default_factory=dict)  # recipient -> id of the submission
    calls: Counter[str] = field(default_factory=Counter)  # that were answered, by kind
    repeated: int = 0  # calls that were made again before they were answered
    faults: list[str] = field(default_factory=list)
    arrived: dict[str, list[tuple[float, str]]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        self._stop = threading.Event()
        self._running = [threading.Thread(target=self._work, args=(each,)) for each in range(self.threads)]
        self._lock = threading.Lock()

    def __enter__(self) -> Callers:
        for each in self._running:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        for each in self._running:
            each.join(PATIENCE + 10)
            assert not each.is_alive(), "a client hangs"

    def listen(self, it: Trial) -> None:
        """Hear of what arrives there; what is not of these clients goes its usual way."""
        usual = it.receiver._keep
        assert usual is not None
        it.receiver._keep = lambda session, message: None if self.keep(message) else usual(session, message)

    def keep(self, message: Received) -> bool:
        """Whether it is of these clients; the receiver calls it."""
        header = message.content.partition(b"\r\n\r\n")[0]
        if f"\r\n{FIELD}:".encode() not in header:
            return False
        found = _IDENT.search(header)
        assert found, header
        with self._lock:
            for each in message.recipients:
                self.arrived[each].append((time.monotonic(), found[1].decode()))
        return True

    @property
    def missing(self) -> set[str]:
        with self._lock:
            return self.answered.keys() - self.arrived.keys()

    def wrongs(self, blames: list[float], window: float = 3.0) -> Iterator[str]:
        """What went wrong; mail may arrive twice where somebody was killed right after the first time."""
        yield from self.faults
        yield from (f"{each}: answered {self.answered[each]}, and lost" for each in sorted(self.missing))
        for whose, times in self.arrived.items():
            if len({ident for _, ident in times}) > 1:
                yield f"{whose}: taken twice, {times}"
            if whose in self.answered and times[0][1] != self.answered[whose]:
                yield f"{whose}: answered {self.answered[whose]}, and came as {times[0][1]}"
            for (first, _), (second, _) in itertools.pairwise(times):
                if not any(first <= blame + 0.05 and blame - first < window for blame in blames):
                    yield f"{whose}: came at {first:.3f} and {second:.3f} with nobody killed"

    def _fresh(self) -> str:
        return f"c{next(self._numbers)}@{DOMAIN}"

    def _work(self, number: int) -> None:
        chance = random.Random(self.seed * 100 + number)
        client = httpx.Client(timeout=30, trust_env=False)
        while not self._stop.is_set():
            kind = chance.choice(list(KINDS))
            call = KINDS[kind](self._fresh)
            key = f"k{chance.getrandbits(64):x}" if chance.random() < 0.8 else ""
            try:
                told = self._until_answered(client, call, key) if key else self._ask(client, call, "")
                if told is None:
                    continue
                self._note(call, told)
                self.calls[kind] += 1
                if key and chance.random() < 0.3 and self._until_answered(client, call, key) != told:
                    self.faults.append(f"{kind}: another answer to the same call")
            except Exception as error:
                self.faults.append(f"{kind}: {error!r}")
        client.close()

    def _until_answered(self, client: httpx.Client, call: Call, key: str) -> Any:
        until = time.monotonic() + PATIENCE
        while (told := self._ask(client, call, key)) is None:
            self.repeated += 1
            assert time.monotonic() < until, f"{call.path} is not answered"
            threading.Event().wait(0.05)
        return told

    def _ask(self, client: httpx.Client, call: Call, key: str) -> Any:
        """The answer; None: there was none, or it may be asked again."""
        try:
            access = self.relay.access
            base = f"http://{access['host']}:{self.relay.port('http')}/v1/"
            headers = {"Authorization": f"Bearer {access['token']}", "Content-Type": call.media}
            if key:
                headers["Idempotency-Key"] = key
            answer = client.post(base + call.path, content=call.body, headers=headers)
        except (OSError, ValueError, KeyError, httpx.HTTPError):
            return None
        if answer.status_code in _LATER or (answer.status_code == 207 and _is_later(answer.json())):
            return None
        assert answer.status_code in (200, 202), f"{answer.status_code} {answer.text[:200]}"
        return answer.json()

    def _note(self, call: Call, told: Any) -> None:
        items = [each["body"] for each in told["messages"]] if "messages" in told else [told]
        people: dict[str, str] = {}
        for each in items:
            if "accepted" in each:
                people |= {one["recipient"]: one["id"] for one in each["accepted"]}
            else:
                people |= {address: ident for ident, address in each.items()}
        assert people.keys() == set(call.recipients), f"{call.path}: {sorted(people)} for {sorted(call.recipients)}"
        with self._lock:
            self.answered |= {address: ident.partition("-")[0] for address, ident in people.items()}


def _is_later(told: Any) -> bool:
    statuses = {each["status"] for each in told["messages"]}
    return statuses <= {202, *_LATER}
