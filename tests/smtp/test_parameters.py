"""The parameters of MAIL and RCPT: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.model.envelope import NO_PARAMETERS, Body, DeliverBy, Notify, Parameters, Ret
from relay.model.reply import Refused
from relay.smtp.commands import Mail, parse_mail, parse_rcpt
from relay.smtp.parameters import NO_WISHES, Offers, Wishes, read_original

NOW = 1_790_000_000.0  # 2026-09-21T14:13:20Z
OFFERS = Offers(wishes=True, hold=604_800.0, deliver_by=60.0)


def mail(parameters: str, offers: Offers = OFFERS) -> Mail:
    return parse_mail(f"FROM:<me@example.com> {parameters}", esmtp=True, offers=offers, now=NOW)


def rcpt(
    parameters: str, *, smtputf8: bool = False, offers: Offers = OFFERS
) -> tuple[str, Notify | None, str | None]:
    return parse_rcpt(
        f"TO:<ann@example.net> {parameters}", esmtp=True, offers=offers, smtputf8=smtputf8, hostname="mx.example"
    )


def refusal(parameters: str, offers: Offers = OFFERS) -> str:
    with pytest.raises(Refused) as raised:
        mail(parameters, offers)
    return str(raised.value.reply)


@pytest.mark.parametrize(
    ("text", "wishes"),
    [
        ("RET=FULL", Wishes(ret=Ret.FULL, parameters=Parameters(ret=True))),
        ("ret=hdrs", Wishes(ret=Ret.HDRS, parameters=Parameters(ret=True))),
        ("ENVID=QQ314159", Wishes(envid="QQ314159")),
        ("ENVID=job+207+2B+3D!", Wishes(envid="job 7+=!")),
        ("HOLDFOR=3600", Wishes(parameters=Parameters(hold_until=NOW + 3600))),
        ("HOLDUNTIL=2026-09-22T00:00:00Z", Wishes(parameters=Parameters(hold_until=1_790_035_200.0))),
        ("HOLDUNTIL=2026-09-22t02:00:00.5+02:00", Wishes(parameters=Parameters(hold_until=1_790_035_200.5))),
        ("BY=3600;R", Wishes(parameters=Parameters(by=DeliverBy(at=NOW + 3600, give_up=True)))),
        ("BY=+120;rt", Wishes(parameters=Parameters(by=DeliverBy(at=NOW + 120, give_up=True, trace=True)))),
        ("BY=0;N", Wishes(parameters=Parameters(by=DeliverBy(at=NOW, give_up=False)))),
        ("BY=-30;NT", Wishes(parameters=Parameters(by=DeliverBy(at=NOW - 30, give_up=False, trace=True)))),
        ("MT-PRIORITY=-9", Wishes(parameters=Parameters(priority=-9))),
        ("MT-PRIORITY=+4", Wishes(parameters=Parameters(priority=4))),
        ("MT-PRIORITY=0", Wishes(parameters=Parameters(priority=0))),
        ("SIZE=100 BODY=8BITMIME", NO_WISHES),
        (
            "RET=FULL ENVID=7 HOLDFOR=60 BY=600;N MT-PRIORITY=3 SIZE=5",
            Wishes(
                envid="7",
                ret=Ret.FULL,
                parameters=Parameters(
                    ret=True, hold_until=NOW + 60, by=DeliverBy(at=NOW + 600, give_up=False), priority=3
                ),
            ),
        ),
    ],
)
def test_mail_says_what_it_wants(text: str, wishes: Wishes) -> None:
    assert mail(text).wishes == wishes


def test_a_deadline_behind_the_release_is_taken_and_so_is_one_that_only_asks_for_word() -> None:
    assert mail("HOLDFOR=600 BY=601;R").wishes.parameters.hold_until == NOW + 600
    assert mail("HOLDFOR=600 BY=60;N").wishes.parameters.by == DeliverBy(at=NOW + 60, give_up=False)


def test_a_mail_that_wants_nothing_costs_no_value_of_its_own() -> None:
    found = mail("SIZE=100 BODY=8BITMIME")
    assert found.wishes is NO_WISHES
    assert found.wishes.parameters is NO_PARAMETERS
    assert found.body is Body.EIGHT_BIT


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("RET", "501 5.5.4 RET= is FULL or HDRS"),
        ("RET=SOME", "501 5.5.4 RET= is FULL or HDRS"),
        ("RET=FULL RET=FULL", "501 5.5.4 RET is given twice"),
        ("ENVID", "501 5.5.4 ENVID= needs a value"),
        ("ENVID=" + "x" * 101, "501 5.5.4 ENVID= has at most 100 characters"),
        ("ENVID=a+0D+0ABcc:+20x", "501 5.5.4 ENVID= may name printable ASCII characters only"),
        ("ENVID=a+7Fb", "501 5.5.4 ENVID= may name printable ASCII characters only"),
        ("ENVID=a+C3+A9", "501 5.5.4 ENVID= may name printable ASCII characters only"),
        ("ENVID=a+2b", "501 5.5.4 ENVID= is no xtext (RFC 3461 section 4): a+2b"),
        ("ENVID=a+", "501 5.5.4 ENVID= is no xtext (RFC 3461 section 4): a+"),
        ("ENVID=é", "501 5.5.4 ENVID= is no xtext (RFC 3461 section 4): é"),
        ("HOLDFOR", "501 5.5.4 HOLDFOR= is a number of seconds from 1, of at most 9 digits"),
        ("HOLDFOR=0", "501 5.5.4 HOLDFOR= is a number of seconds from 1, of at most 9 digits"),
        ("HOLDFOR=1h", "501 5.5.4 HOLDFOR= is a number of seconds from 1, of at most 9 digits"),
        ("HOLDFOR=-1", "501 5.5.4 HOLDFOR= is a number of seconds from 1, of at most 9 digits"),
        ("HOLDFOR=٣", "501 5.5.4 HOLDFOR= is a number of seconds from 1, of at most 9 digits"),
        ("HOLDFOR=604801", "501 5.5.4 HOLDFOR= is too far ahead: at most 604800 seconds"),
        ("HOLDUNTIL=2027-01-01T00:00:00Z", "501 5.5.4 HOLDUNTIL= is too far ahead: at most 604800 seconds"),
        ("HOLDUNTIL=2026-09-21T14:13:20Z", "501 5.5.4 HOLDUNTIL= is in the past"),
        ("HOLDUNTIL=2026-13-01T00:00:00Z", "501 5.5.4 HOLDUNTIL= is a time such as 2030-01-31T08:00:00Z"),
        ("HOLDUNTIL=2026-10-01T00:00:00", "501 5.5.4 HOLDUNTIL= is a time such as 2030-01-31T08:00:00Z"),
        ("HOLDUNTIL=0001-01-01T00:00:00+23:59", "501 5.5.4 HOLDUNTIL= is "),
        ("HOLDUNTIL=tomorrow", "501 5.5.4 HOLDUNTIL= is a time such as 2030-01-31T08:00:00Z"),
        ("HOLDFOR=60 HOLDUNTIL=2026-09-22T00:00:00Z", "501 5.5.4 HOLDFOR and HOLDUNTIL exclude each other"),
        ("BY", "501 5.5.4 BY= is seconds;mode such as 3600;R or 3600;NT"),
        ("BY=60", "501 5.5.4 BY= is seconds;mode such as 3600;R or 3600;NT"),
        ("BY=1234567890;N", "501 5.5.4 BY= is seconds;mode such as 3600;R or 3600;NT"),
        ("BY=60;X", "501 5.5.4 BY= is seconds;mode such as 3600;R or 3600;NT"),
        ("BY=0;R", "501 5.5.4 BY= with mode R needs seconds to come; it was to be returned already"),
        ("BY=-5;R", "501 5.5.4 BY= with mode R needs seconds to come; it was to be returned already"),
        ("BY=59;R", "555 5.5.4 BY= with mode R is at least 60 seconds"),
        ("BY=600;R HOLDFOR=600", "501 5.5.4 BY= with mode R would return the message before it is released"),
        ("MT-PRIORITY", "501 5.5.4 MT-PRIORITY= is a number from -9 to 9"),
        ("MT-PRIORITY=10", "501 5.5.4 MT-PRIORITY= is a number from -9 to 9"),
        ("MT-PRIORITY=high", "501 5.5.4 MT-PRIORITY= is a number from -9 to 9"),
        ("REQUIRETLS", "555 5.5.4 REQUIRETLS is not offered for MAIL"),
        ("BODY=BINARYMIME", "501 5.5.4 BODY= is 7BIT or 8BITMIME"),
        ("SIZE=²", "501 5.5.4 SIZE= is a number of octets, at most 20 digits"),
    ],
)
def test_what_mail_must_not_say_is_explained(text: str, said: str) -> None:
    assert refusal(text).startswith(said)


@pytest.mark.parametrize(
    "text", ["HOLDFOR=60", "HOLDUNTIL=2026-09-22T00:00:00Z", "BY=600;N", "MT-PRIORITY=1", "RET=FULL", "ENVID=a"]
)
def test_what_is_not_offered_with_mail_is_refused(text: str) -> None:
    name = text.partition("=")[0]
    assert refusal(text, Offers()) == f"555 5.5.4 {name} is not offered for MAIL"


@pytest.mark.parametrize("text", ["NOTIFY=NEVER", "ORCPT=rfc822;ann@example.org"])
def test_what_is_not_offered_with_rcpt_is_refused(text: str) -> None:
    with pytest.raises(Refused) as raised:
        rcpt(text, offers=Offers())
    assert str(raised.value.reply) == f"555 5.5.4 {text.partition('=')[0]} is not offered for RCPT"


@pytest.mark.parametrize("text", ["HOLDFOR=60", "HOLDUNTIL=2026-09-22T00:00:00Z"])
def test_where_nothing_may_be_held_holding_is_not_offered(text: str) -> None:
    assert "is not offered for MAIL" in refusal(text, Offers(wishes=True))
    assert mail("BY=1;R", Offers(wishes=True)).wishes.parameters.by is not None


@pytest.mark.parametrize(
    ("text", "notify", "original"),
    [
        ("", None, None),
        ("NOTIFY=NEVER", Notify.NEVER, None),
        ("notify=success", Notify.SUCCESS, None),
        ("NOTIFY=Delay,FAILURE", Notify.DELAY | Notify.FAILURE, None),
        ("NOTIFY=SUCCESS,FAILURE,DELAY", Notify.SUCCESS | Notify.FAILURE | Notify.DELAY, None),
        ("ORCPT=rfc822;Ann+2Blist@Example.net", None, "rfc822;Ann+list@Example.net"),
        ("ORCPT=x400;/G+3DAnn/S+3DLee/", None, "x400;/G=Ann/S=Lee/"),
        ("ORCPT=utf-8;jos\\x{E9}@example.net NOTIFY=NEVER", Notify.NEVER, "utf-8;josé@example.net"),
        ("ORCPT=UTF-8;a\\x{2B}b\\x{1F600}@example.net", None, "UTF-8;a+b😀@example.net"),
    ],
)
def test_rcpt_says_whom_to_tell_and_where_the_mail_went_first(
    text: str, notify: Notify | None, original: str | None
) -> None:
    assert rcpt(text) == ("ann@example.net", notify, original)


def test_an_original_recipient_outside_ascii_needs_smtputf8() -> None:
    assert rcpt("ORCPT=utf-8;josé@example.net", smtputf8=True)[2] == "utf-8;josé@example.net"
    with pytest.raises(Refused) as raised:
        rcpt("ORCPT=utf-8;josé@example.net")
    assert (raised.value.reply.code, raised.value.reply.status) == (553, "5.6.7")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("NOTIFY", "501 5.5.4 NOTIFY= is NEVER, or some of SUCCESS,FAILURE,DELAY"),
        ("NOTIFY=", "501 5.5.4 Bad parameter of RCPT: NOTIFY="),
        ("NOTIFY=NEVER,SUCCESS", "501 5.5.4 NOTIFY= is NEVER, or some of SUCCESS,FAILURE,DELAY"),
        ("NOTIFY=SUCCESS,", "501 5.5.4 NOTIFY= is NEVER, or some of SUCCESS,FAILURE,DELAY"),
        ("NOTIFY=SUCCESS,SUCCESS", "501 5.5.4 NOTIFY= is NEVER, or some of SUCCESS,FAILURE,DELAY"),
        ("NOTIFY=SUCCESS, FAILURE", "501 5.5.4 NOTIFY= is NEVER, or some of SUCCESS,FAILURE,DELAY"),
        ("NOTIFY=SOMETIMES", "501 5.5.4 NOTIFY= is NEVER, or some of SUCCESS,FAILURE,DELAY"),
        ("NOTIFY=NEVER NOTIFY=NEVER", "501 5.5.4 NOTIFY is given twice"),
        ("ORCPT", "501 5.5.4 ORCPT= is a type and an address, such as rfc822;ann@example.net"),
        ("ORCPT=ann@example.net", "501 5.5.4 ORCPT= is a type and an address, such as rfc822;ann@example.net"),
        ("ORCPT=rfc822;", "501 5.5.4 ORCPT= is a type and an address, such as rfc822;ann@example.net"),
        ("ORCPT=;ann@example.net", "501 5.5.4 ORCPT= is a type and an address, such as rfc822;ann@example.net"),
        ("ORCPT=rfc822;" + "x" * 500, "501 5.5.4 ORCPT= has at most 500 octets"),
        ("ORCPT=rfc822;a+0D+0Ab", "501 5.5.4 ORCPT= may name printable ASCII characters only"),
        ("ORCPT=rfc822;é@example.net", "501 5.5.4 ORCPT= is no xtext (RFC 3461 section 4): é@example.net"),
        ("ORCPT=utf-8;a\\x{A}b", "501 5.5.4 ORCPT= is no address of type utf-8"),
        ("ORCPT=utf-8;a\\x{0A}b", "501 5.5.4 ORCPT= may name printable characters only"),
        ("ORCPT=utf-8;a\\x{D800}b", "501 5.5.4 ORCPT= names what is no character: "),
        ("ORCPT=utf-8;a\\x{FFFFFF}b", "501 5.5.4 ORCPT= names what is no character: "),
        ("ORCPT=utf-8;a\\b", "501 5.5.4 ORCPT= is no address of type utf-8"),
        ("RRVS=2020", "555 5.5.4 RRVS is not offered for RCPT"),
    ],
)
def test_what_rcpt_must_not_say_is_explained(text: str, said: str) -> None:
    with pytest.raises(Refused) as raised:
        rcpt(text)
    assert str(raised.value.reply).startswith(said)


def test_parameters_after_helo_are_refused() -> None:
    for text in ("RET=FULL", "BY=60;N"):
        with pytest.raises(Refused, match="only after EHLO"):
            parse_mail(f"FROM:<me@example.com> {text}", esmtp=False, offers=OFFERS, now=NOW)
    with pytest.raises(Refused, match="only after EHLO"):
        parse_rcpt(
            "TO:<a@example.net> NOTIFY=NEVER", esmtp=False, offers=OFFERS, smtputf8=False, hostname="mx.example"
        )


@given(st.text(max_size=80))
def test_whatever_a_parameter_says_is_understood_or_refused(text: str) -> None:
    for name in ("RET", "ENVID", "HOLDFOR", "HOLDUNTIL", "BY", "MT-PRIORITY", "SIZE", "BODY"):
        try:
            mail(f"{name}={text}")
        except Refused as refused:
            assert refused.reply.code in (501, 555)
    for name in ("NOTIFY", "ORCPT"):
        try:
            _, _, original = rcpt(f"{name}={text}")
        except Refused as refused:
            assert refused.reply.code in (501, 553, 555)
        else:
            assert original is None or original.isprintable()


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=60))
def test_xtext_comes_back_as_it_was_meant(meant: str) -> None:
    encoded = "".join(each if "!" <= each <= "~" and each not in "+=" else f"+{ord(each):02X}" for each in meant)
    assert read_original({"ORCPT": f"rfc822;{encoded}"}, smtputf8=False) == f"rfc822;{meant}"
