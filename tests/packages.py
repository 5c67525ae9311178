"""Fetch what tests run beside the relay: Debian's mail programs, systemd's tools, PHP, and nodemailer.

`make test` calls it; a second call finds everything and does nothing. With `RELAY_TEST_APT=1` Debian packages
are installed system-wide, with daemons kept from starting, and an installed MTA is left in place. Without it
they are unpacked under `.cache/debs`, and `.cache/bin` gets a wrapper for each program. What cannot be had is
said here once; the tests that need it say so again (see `tests/tools.py`).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".cache"
DEBS = CACHE / "debs"
BIN = CACHE / "bin"

PACKAGES = [
    "swaks",
    "libnet-ssleay-perl",
    "msmtp",
    "curl",
    "libmail-dkim-perl",
    "libmail-deliverystatus-bounceparser-perl",
    "systemd",  # systemd-analyze and its like; nothing of it is started
]
BROWSER = ["chromium", "fonts-dejavu-core"]  # for the pages of links, and newsletters before and after
PHP = ["php-cli", "php-curl"]  # programs written for SMTPeter; of use only where they are installed
BENCH = ["postfix", "opendkim", "sasl2-bin", "libsasl2-modules", "strace"]  # what `make bench` compares with
MTA = "postfix"  # smtp-sink, smtp-source, and Postfix itself as a client
PROGRAMS = {
    "swaks": "usr/bin",
    "msmtp": "usr/bin",
    "curl": "usr/bin",
    "smtp-sink": "usr/sbin",
    "smtp-source": "usr/sbin",
    "chromium": "usr/lib/chromium",
    "systemd-analyze": "usr/bin",
    "systemd-socket-activate": "usr/bin",
    "systemd-sysusers": "usr/bin",
    "systemd-tmpfiles": "usr/bin",
}
NODEMAILER = "nodemailer@10.6.0"
POLICY = Path("/usr/sbin/policy-rc.d")


def main() -> int:
    CACHE.mkdir(exist_ok=True)
    faults = []
    if shutil.which("apt-get") is None:
        faults.append("no apt-get here: tests with Debian's mail programs are left out")
    else:
        # The browser by itself: not every system has it as a package, and the others must not want for that.
        for wanted in ([*PACKAGES, MTA], BROWSER, *((PHP,) if _may_install() else ())):
            if missing := _missing(wanted):
                faults += _fetch(missing)
    faults += _node()
    for fault in faults:
        print(f"tests: {fault}", file=sys.stderr)
    return 1 if faults and os.environ.get("CI") else 0


def for_bench() -> str:
    """Install what the bench compares with; why that cannot be, or nothing.

    Only root does so, or who set RELAY_TEST_APT=1: daemons need installed packages, unpacked ones will not do.
    """
    if shutil.which("apt-get") is None:
        return "no apt-get here"
    missing = [each for each in BENCH if not _installed(each)]
    if not missing:
        return ""
    if os.geteuid() != 0 and not _may_install():
        return f"not installed: {', '.join(missing)}"
    if MTA in missing and _other_mta():
        return "another MTA is installed, which Postfix would evict"
    print(f"bench: installing {', '.join(missing)}", flush=True)
    return _install(missing)


def _missing(packages: Sequence[str]) -> list[str]:
    """Packages not installed; those that are unpacked will do where nothing may be installed."""
    unpacked = set((DEBS / "unpacked").read_text().split()) if (DEBS / "unpacked").exists() else set()
    wanted = list(packages)
    if _may_install():
        unpacked &= {MTA} if _other_mta() else set()
    if _may_install() and MTA in packages:
        wanted.append("libsasl2-modules")  # without it Postfix, as a client, knows neither PLAIN nor LOGIN
        # Debian's npm brings hundreds of packages; too many to unpack for one test.
        wanted += ["nodejs", "npm"] if shutil.which("npm") is None else []
    return [each for each in wanted if not _installed(each) and each not in unpacked]


def _may_install() -> bool:
    return os.environ.get("RELAY_TEST_APT") == "1"


def _installed(package: str) -> bool:
    done = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}", package], capture_output=True, text=True)
    return done.stdout.startswith("ii")


def _fetch(missing: list[str]) -> list[str]:
    print(f"tests: fetching {', '.join(missing)}", flush=True)
    unpack = missing
    faults = []
    if _may_install():
        unpack = [MTA] if MTA in missing and _other_mta() else []
        if error := _install([each for each in missing if each not in unpack]):
            faults.append(f"apt-get install failed: {error}")
    if unpack and (error := _unpack(unpack)):
        faults.append(f"unpacking {', '.join(unpack)} failed: {error}")
    return faults


def _other_mta() -> bool:
    """Whether installing Postfix would evict another MTA."""
    done = subprocess.run(["apt-get", "install", "-s", MTA], capture_output=True, text=True)
    return bool(re.search(r"^Remv ", done.stdout, re.MULTILINE))


def _install(packages: list[str]) -> str:
    """Install system-wide; the error as text, or nothing."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    apt = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    with _no_daemons(sudo):
        line = [*apt, "install", "-y", "--no-install-recommends", *packages]
        if not packages or not _run(line):
            return ""
        return _run([*apt, "update"]) or _run(line)  # lists may be old, or missing


@contextmanager
def _no_daemons(sudo: Sequence[str]) -> Iterator[None]:
    """Packages may bring daemons; nothing but the tests starts them (invoke-rc.d asks this file)."""
    if POLICY.exists():
        yield
        return
    script = "#!/bin/sh\nexit 101\n"
    subprocess.run([*sudo, "tee", str(POLICY)], input=script, text=True, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*sudo, "chmod", "755", str(POLICY)], check=True)
    try:
        yield
    finally:
        subprocess.run([*sudo, "rm", "-f", str(POLICY)], check=True)


def _unpack(packages: list[str]) -> str:
    """Download with what they need beyond this system, and unpack; no right of root is used."""
    state, store = CACHE / "apt/state", CACHE / "apt/cache"
    for each in (state / "lists/partial", store / "archives/partial", DEBS):
        each.mkdir(parents=True, exist_ok=True)
    own = ["-q", "-o", f"Dir::State={state}", "-o", f"Dir::Cache={store}", "-o", "Debug::NoLocking=1"]
    own += [
        "-o",
        "Dir::State::status=/var/lib/dpkg/status",
        "-o",
        "APT::Sandbox::User=",
        "-o",
        "Dir::Cache::pkgcache=",
    ]
    if error := _run(["apt-get", *own, "update"]):
        return error
    plan = subprocess.run(
        ["apt-get", *own, "install", "-s", "--no-install-recommends", *packages], capture_output=True, text=True
    )
    if plan.returncode:
        return plan.stderr.strip()
    names = re.findall(r"^Inst (\S+)", plan.stdout, re.MULTILINE)
    if error := _run(["apt-get", *own, "download", *names], cwd=store / "archives"):
        return error
    for deb in (store / "archives").glob("*.deb"):
        if error := _run(["dpkg", "-x", str(deb), str(DEBS)]):
            return error
        deb.unlink()
    _wrap()
    with (DEBS / "unpacked").open("a") as record:
        record.write("\n".join(names) + "\n")
    return ""


def _wrap() -> None:
    """A wrapper for each unpacked program, so that it finds its own libraries and nobody else does."""
    BIN.mkdir(exist_ok=True)
    triplet = next((each.name for each in (DEBS / "usr/lib").glob("*-linux-*")), "")
    libraries = [DEBS / "usr/lib" / triplet, DEBS / "usr/lib/postfix", DEBS / "lib" / triplet]
    libraries.append(DEBS / "usr/lib" / triplet / "systemd")
    perls = [DEBS / "usr/share/perl5", *(DEBS / "usr/lib" / triplet / "perl5").glob("*")]
    environment = (
        f'export LD_LIBRARY_PATH="{_paths(libraries)}"\nexport PERL5LIB="{_paths(perls)}"\n' if triplet else ""
    )
    for name, folder in PROGRAMS.items():
        # Before Debian 13 some of them lie in /bin, which is no link in what is unpacked.
        places = (DEBS / folder / name, DEBS / folder.removeprefix("usr/") / name)
        if program := next((each for each in places if each.exists()), None):
            _script(BIN / name, f'{environment}exec "{program}" "$@"\n')
    if any(each.exists() for each in perls):
        _script(BIN / "perl", f'{environment}exec /usr/bin/perl "$@"\n')


def _paths(paths: Sequence[Path]) -> str:
    return ":".join(str(each) for each in paths)


def _script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)


def _node() -> list[str]:
    """nodemailer into `.cache/node`, pinned, with no scripts run."""
    home = CACHE / "node"
    if (home / "node_modules/nodemailer/package.json").exists():
        return []
    if shutil.which("npm") is None:
        return ["no npm here: the test with nodemailer is left out"]
    home.mkdir(exist_ok=True)
    line = [
        "npm",
        "install",
        "--prefix",
        str(home),
        "--no-save",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        NODEMAILER,
    ]
    error = _run(line)
    return [f"npm could not fetch {NODEMAILER}: {error}"] if error else []


def _run(line: list[str], cwd: Path = ROOT) -> str:
    """Run to the end; the last lines it complained with if it failed."""
    try:
        done = subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (
        "" if done.returncode == 0 else "; ".join((done.stderr or done.stdout).strip().splitlines()[-3:]) or "failed"
    )


if __name__ == "__main__":
    sys.exit(main())
