"""How many requests a token may make: so many in each minute, told in every answer. Pure; the time comes in.

In:  a token, its rate, the time.
Out: what is left of the minute; or Problem, 429.

Standards: draft-ietf-httpapi-ratelimit-headers (`RateLimit`, `RateLimit-Policy`).

Why so: minutes by the clock are what a client can reckon with. One process serves the API, so its memory is all of
it; a new start begins a new minute, which harms nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.web.api.problem import Problem

MINUTE = 60
REMEMBERED = 10_000  # tokens; those beyond begin anew


@dataclass(slots=True)
class _Minute:
    number: int
    used: int


class Paces:
    def __init__(self) -> None:
        self._minutes: dict[str, _Minute] = {}

    def count(self, token: str, rate: int, now: float) -> tuple[tuple[bytes, bytes], ...]:
        """Count a request; the fields of its answer. `rate`: a minute; 0 is any number. Raises Problem, 429."""
        if not rate:
            return ()
        number = int(now // MINUTE)
        minute = self._minutes.get(token)
        if minute is None or minute.number != number:
            self._minutes.pop(token, None)
            if len(self._minutes) >= REMEMBERED:
                del self._minutes[next(iter(self._minutes))]
            minute = self._minutes[token] = _Minute(number, 0)
        reset = MINUTE - int(now % MINUTE)
        if minute.used >= rate:
            text = f"over {rate} requests a minute, which is what this token may make"
            told = {name.decode(): value.decode() for name, value in _fields(rate, 0, reset)}
            raise Problem("too_many_requests", text, retry=reset, headers=told)
        minute.used += 1
        return _fields(rate, rate - minute.used, reset)


def _fields(rate: int, left: int, reset: int) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"ratelimit-policy", b'"requests";q=%d;w=60' % rate),
        (b"ratelimit", b'"requests";r=%d;t=%d' % (left, reset)),
    )
