"""Was it a person, or a machine that looks at mail before a person does? A verdict with its reason. Pure.

In:  what a request says of itself, how long after the delivery it came, what else was asked of the same message.
Out: a `Verdict`: machine or not, why, and the mail service that asked in the reader's place, if one did.

Nothing is dropped for a verdict: events carry it, and are counted apart.

Why so: Gmail and Yahoo fetch pictures through their own machines when a person opens the mail, so that is an open,
told with `proxy`. Apple's privacy protection fetches all of them when the mail arrives, whether or not anybody looks;
that is a machine. Scanners of companies call themselves ordinary browsers; what gives them away is that they come
within seconds of the delivery, or follow all links at once. Mail that was kept in the sandbox went to nobody's
scanner, so its links are not judged by time.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

CLICK_SECONDS = 3.0  # since the delivery; nobody is told of mail, reads it and follows a link sooner
OPEN_SECONDS = 1.0  # since the delivery
BURST_SECONDS = 2.0
BURST_LINKS = 3  # different ones of one message within BURST_SECONDS

_APPLE = "Mozilla/5.0"  # all that Apple's proxies say
_PROXIES = (
    ("GoogleImageProxy", "google"),
    ("YahooMailProxy", "yahoo"),
    ("DuckDuckGo-Image-Proxy", "duckduckgo"),
)
# What programs call themselves, with what they are. The first that fits counts.
_DECLARED: Sequence[tuple[re.Pattern[str], str]] = tuple(
    (re.compile(pattern, re.IGNORECASE), what)
    for pattern, what in (
        (r"barracuda", "a scanner: Barracuda"),
        (r"proofpoint|urldefense", "a scanner: Proofpoint"),
        (r"mimecast", "a scanner: Mimecast"),
        (r"safelinks|bingpreview|microsoft.{0,20}preview|skypeuripreview", "a scanner: Microsoft"),
        (r"symantec|messagelabs|bluecoat", "a scanner: Symantec"),
        (r"trend ?micro|fireeye|trellix|forcepoint|websense|sophos|zscaler|checkpoint|ironport", "a scanner"),
        (r"virustotal|urlscan|phishtank|google-safety|cloudflare-?scan|netcraft", "a scanner"),
        (r"slack(?:bot|-imgproxy)|twitterbot|facebookexternalhit|whatsapp|telegrambot|linkedinbot", "a link preview"),
        (r"discordbot|embedly|pinterest|vkshare|iframely|mattermost|google-?pagerenderer", "a link preview"),
        (r"headless|phantomjs|puppeteer|playwright|selenium|electron/.*scan", "a browser without a screen"),
        (r"^(?:curl|wget|libcurl)\b|python-(?:requests|urllib|httpx)|aiohttp|httpx|go-http-client", "a program"),
        (
            r"libwww-perl|lwp::|java/[0-9]|apache-httpclient|axios|node-fetch|undici|guzzle|ruby$|mechanize",
            "a program",
        ),
        (
            r"(?<!cu)bot(?:[/;,) _-]|$)|crawl|spider|slurp|archiver|fetcher|monitor(?:ing|/)|scanner",
            "a declared robot",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Verdict:
    machine: bool = False
    reason: str = ""  # of `machine`
    proxy: str = ""  # mail service that fetched it when a person opened the mail


PERSON = Verdict()


def verdict(*, click: bool, agent: str, prefetch: bool, since_delivery: float | None) -> Verdict:
    """`since_delivery`: seconds; negative: it is not known to be delivered; None: not judged by time."""
    if prefetch:
        return Verdict(True, "fetched ahead of a person")
    if not agent:
        return Verdict(True, "a program that does not name itself")
    if agent == _APPLE:
        return Verdict(True, "Apple Mail Privacy Protection")
    proxy = next((name for word, name in _PROXIES if word in agent), "")
    if not proxy:
        for pattern, what in _DECLARED:
            if pattern.search(agent):
                return Verdict(True, what)
    if since_delivery is not None:
        if since_delivery < 0:
            return Verdict(True, "before it was delivered", proxy)
        if since_delivery < (CLICK_SECONDS if click else OPEN_SECONDS):
            return Verdict(True, f"{since_delivery:.1f} s after it was delivered", proxy)
    return Verdict(proxy=proxy) if proxy else PERSON


def burst(clicks: Iterable[tuple[float, int]]) -> bool:
    """Whether links of one message were followed faster than a person does. Each with its time and its number.

    In one pass, since whoever has a link can follow it thousands of times.
    """
    within: deque[tuple[float, int]] = deque()
    links: Counter[int] = Counter()
    for at, link in sorted(clicks):
        within.append((at, link))
        links[link] += 1
        while at - within[0][0] > BURST_SECONDS:
            _, gone = within.popleft()
            links[gone] -= 1
            if not links[gone]:
                del links[gone]
        if len(links) >= BURST_LINKS:
            return True
    return False


BURST = Verdict(True, f"{BURST_LINKS} links or more within {BURST_SECONDS:g} s")
