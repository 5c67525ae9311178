"""The server certificate all systems use, made as `relay init` makes one."""

from __future__ import annotations

import time
from pathlib import Path

from relay.cli.certificate import self_signed


def make(directory: Path) -> tuple[Path, Path]:
    """Certificate and key as PEM files in `directory`."""
    paths = directory / "cert.pem", directory / "key.pem"
    for path, pem in zip(paths, self_signed("bench.test", time.time()), strict=True):
        path.write_bytes(pem)
    paths[1].chmod(0o600)
    return paths
