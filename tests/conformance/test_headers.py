"""Rows 10 and 11, and the rules of the control fields: who wins, what is taken out, what a bad value comes to."""

from __future__ import annotations

import time
from email import message_from_bytes

import pytest

from tests.conformance.stage import BOUNCES, SENDER, Login, Stage, headers, links, message, part
from tests.conformance.test_doors import related

LINK = "https://shop.example/sale?x=1"
PAGE = (
    "<html><head><style>p { color: red }</style></head><body>"
    f'<p><a href="{LINK}">Sale</a> <a href="https://shop.example/">shop.example</a></p>'
    '<img src="https://shop.example/a.png"></body></html>'
)
SWITCHES = {  # header field: (value that turns it on, value that turns it off, option)
    "trackclicks": ("true", "false", "track_clicks"),
    "trackopens": ("true", "false", "track_opens"),
    "trackbounces": ("true", "false", "track_bounces"),
    "inlinecss": ("true", "false", "inline_css"),
    "images": ("hosted", "default", "hosted_images"),
}
ALL_ON = [word for _, _, name in SWITCHES.values() for word in ("--option", f"{name}=yes")]


def on(it: Stage, content: bytes, login: Login | None = None, sender: str = SENDER) -> set[str]:
    """Which switches were on, as what arrived shows."""
    arrived = it.arrived(it.send(content, login=login, sender=sender))
    html = part(arrived.content)
    found = {
        "trackclicks": LINK not in links(html),
        "trackopens": "https://shop.example/a.png" not in links(html, "src"),
        "trackbounces": arrived.sender.endswith(f"@{BOUNCES}"),
        "inlinecss": 'style="color: red"' in html,
        "images": "cid:" not in html,
        "preventscam": 'href="https://shop.example/"' in html and LINK not in links(html),
    }
    assert b"smtpeter" not in arrived.content.lower()
    return {name for name, is_on in found.items() if is_on}


def raw(*fields: str) -> bytes:
    """A page with a picture inside, below these header fields as they stand."""
    return "".join(f"{each}\r\n" for each in fields).encode() + related(
        PAGE.replace("</body>", '<img src="cid:dot"></body>')
    )


@pytest.fixture(scope="package")
def bare(it: Stage) -> Login:
    return it.credential()


@pytest.fixture(scope="package")
def full(it: Stage) -> Login:
    return it.credential(*ALL_ON)


def test_row_10_nothing_is_on_where_nobody_asks(it: Stage, bare: Login) -> None:
    content = raw()
    assert it.delivered(content, login=bare).endswith(content)


@pytest.mark.parametrize("name", SWITCHES)
def test_row_10_a_header_turns_a_switch_on_that_the_login_has_off(it: Stage, bare: Login, name: str) -> None:
    value, _, _ = SWITCHES[name]
    assert on(it, raw(f"x-smtpeter-{name}: {value}"), bare) == {name}


@pytest.mark.parametrize("name", SWITCHES)
def test_row_10_a_header_turns_a_switch_off_that_the_login_has_on(it: Stage, full: Login, name: str) -> None:
    _, value, _ = SWITCHES[name]
    assert on(it, raw(f"x-smtpeter-{name}: {value}"), full) == SWITCHES.keys() - {name}


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("inlinizecss", "inlinecss"),
        ("clicktracking", "trackclicks"),
        ("bouncetracking", "trackbounces"),
        ("openstracking", "trackopens"),
    ],
)
def test_row_10_names_of_earlier_years_mean_the_same(it: Stage, bare: Login, field: str, name: str) -> None:
    assert on(it, raw(f"x-smtpeter-{field}: true"), bare) == {name}


def test_row_10_prevent_scam_narrows_what_is_tracked_in_both_directions(it: Stage, bare: Login) -> None:
    tracking = "x-smtpeter-trackclicks: true"
    assert on(it, raw(tracking, "x-smtpeter-preventscam: true"), bare) == {"trackclicks", "preventscam"}
    assert on(it, raw("x-smtpeter-preventscam: true"), bare) == set()
    careful = it.credential("--option", "prevent_scam=yes", "--option", "track_clicks=yes")
    assert on(it, raw("X-SMTPeter-PreventScam: false"), careful) == {"trackclicks"}


def test_row_10_tags_are_the_seventh(it: Stage) -> None:
    tagged = it.credential("--option", "tags=by-login")
    sent = it.send(message("tags: spring,sale"), login=tagged)
    assert it.events(sent, "received")[0]["tags"] == ["spring", "sale"]
    assert it.events(it.send(message(), login=tagged), "received")[0]["tags"] == ["by-login"]


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        ("a, b,,a", ["a", "b"]),
        ("a,b", ["a", "b"]),
        (" a ,\r\n b ", ["a", "b"]),
        ("a;b", ["a", "b"]),
        ("caf\u00e9", ["caf\u00e9"]),
    ],
)
def test_row_11_tags_are_parted_by_commas_and_blanks_around_them_do_not_count(
    it: Stage, value: str, tags: list[str]
) -> None:
    sent = it.send(f"X-SMTPeter-Tags: {value}\r\n".encode() + message())
    assert it.events(sent, "received")[0]["tags"] == tags


@pytest.mark.parametrize("value", ["has space", "two\twords", "ok, has space"])
def test_row_11_a_tag_with_white_space_in_it_is_refused(it: Stage, value: str) -> None:
    code, reply = it.say(message(f"Tags: {value}"), it.somebody())
    assert code == 554 and reply.startswith("5.6.0 X-SMTPeter-Tags")


def test_rule_1_fields_hold_for_one_message_and_their_names_are_in_any_case(it: Stage, bare: Login) -> None:
    with it.session(bare) as client:
        people = [it.somebody(), it.somebody()]
        client.sendmail(SENDER, people[:1], raw("X-sMtPeTeR-tRaCkClIcKs: true"))
        client.sendmail(SENDER, people[1:], raw())
    receiver = it.internet.receivers[people[0].partition("@")[2]]
    for to, tracked in zip(people, (True, False), strict=True):
        receiver.wait_for(lambda them, to=to: any(to in each.recipients for each in them.messages), 30)  # type: ignore[misc]
        (arrived,) = [each for each in receiver.messages if to in each.recipients]
        assert (LINK not in links(part(arrived.content))) is tracked


def test_rule_2_a_header_goes_before_the_login_and_the_login_before_the_domain(it: Stage, bare: Login) -> None:
    it.relay.cli("domain", "add", "ruled.test", "--account", "demo")
    it.relay.cli("domain", "verify", "ruled.test", "--force")
    it.relay.cli("domain", "tracking", "ruled.test", "go.ruled.test", "--force")
    it.relay.cli("domain", "set", "ruled.test", "--option", "track_clicks=yes", "--option", "inline_css=yes")
    off = it.credential("--option", "track_clicks=off")
    from_there = raw().replace(b"From: me@example.com", b"From: me@ruled.test")

    def there(*fields: str, login: Login) -> set[str]:
        return on(it, "".join(f"{each}\r\n" for each in fields).encode() + from_there, login, "me@ruled.test")

    it.wait(lambda: there(login=bare) == {"trackclicks", "inlinecss"}, "the domain's defaults")
    assert there(login=off) == {"inlinecss"}
    assert there("x-smtpeter-trackclicks: true", "x-smtpeter-inlinecss: false", login=off) == {"trackclicks"}


@pytest.mark.parametrize("name", ["Unknown-Thing", "x"])
def test_rule_3_a_field_with_the_prefix_that_is_none_of_ours_is_told_and_never_passed_on(
    it: Stage, name: str
) -> None:
    code, reply = it.say(message(f"{name}: true"), it.somebody())
    assert code == 554 and name in reply
    lenient = it.credential("--on-invalid", "warn")
    sent = it.send(message(f"{name}: true", "Tags: kept"), login=lenient)
    arrived = it.arrived(sent).content
    assert b"smtpeter" not in arrived.lower()
    assert sent.reply.endswith("(1 warning)")
    assert it.events(sent, "received")[0]["tags"] == ["kept"]


def test_rule_3_the_whole_prefix_goes_also_for_logins_that_do_not_use_it(it: Stage) -> None:
    deaf = it.credential("--control-headers", "strip")
    content = b"X-SMTPeter-Anything: at all,\r\n folded\r\n" + raw("x-smtpeter-trackclicks: true")
    arrived = it.delivered(content, login=deaf)
    assert arrived.endswith(raw())
    assert b"smtpeter" not in arrived.lower()


def test_rule_5_an_empty_or_absent_field_leaves_the_login_its_say(it: Stage, bare: Login, full: Login) -> None:
    assert on(it, raw("X-SMTPeter-Track-Clicks:"), bare) == set()
    assert on(it, raw("X-SMTPeter-Track-Clicks: "), full) == set(SWITCHES)


@pytest.mark.parametrize("value", ["TRUE ", "yes", "1", "on", '"true"', "True;"])
def test_rule_6_what_plainly_means_yes_is_yes(it: Stage, bare: Login, value: str) -> None:
    assert on(it, raw(f"x-smtpeter-trackclicks: {value}"), bare) == {"trackclicks"}


@pytest.mark.parametrize(
    ("field", "value"), [("trackclicks", "maybe"), ("trackopens", "2"), ("images", "here"), ("inlinecss", "?")]
)
def test_rule_6_a_value_that_means_nothing_is_refused_with_its_name(it: Stage, field: str, value: str) -> None:
    code, reply = it.say(message(f"{field}: {value}"), it.somebody())
    assert code == 554 and reply.startswith(f"5.6.0 X-SMTPeter-{field}:") and value in reply


def test_rule_6_of_a_field_that_is_there_twice_the_first_counts_and_is_told(it: Stage, bare: Login) -> None:
    sent = it.send(raw("x-smtpeter-trackclicks: false", "x-smtpeter-trackclicks: true"), login=bare)
    assert sent.reply.endswith("(1 warning)")
    assert LINK in links(part(it.arrived(sent).content))
    (warning,) = it.events(sent, "received")[0]["warnings"]
    assert "trackclicks" in warning.lower()


@pytest.mark.parametrize("hidden", ["=?utf-8?Q?a=0D=0ABcc:_eve@evil.example?=", "=?utf-8?B?YQ0KQmNjOiBlQGV2aWw=?="])
def test_rule_6_an_encoded_line_end_is_refused(it: Stage, hidden: str) -> None:
    code, reply = it.say(message(f"Campaign: {hidden}"), it.somebody())
    assert code == 554 and "Campaign" in reply


def test_rule_8_what_no_version_has_as_a_header_comes_as_smtp_or_under_names_of_ours(it: Stage) -> None:
    until = int(time.time()) + 3600
    sent = it.send(
        message(f"MaxDeliverTime: {until}", 'MergeGlobal: {"name": "Ann"}', text="Dear {$name}\n"),
        mail=["ENVID=mine"],
        rcpt=["NOTIFY=NEVER"],
    )
    assert part(it.arrived(sent).content, "text/plain").startswith("Dear Ann")
    explained = it.relay.ask("explain", sent.id)
    assert explained["options"]["deliver_by"]["set_by"] == "header X-SMTPeter-MaxDeliverTime"


def test_rule_9_hosting_comes_before_tracking_and_signing_comes_last(it: Stage, bare: Login) -> None:
    asked = raw("x-smtpeter-images: hosted", "x-smtpeter-trackopens: true", "x-smtpeter-inlinecss: true")
    arrived = it.delivered(asked, login=bare)
    pictures = links(part(arrived), "src")
    assert len(pictures) == 2 and all("/h/" not in each for each in pictures)  # both are counted when they are seen
    hosted = it.http(pictures[1])
    assert hosted.status == 200 and hosted.body.startswith(b"\x89PNG")
    it.internet.check_signatures(arrived)
    signed = headers(arrived, "DKIM-Signature")[0]
    assert message_from_bytes(arrived).get_content_type() == "text/html" and "h=from:" in signed.replace(" ", "")


def test_reading_inline_css_is_off_unless_asked_for(it: Stage, bare: Login) -> None:
    assert "inlinecss" not in on(it, raw("x-smtpeter-trackclicks: true"), bare)


def test_reading_hosted_images_are_a_switch_of_a_login_too(it: Stage) -> None:
    assert on(it, raw(), it.credential("--option", "hosted_images=yes")) == {"images"}
