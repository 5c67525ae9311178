"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa


def facts(directory: Path) -> dict[str, Any]:
    """Args:
    directory: where the queues lie.
    """
    memory = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cores": len(os.sched_getaffinity(0)),
        "cpu": model[0].partition(":")[2].strip() if model else platform.machine(),
        "memory_kb": int(memory.split()[1]),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "load": os.getloadavg(),
        "rsa_2048_ms": round(_signature(), 3),
        "python_ms": round(_interpreter(), 2),
        "filesystem": filesystem(directory),
        "packages": {name: _version(name) for name in ("postfix", "opendkim")},
    }


def told(found: dict[str, Any]) -> str:
    """The same in a line, and what spoils a comparison."""
    memory = found["memory_kb"] // 1024
    line = f"{found['cores']} cores ({found['cpu']}), {memory} MB, {found['filesystem']}, Python {found['python']}"
    line += f", {found['python_ms']:.1f} ms for 20,000 turns of plain Python"
    line += f", {found['rsa_2048_ms']:.2f} ms for a rsa-2048 signature"
    if found["filesystem"] in {"tmpfs", "ramfs"}:
        line += "; queues lie in memory, where fsync costs nothing: choose another --directory"
    if found["load"][0] > 0.5:
        line += f"; the machine is busy with other work (load {found['load'][0]:.1f}): read ratios, not absolutes"
    return line


def _signature() -> float:
    """Milliseconds of CPU a rsa-2048 signature takes: the yardstick for figures of another day or machine."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return _best(lambda: [key.sign(b"x", padding.PKCS1v15(), hashes.SHA256()) for _ in range(10)]) / 10


class _Thing:
    __slots__ = ("name", "number")

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name

    def plus(self, more: int) -> int:
        return self.number + more


def _interpreter() -> float:
    """Milliseconds of CPU that 20,000 turns of everyday Python take.

    On one machine it was 5.4 with Debian's interpreter, and 7.7 with one of that version built without profiles.
    """

    def turns() -> None:
        kept: dict[int, int] = {}
        for number in range(20_000):
            thing = _Thing(number, "x")
            kept[number & 255] = thing.plus(3)
            f"{number} {thing.name}".partition(" ")[2].encode().split(b" ")

    return _best(turns)


def _best(work: Callable[[], object]) -> float:
    """Milliseconds of CPU, the least of twenty."""
    taken = []
    for _ in range(20):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return 1000 * min(taken)


def filesystem(path: Path) -> str:
    """The type of the file system a path lies on."""
    best, kind = Path("/"), "unknown"
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, point, this = line.split()[:3]
        mount = Path(point)
        if path.resolve().is_relative_to(mount) and len(mount.parts) >= len(best.parts):
            best, kind = mount, this
    return kind


def _version(package: str) -> str:
    try:
        done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout
