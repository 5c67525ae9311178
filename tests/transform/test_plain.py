"""Links of plain texts, and what is added to them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relay.transform.plain import SEALED, rewrite_text
from relay.transform.rules import Rewritten
from tests.transform.rewriting import BASE, CLICKS, OFF, filled, plain


def test_with_all_off_nothing_changes() -> None:
    assert rewrite_text(b"https://a.example/", OFF) == Rewritten()
    assert plain("https://a.example/", replace(CLICKS, clicks_text=False)) == "https://a.example/"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See http://a.example/x now", "See CLICK:0/x now"),
        ("HTTPS://A.example", "CLICK:0/"),
        ("http://a.example/x.", "CLICK:0/x."),
        ("http://a.example/x?!", "CLICK:0/x?!"),
        ("(http://a.example/x)", "(CLICK:0/x)"),
        ("(see http://a.example/x_(y).)", "(see CLICK:0/x_%28y%29.)"),
        ("[x](http://a.example/x) [http://b.example]", "[x](CLICK:0/x) [CLICK:1/]"),
        ('"http://a.example/x", "http://b.example/y"', '"CLICK:0/x", "CLICK:1/y"'),
        ("*http://a.example/x* _http://b.example/_", "*CLICK:0/x* _CLICK:1/_"),
        ("http://a.example/id_ http://b.example/*", "CLICK:0/id_ CLICK:1/%2A"),
        ("'http://a.example/x'", "'CLICK:0/x'"),
        ("<http://a.example/x>", "<CLICK:0/x>"),
        ("<URL:http://a.example/x>", "<URL:CLICK:0/x>"),
        ("<http://a.example/x\r\n  /y?z=1>", "<CLICK:0/x/y>"),
        ("<http://a.example/x\r\nis good>", "<CLICK:0/x\r\nis good>"),
        ("“http://a.example/x”—yes", "“CLICK:0/x”—yes"),
        ("http://a.example/1\r\nhttp://a.example/1\r\n", "CLICK:0/1\r\nCLICK:1/1\r\n"),
    ],
)
def test_a_link_is_found_with_its_end(text: str, expected: str) -> None:
    assert plain(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "> http://a.example/x",
        "  >> he wrote: http://a.example/x",
        "www.a.example",
        "mailto:a@b.example ftp://a.example/",
        "xhttp://a.example/",
        "http://",
        "http://a.example/é",
        "http://a.example/文字",
        "http://a.example/{{id}}",
        "http://a.example/<%id%>",
        "http://a.example/*|ID|*",
        "https://clicks.example.com/x",
    ],
)
def test_what_is_none_or_not_for_sure_is_left_alone(text: str) -> None:
    assert plain(text) == text


def test_the_target_is_the_url_on_one_line() -> None:
    result = rewrite_text(b"<http://a.example/x\r\n  ?y=1&z=2#f>, http://b.example/?q.", CLICKS)
    assert result.targets == ("http://a.example/x?y=1&z=2#f", "http://b.example/?q")


def test_a_link_that_runs_into_a_soft_break_may_go_on_after_it() -> None:
    text = b"http://a.example/lo \r\nng and http://b.example/ \r\n"
    assert rewrite_text(text, CLICKS, delsp=True).targets == ()
    assert rewrite_text(text, CLICKS).targets == ("http://a.example/lo", "http://b.example/")


def test_quoted_lines_are_told_apart_also_behind_long_ones() -> None:
    text = b"http://a.example/1 x http://a.example/2\n> http://a.example/3 http://a.example/4\nhttp://a.example/5"
    assert [each[-1] for each in rewrite_text(text, CLICKS).targets] == ["1", "2", "5"]


def test_sparkposts_mark_in_text_keeps_its_link_and_goes() -> None:
    text = 'http://a.example/1[[data-msys-clicktrack="0"]] http://a.example/2 [[data-msys-clicktrack="0"]] http://a.example/3'
    assert plain(text) == "http://a.example/1 http://a.example/2 CLICK:0/3"
    assert plain(text, OFF, footer_text="x").startswith(text)


def test_a_scheme_that_says_not_to_track_becomes_the_one_that_was_meant() -> None:
    assert plain("https+notrack://a.example/ HTTP+NOTRACK://b.example/") == "https://a.example/ HTTP://b.example/"


def test_the_path_is_shown_as_long_as_the_line_stays_short() -> None:
    long = f"http://a.example/{'x' * 40}"
    assert plain(long) == "CLICK:0/"
    assert plain(f"{long}?{'y' * 80}") == f"CLICK:0/{'x' * 40}"
    text = f"http://a.example/{'x' * 12}".encode()
    assert len(filled(text, rewrite_text(text, CLICKS))) <= 76


def test_a_signed_text_stays_with_a_warning() -> None:
    text = b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nhttp://a.example/\r\n"
    assert rewrite_text(text, replace(CLICKS, footer_text="x")) == Rewritten(warnings=(SEALED,))


def test_no_line_to_unsubscribe_is_added_where_the_address_in_list_unsubscribe_stands() -> None:
    rules = replace(CLICKS, unsubscribe=True, skip=frozenset({"https://a.example/u"}))
    assert plain("Leave: https://a.example/u.\n", rules) == "Leave: https://a.example/u.\n"
    assert "UNSUBSCRIBE:0" in plain("All of us: https://a.example/u.php\n", rules)


def test_the_urls_of_list_unsubscribe_are_never_tracked() -> None:
    rules = replace(CLICKS, skip=frozenset({"https://a.example/u"}))
    assert plain("https://a.example/u https://a.example/u2", rules) == "https://a.example/u CLICK:0/u2"


def test_parameters_are_added_to_links_in_text() -> None:
    assert plain("http://a.example/#f.", OFF, utm=(("source", "s"),)) == "http://a.example/?utm_source=s#f."
    assert rewrite_text(b"http://a.example/", replace(CLICKS, utm=(("source", "s"),))).targets == (
        "http://a.example/?utm_source=s",
    )


@pytest.mark.parametrize(("text", "newline"), [("a\r\nb", "\r\n"), ("a\nb\n", "\n"), ("a", "\r\n"), ("", "\r\n")])
def test_a_footer_follows_the_text_in_its_line_ends(text: str, newline: str) -> None:
    ended = text if text.endswith("\n") or not text else text + newline
    assert plain(text, OFF, footer_text="F\nG\r\n") == f"{ended}{newline}F{newline}G{newline}"


def test_a_footer_is_in_the_charset_of_the_text() -> None:
    rules = replace(OFF, footer_text="Müller €")
    latin = rewrite_text("ü\r\n".encode("iso-8859-1"), rules, charset="iso-8859-1")
    assert filled("ü\r\n".encode("iso-8859-1"), latin) == "ü\r\n\r\nMüller ?\r\n".encode("iso-8859-1")
    assert latin.warnings == ("iso8859-1 lacks U+20AC, which was to be added to the text: a ? stands there",)
    assert (latin.charset, rewrite_text("ü".encode(), rules).charset) == ("", "")


def test_an_ascii_text_with_another_footer_asks_for_utf8() -> None:
    result = rewrite_text(b"x\r\n", replace(OFF, footer_text="Müller"), charset="us-ascii")
    assert (filled(b"x\r\n", result).decode(), result.charset) == ("x\r\n\r\nMüller\r\n", "utf-8")
    assert rewrite_text(b"x\r\n", replace(OFF, footer_text="Miller"), charset="us-ascii").charset == ""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", "Unsubscribe: UNSUBSCRIBE:0/unsubscribe"),
        ("No more of it", "No more of it: UNSUBSCRIBE:0/unsubscribe"),
        ("Go to %unsubscribe_url% now", "Go to UNSUBSCRIBE:0/unsubscribe now"),
        ("Leave: <% %>.", "Leave: UNSUBSCRIBE:0/unsubscribe."),
        ("To <% leave %>!", "To leave UNSUBSCRIBE:0/unsubscribe!"),
        ("Leave:\n[u]\nBye\n", "Leave:\r\nUNSUBSCRIBE:0/unsubscribe\r\nBye"),
    ],
)
def test_a_line_to_unsubscribe_stands_at_the_end(line: str, expected: str) -> None:
    rules = replace(CLICKS, unsubscribe=True, unsubscribe_text=line, unsubscribe_marker="[u]")
    assert plain("x\r\n", rules) == f"x\r\n\r\n{expected}\r\n"


def test_the_senders_marks_become_urls_and_no_line_is_added() -> None:
    rules = replace(CLICKS, unsubscribe=True, unsubscribe_marker="[u]", view_online=True, view_marker="[v]")
    assert plain("[v] http://x.example/[u]\n<[u]>", rules) == (
        "VIEW:0/view http://x.example/UNSUBSCRIBE:0/unsubscribe\n<UNSUBSCRIBE:0/unsubscribe>"
    )


def test_a_line_to_see_it_online_stands_on_top() -> None:
    assert plain("x", OFF, view_online=True) == "View this message in your browser:\r\nVIEW:0/view\r\n\r\nx"


def test_our_links_begin_with_the_base() -> None:
    assert filled(b"http://a.example", rewrite_text(b"http://a.example", CLICKS)).startswith(BASE + b"/CLICK_000")
