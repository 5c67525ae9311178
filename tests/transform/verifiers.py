"""Two strangers who check our signatures: dkimpy, and Debian's Mail::DKIM where it is at hand."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import dkim

from relay.model.account import Algorithm, DkimKey
from relay.transform.keys import dns_name, dns_record, generate
from tests.tools import tool, unavailable

SCRIPT = Path(__file__).with_name("verify_dkim.pl")


@cache
def keys() -> tuple[DkimKey, DkimKey]:
    """An RSA and an Ed25519 key of example.com, made once a run."""
    return (
        generate("example.com", "r1", Algorithm.RSA, 0.0),
        generate("example.com", "e1", Algorithm.ED25519, 0.0),
    )


def dkimpy(content: bytes, given: Sequence[DkimKey]) -> list[bool]:
    """What dkimpy says of each signature on top of the content."""
    zone = {f"{dns_name(each)}.".encode(): dns_record(each).encode() for each in given}

    def lookup(name: bytes, timeout: int = 5) -> bytes | None:
        return zone.get(name)

    def good(number: int) -> bool:
        try:
            return bool(dkim.DKIM(content).verify(idx=number, dnsfunc=lookup))
        except dkim.ValidationError:  # so it tells of a body that was changed
            return False

    return [good(number) for number in range(len(given))]


def mail_dkim(contents: Sequence[bytes], given: Sequence[DkimKey], directory: Path) -> list[str]:
    """What Mail::DKIM says of each content: the results of its signatures, separated by blanks."""
    program = tool("perl")
    probe = subprocess.run([program, "-MMail::DKIM::Verifier", "-e1"], capture_output=True, timeout=60, check=False)
    if probe.returncode:
        unavailable("Mail::DKIM (Debian: libmail-dkim-perl) is not installed, nor unpacked under .cache")
    zone = directory / "zone"
    zone.write_text("".join(f"{dns_name(each)}\t{dns_record(each)}\n" for each in given))
    records = b"".join(b"%d\n%b" % (len(each), each) for each in contents)
    done = subprocess.run([program, SCRIPT, zone], input=records, capture_output=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().splitlines()
