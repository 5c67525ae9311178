"""`domain` over the API: what the account may send from, and what DNS should say.

Why so: the API has one call that asks for a domain, proves it and looks its hosts up again; `add`, `verify`,
`bounces` and `tracking` are that call, and each looks for its own part of the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from relay.cli.domain import Name, normal
from relay.cli.frame import CommandError, ExitCode, JsonOption
from relay.cli.output import print_fields, print_json, print_table
from relay.cli.remote.client import Answered, remote
from relay.cli.remote.frame import family
from relay.dns.records import DomainRecord, Purpose

app = family("Domains: what the account may send from.")


@app.command("add")
def add(name: Name, as_json: JsonOption = False) -> None:
    """Add a domain with DKIM keys, and print the TXT record that proves it is yours."""
    plain = normal(name)
    answered = _claim(plain)
    told = answered.json()
    if answered.status != 202:
        _print(told, as_json)
        return
    if as_json:
        print_json({"domain": plain, "verified": False, "record": told})
        return
    print(f"Added {plain}. Publish this record:\n\n  {line(told)}\n")
    print(f"then run: relay domain verify {plain}\nAll records it should have: relay domain records {plain}")


@app.command("verify")
def verify(name: Name, as_json: JsonOption = False) -> None:
    """Look the challenge up in DNS and mark the domain verified."""
    plain = normal(name)
    _get(plain)
    answered = _claim(plain)
    told = answered.json()
    if answered.status == 202:
        raise CommandError(f'{told["name"]} does not say "{told["value"]}" ({told["type"]}) yet')
    _print(told, as_json)


@app.command("set")
def change(
    name: Name,
    bounce_host: Annotated[
        str,
        typer.Option(
            metavar="HOST", help="Domain of our return paths for its mail; then `domain bounces`. '' ends it."
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Change where bounces of a domain's mail come back to."""
    plain = normal(name)
    host = normal(bounce_host, "--bounce-host") if bounce_host else ""
    _get(plain)
    _print(_settled(_claim(plain, {"bounces": host}), plain), as_json)


@app.command("show")
def show(name: Name, as_json: JsonOption = False) -> None:
    """Show all that is set for a domain."""
    _print(_get(normal(name)), as_json)


@app.command("list")
def listing(as_json: JsonOption = False) -> None:
    """List domains."""
    described = [_described(each) for each in remote().get("/domains")]
    if as_json:
        print_json(described)
        return
    columns = ["domain", "verified", "bounce_host", "tracking_host"]
    for each in described:
        for host in ("bounce", "tracking"):
            if each[f"{host}_host"] and not each[f"{host}_verified"]:
                each[f"{host}_host"] += " (not used yet)"
    print_table(columns, [[each[column] for column in columns] for each in described])


@app.command("bounces")
def bounces(name: Name, as_json: JsonOption = False) -> None:
    """Look up whether the bounce host of a domain leads to the relay, and use it from then on."""
    plain = normal(name)
    if not _get(plain)["bounces"]:
        advice = f"relay domain set {plain} --bounce-host bounces.{plain}"
        raise CommandError(f"{plain} has no bounce host: {advice}", ExitCode.NOT_FOUND)
    told = _settled(_claim(plain), plain)
    if not told["bounces_used"]:
        raise CommandError(f"{told['bounces']} does not lead to the relay yet: relay domain records {plain}")
    _print(told, as_json)


@app.command("tracking")
def tracking(
    name: Name,
    host: Annotated[
        str | None,
        typer.Argument(
            metavar="HOST", help="Such as clicks.DOMAIN; without it the one there is is looked up. '' ends it."
        ),
    ] = None,
    https: Annotated[
        bool | None, typer.Option("--https/--http", help="How links begin; the first time http.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Set the host that links in mail of a domain lead to, and use it once it leads to the relay."""
    plain = normal(name)
    if host is None and not _get(plain)["tracking"]:
        advice = f"relay domain tracking {plain} clicks.{plain}"
        raise CommandError(f"{plain} has no tracking host: {advice}", ExitCode.NOT_FOUND)
    given = {"tracking": None if host is None else normal(host, "HOST") if host else "", "https": https}
    wanted = {each: value for each, value in given.items() if value is not None}
    _get(plain)
    told = _settled(_claim(plain, wanted), plain)
    if told["tracking"] and not told["tracking_used"]:
        raise CommandError(
            f"{told['tracking']} does not lead to the relay yet: relay domain records {plain}\n"
            f"it is kept, and not used yet; once it is published: relay domain tracking {plain}"
        )
    _print(told, as_json)


@app.command("records")
def records(name: Name, as_json: JsonOption = False) -> None:
    """Print the DNS records a domain should have, as zone file lines."""
    found = remote().get(f"/dns/{normal(name)}/recommended")
    print_json(found) if as_json else print("\n".join(map(line, found)))


@app.command("status")
def status(name: Name, as_json: JsonOption = False) -> None:
    """Show how a domain stands in DNS now, and what is wrong. The code is 1 where something is."""
    told = remote().get(f"/dns/{normal(name)}/status")
    remarks = told["remarks"]
    verdicts = {each: verdict for each, verdict in told.items() if each != "remarks"}
    if as_json:
        print_json(told)
    else:
        print_table(
            ["what", "verdict", "remark"], [(each, said, remarks.get(each)) for each, said in verdicts.items()]
        )
    if any(each != "ok" for each in verdicts.values()):
        raise typer.Exit(ExitCode.FAILED)


@app.command("remove")
def remove(name: Name, as_json: JsonOption = False) -> None:
    """Remove a domain with its keys: nothing can be sent from it from then on. What is queued is delivered."""
    plain = normal(name)
    shown = _get(plain)
    remote().ask("DELETE", f"/domain/{plain}")
    _print(shown, as_json)


def _get(plain: str) -> dict[str, Any]:
    found: dict[str, Any] = remote().get(f"/domain/{plain}")
    return found


def _claim(plain: str, settings: Mapping[str, Any] | None = None) -> Answered:
    return remote().ask("POST", f"/domain/{plain}", body=settings)


def _settled(answered: Answered, plain: str) -> dict[str, Any]:
    """The domain after a call; of one that is not proved the call tells the record only."""
    return answered.json() if answered.status != 202 else _get(plain)


def line(record: Mapping[str, str]) -> str:
    """As a zone file has it; names without a dot at their end, as the API gives them, get it."""
    kind, value = record["type"], record["value"]
    target = f"{value}." if kind in ("CNAME", "MX") and not value.endswith(".") else value
    return DomainRecord(Purpose.CHALLENGE, record["name"], target, kind).zone_line()


def _described(told: Mapping[str, Any]) -> dict[str, Any]:
    """By the names of the local command; whether in place of when."""
    return {
        "domain": told["name"],
        "verified": told["approved"],
        "bounce_host": told["bounces"],
        "bounce_verified": told["bounces_used"],
        "tracking_host": told["tracking"],
        "tracking_https": told["https"],
        "tracking_verified": told["tracking_used"],
        "ips": told["ips"],
        "dmarc": {each: told[each] for each in ("policy", "percentage", "startdate", "enddate", "addresses")},
    }


def _print(told: Mapping[str, Any], as_json: bool) -> None:
    described = _described(told)
    if as_json:
        print_json(described)
        return
    dmarc = described.pop("dmarc")
    print_fields({**described, **{f"dmarc {each}": value for each, value in dmarc.items()}})
