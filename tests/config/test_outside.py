"""Secrets and files that stand outside the configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.config import Config, ConfigError, outside, parse
from relay.config.outside import unresolved

TEXT = """
hostname: relay.example
listeners: [{name: in, port: 2525}]
tls: {certificate: "credential:cert", key: "credential:key"}
delivery:
  routes: [{name: provider, smarthost: {host: smtp.example.net, username: me, password: "credential:provider"}}]
"""


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("cert", "key", "provider"):
        (tmp_path / name).write_text(f"{name} text\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    return tmp_path


def password(config: Config) -> str:
    return config.delivery.routes[0].smarthost.password


def test_what_the_service_manager_hands_over_is_read_where_it_lies(given: Path) -> None:
    config = parse(TEXT)
    assert password(config) == "provider text"
    assert (config.certificate, config.key) == (given / "cert", given / "key")
    assert list(unresolved(config)) == []


def test_a_credential_the_unit_does_not_name_is_an_error_with_its_line(given: Path) -> None:
    (given / "key").unlink()
    (given / "provider").unlink()
    with pytest.raises(ConfigError) as error:
        parse(TEXT)
    key, secret = error.value.lines
    assert key == "config, line 4: tls.key: there is no credential key (LoadCredential= in the unit)"
    assert secret.startswith("config, line 6: delivery.routes.0 (provider).smarthost.password: cannot read ")


def test_beside_the_service_a_credential_stays_unresolved_and_the_rest_is_usable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setattr(outside, "RUNNING", tmp_path / "none")
    config = parse(TEXT)
    assert list(unresolved(config)) == ["tls.certificate", "tls.key", "delivery.routes.provider.smarthost.password"]


def test_a_command_beside_the_service_uses_the_credentials_of_the_one_that_runs(
    given: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    monkeypatch.setattr(outside, "RUNNING", given)
    assert password(parse(TEXT)) == "provider text"


@pytest.mark.parametrize("name", ["", "..", "a/b"])
def test_a_credential_is_a_name_and_no_path(given: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="expected credential:NAME"):
        parse(TEXT.replace("credential:provider", f"credential:{name}"))


def test_files_and_environment_are_read(given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER", "from the environment")
    assert password(parse(TEXT.replace("credential:provider", "env:PROVIDER"))) == "from the environment"
    assert password(parse(TEXT.replace("credential:provider", f"file:{given / 'provider'}"))) == "provider text"
    (given / "provider").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="it is no text"):
        parse(TEXT.replace("credential:provider", f"file:{given / 'provider'}"))
