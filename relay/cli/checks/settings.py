"""Settings that do their work, but not the one an operator may have meant."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from relay.config import Config, Purpose
from relay.config.outside import unresolved
from relay.manage.finding import Finding, fail, ok, warn
from relay.submission.control.policy import policy_faults


def settings(config: Config) -> Iterator[Finding]:
    found = [*for_tests(config), *clear_text(config), *spoken(config), *policy(config), *hidden(config)]
    yield from found
    if not found:
        yield ok("configuration", "has no setting that is for tests")


def for_tests(config: Config) -> Iterator[Finding]:
    """Settings that are there to run everything on one machine."""
    for key, used, why in (
        ("dns.servers", bool(config.dns.servers), "these resolvers decide where all mail goes"),
        ("delivery.mx_port", config.delivery.mx_port != 25, "mail for the Internet is taken on port 25 only"),
        ("delivery.allow_private", config.delivery.allow_private, "whoever runs a domain can point us inside"),
        ("tls.ca_file", config.tls.ca_file is not None, "next hops are checked against these authorities only"),
    ):
        if used:
            yield warn(key, f"is set, as for tests: {why}")
    if config.sandbox.enabled:
        yield warn("sandbox.enabled", "is set: nothing leaves this relay")


def clear_text(config: Config) -> Iterator[Finding]:
    for listener in config.listeners:
        if listener.auth_without_tls:
            key = f"listeners.{listener.name}.auth_without_tls"
            yield warn(key, "is set: passwords cross the network in clear text")


def spoken(config: Config) -> Iterator[Finding]:
    """The API is for this machine itself, or spoken over https: by the relay, or by a proxy that it believes."""
    http = config.http
    if _is_this_machine(http.address) or http.https.port is not None or http.proxies:
        return
    text = f"is {http.address}, but the API is not spoken in clear text: other machines are answered 400 there"
    yield warn("http.address", text, "set http.https, or name the proxy that speaks https in http.proxies")


def _is_this_machine(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:  # a name
        return address == "localhost"


def policy(config: Config) -> Iterator[Finding]:
    """Options named in the configuration that do not exist, or values they cannot have: the relay does not start."""
    for each in policy_faults(config.options):
        key, _, text = each.partition(": ")
        yield fail(key, f"cannot be used: {text}", "`relay options` lists what there is")


def hidden(config: Config) -> Iterator[Finding]:
    """What only the service can see."""
    for key in unresolved(config):
        yield warn(
            key, "is a credential of the service, which this command cannot see", "run it while the service runs"
        )


def returns(config: Config) -> bool:
    """Whether bounces can come back to us."""
    return any(each.purpose is Purpose.RETURNS for each in config.listeners)
