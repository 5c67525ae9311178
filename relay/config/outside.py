"""Values that stand outside the configuration file: `file:PATH`, `env:NAME`, `credential:NAME`.

In:  what the file says.
Out: the secret, or the path, that it means.

`credential:NAME` is what a service manager hands over (LoadCredential= and SetCredentialEncrypted= in its unit) in
a directory that only the service can read. A command beside the service may not see it: there the words stay as
they are (`unresolved`), so that commands that need no secret go on working, and `relay serve` refuses to start.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relay.config.schema import Config

_CREDENTIAL = "credential:"
RUNNING = Path("/run/credentials/relay.service")  # where systemd keeps those of the unit that is running


def secret(value: Any) -> Any:
    """The text that is meant. Raises ValueError where it cannot be had."""
    if not isinstance(value, str):
        return value
    if value.startswith("env:"):
        if value[4:] not in os.environ:
            raise ValueError(f"the environment has no {value[4:]}")
        return os.environ[value[4:]]
    if value.startswith("file:"):
        return _read(Path(value[5:]))
    if value.startswith(_CREDENTIAL):
        path = credential(value)
        return value if path is None else _read(path)
    return value


def path(value: Any) -> Any:
    """The path that is meant; relative ones stay as they are. Raises ValueError where there is no such credential."""
    if not isinstance(value, str | Path) or not str(value).startswith(_CREDENTIAL):
        return value
    found = credential(str(value))
    if found is None:
        return value
    if not found.exists():
        raise ValueError(f"there is no credential {found.name} (LoadCredential= in the unit)")
    return found


def credential(value: str) -> Path | None:
    """The file of `credential:NAME`; None where this process is given none. Raises ValueError for what is no name."""
    name = value.removeprefix(_CREDENTIAL)
    if not name or "/" in name or name in (".", ".."):
        raise ValueError(f"expected credential:NAME, with a name as LoadCredential= has it, not {value[:60]!r}")
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    if given:
        return Path(given) / name
    return RUNNING / name if os.access(RUNNING, os.R_OK | os.X_OK) else None


def unresolved(config: Config) -> Iterator[str]:
    """Keys whose credential this process cannot see."""
    for key, value in (("tls.certificate", config.tls.certificate), ("tls.key", config.tls.key)):
        if str(value).startswith(_CREDENTIAL):
            yield key
    for rule in config.delivery.routes:
        if rule.smarthost.password.startswith(_CREDENTIAL):
            yield f"delivery.routes.{rule.name}.smarthost.password"


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ValueError(f"cannot read {path}: {reason}") from error
