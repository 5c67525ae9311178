"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import ssl
import subprocess
import time
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
        "filesystem": filesystem(directory),
        "packages": {name: _version(name) for name in ("postfix", "opendkim")},
    }


def told(found: dict[str, Any]) -> str:
    """The same in a line, and what spoils a comparison."""
    memory = found["memory_kb"] // 1024
    line = f"{found['cores']} cores ({found['cpu']}), {memory} MB, {found['filesystem']}, Python {found['python']}"
    line += f", a rsa-2048 signature takes {found['rsa_2048_ms']:.2f} ms"
    if found["filesystem"] in {"tmpfs", "ramfs"}:
        line += "; queues lie in memory, where fsync costs nothing: choose another --directory"
    if found["load"][0] > 0.5:
        line += f"; the machine is busy with other work (load {found['load'][0]:.1f}): read ratios, not absolutes"
    return line


def _signature() -> float:
    """Milliseconds of CPU a rsa-2048 signature takes: the yardstick for figures of another day or machine."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    best = float("inf")
    for _ in range(20):
        begin = time.process_time()
        for _ in range(10):
            key.sign(b"x", padding.PKCS1v15(), hashes.SHA256())
        best = min(best, time.process_time() - begin)
    return best * 100


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
