"""Verdicts by table: what requests say of themselves, and when they come."""

from __future__ import annotations

import pytest

from relay.web.tracking.machines import PERSON, Verdict, burst, verdict

PEOPLE = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; Microsoft Outlook 16.0.5134; ms-office)",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.3.0",
    "Mozilla/5.0 (Linux; Android 9; CUBOT_X18 Build/PPR1; wv) AppleWebKit/537.36 Chrome/99.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 9; CUBOT) AppleWebKit/537.36",
    "Evolution 3.56",
    "okhttp/4.12.0",
]
MACHINES = [
    ("Mozilla/5.0", "Apple Mail Privacy Protection"),
    ("", "a program that does not name itself"),
    ("BarracudaCentral/1.0", "a scanner: Barracuda"),
    ("Mozilla/5.0 (compatible; Proofpoint URL Defense)", "a scanner: Proofpoint"),
    ("Mimecast TTP", "a scanner: Mimecast"),
    (
        "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/534+ (KHTML, like Gecko) BingPreview/1.0b",
        "a scanner: Microsoft",
    ),
    ("Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5", "a scanner: Microsoft"),
    ("Symantec WSS", "a scanner: Symantec"),
    ("Mozilla/5.0 (compatible; Zscaler)", "a scanner"),
    ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "a link preview"),
    ("facebookexternalhit/1.1", "a link preview"),
    ("WhatsApp/2.23.20.0", "a link preview"),
    ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120.0", "a browser without a screen"),
    ("curl/8.5.0", "a program"),
    ("Wget/1.21", "a program"),
    ("python-requests/2.32", "a program"),
    ("Go-http-client/1.1", "a program"),
    ("Java/1.8.0_292", "a program"),
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "a declared robot"),
    ("Mozilla/5.0 (compatible; AhrefsBot/7.0)", "a declared robot"),
    ("some-crawler", "a declared robot"),
    ("UptimeMonitor/2", "a declared robot"),
]
PROXIES = [
    ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", "google"),
    ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", "yahoo"),
]


@pytest.mark.parametrize("agent", PEOPLE)
def test_programs_of_people_are_people(agent: str) -> None:
    assert verdict(click=True, agent=agent, prefetch=False, since_delivery=60.0) == PERSON


@pytest.mark.parametrize(("agent", "reason"), MACHINES)
def test_programs_that_say_what_they_are_are_machines(agent: str, reason: str) -> None:
    assert verdict(click=True, agent=agent, prefetch=False, since_delivery=60.0) == Verdict(True, reason)


@pytest.mark.parametrize(("agent", "proxy"), PROXIES)
def test_mail_services_that_ask_when_a_person_opens_are_told_but_are_no_machines(agent: str, proxy: str) -> None:
    assert verdict(click=False, agent=agent, prefetch=False, since_delivery=60.0) == Verdict(proxy=proxy)
    early = verdict(click=False, agent=agent, prefetch=False, since_delivery=0.2)
    assert early == Verdict(True, "0.2 s after it was delivered", proxy)


@pytest.mark.parametrize(
    ("click", "since", "machine"),
    [
        (True, 0.0, True),
        (True, 2.9, True),
        (True, 3.0, False),
        (True, -1.0, True),
        (False, 0.9, True),
        (False, 1.0, False),
        (False, -1.0, True),
        (True, None, False),
        (False, None, False),
    ],
)
def test_who_comes_sooner_than_a_person_can_is_a_machine(click: bool, since: float | None, machine: bool) -> None:
    assert verdict(click=click, agent=PEOPLE[0], prefetch=False, since_delivery=since).machine is machine


def test_what_is_fetched_ahead_is_a_machine_whoever_asks() -> None:
    found = verdict(click=False, agent=PEOPLE[0], prefetch=True, since_delivery=60.0)
    assert found == Verdict(True, "fetched ahead of a person")


@pytest.mark.parametrize(
    ("clicks", "is_burst"),
    [
        ([], False),
        ([(0.0, 1), (0.1, 2)], False),
        ([(0.0, 1), (0.1, 1), (0.2, 1), (0.3, 1)], False),
        ([(0.0, 1), (1.0, 2), (2.0, 3)], True),
        ([(2.0, 3), (0.0, 1), (1.0, 2)], True),
        ([(0.0, 1), (1.0, 2), (2.1, 3)], False),
        ([(0.0, 1), (5.0, 1), (5.5, 2), (6.0, 3)], True),
    ],
)
def test_several_links_in_a_moment_are_a_burst(clicks: list[tuple[float, int]], is_burst: bool) -> None:
    assert burst(clicks) is is_burst


def test_a_burst_is_looked_for_in_one_pass_however_often_a_link_is_followed() -> None:
    again_and_again = [(number / 20_000, number % 2) for number in range(20_000)]
    assert burst(again_and_again) is False
    assert burst([*again_and_again, (1.5, 7)]) is True
    assert burst([*again_and_again, (3.5, 7)]) is False


def test_judging_takes_no_time_to_speak_of_whatever_is_said() -> None:
    for text in ("microsoft" * 30, "electron/" * 30, "bot" * 90, " " * 256, "a" * 256):
        assert verdict(click=True, agent=text[:256], prefetch=False, since_delivery=None).proxy == ""
