"""Rules of style sheets get into `style` attributes, and change nothing for those who read style sheets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.transform import css
from relay.transform.css import Inlined, inline
from relay.transform.edit import fill, splice
from relay.transform.html.spans import scan

PIECES = b"""<style>|</style>|<style media=print>|p|a|.x|#y|:hover|::before|:not(.x)|[style]|[style*="color"]|>| |,|~\
|*|{|}|{color:red}|{color:blue!important}|{margin:1px;margin-top:2px}|{margin:0 !important}|;|@media x{|@import 'x'\
|@font-face{|/*|*/|"|'|\\|(|)|<p>|<p class=x>|<a style="color:red">|<a id=y style='margin:1px'>|<p style=color:red>\
|</p>|<!--[if mso]>|<![endif]-->|-->|\xe9|&amp;"""
SOUP = st.lists(st.sampled_from(PIECES.split(b"|")), max_size=30).map(b"".join)


def styled(sheet: str, body: str) -> str:
    """The body after inlining, behind its style sheet."""
    text = f"<style>{sheet}</style>{body}".encode()
    return inline(text).text.decode().partition("</style>")[2]


@given(SOUP)
def test_nothing_but_style_attributes_and_importance_is_added(text: bytes) -> None:
    done = inline(text)
    assert done.text == fill(splice(text, done.edits), lambda hole: b"")
    before, after = scan(text).tags, scan(done.text).tags
    assert [each.name for each in before] == [each.name for each in after]
    for one, two in zip(before, after, strict=True):
        others = [
            [
                (each.name, tag.text[each.value_start : each.value_end])
                for each in tag.attributes
                if each.name != b"style"
            ]
            for tag in (one, two)
        ]
        assert others[0] == others[1]
        assert (two.value(b"style") or b"").endswith((one.value(b"style") or b"").strip())


def test_declarations_stand_in_the_order_of_their_weight_before_what_was_there() -> None:
    sheet = "#i{top:4px} .c{margin-top:3px} p{margin-top:2px;margin:1px;top:0} p.c{margin:5px}"
    assert styled(sheet, '<p id=i class=c style="left:0">') == (
        '<p id=i class=c style="margin-top: 3px; margin: 5px; top: 4px; left:0">'
    )


def test_what_an_attribute_says_already_is_not_repeated_but_overridden_by_what_is_important() -> None:
    assert styled("p{color:red;top:0}", "<p style='color:blue'>") == "<p style='top: 0; color:blue'>"
    assert (
        styled("p{color:red!important}", '<p style="color:blue">') == '<p style="color: red !important; color:blue">'
    )


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("<P CLASS=x>", '<P style="font: 1px &quot;A&quot;" CLASS=x>'),
        ("<p style='top:0'>", "<p style='font: 1px \"A\"; top:0'>"),
        ('<p style="">', '<p style="font: 1px &quot;A&quot;">'),
        ("<p style=top:0>", '<p style="font: 1px &quot;A&quot;; top:0">'),
    ],
)
def test_every_way_of_quoting_takes_declarations(given: str, written: str) -> None:
    assert styled('p{font:1px\n"A"}', given) == written


def test_two_values_for_older_and_newer_clients_stay_together() -> None:
    assert styled("p{color:red} p{color:#000;color:rgba(0,0,0,.5)}", "<p>") == (
        '<p style="color: #000; color: rgba(0,0,0,.5)">'
    )


def test_a_state_that_comes_later_becomes_important_and_keeps_working() -> None:
    text = b"<style>a{color:blue} a:hover{color:red}</style><a>x</a>"
    assert inline(text).text == (
        b'<style>a{color:blue} a:hover{color:red !important}</style><a style="color: blue">x</a>'
    )


def test_a_media_rule_that_comes_later_becomes_important_and_keeps_working() -> None:
    text = b"<style>p{width:600px} @media (max-width:9px){p{width:100%;top:0}}</style><p>"
    assert b"p{width:100% !important;top:0}" in inline(text).text
    assert inline(text).text.endswith(b'<p style="width: 600px">')


@pytest.mark.parametrize(
    "sheet",
    [
        "p{top:0} .x:hover{top:1px}",  # one of them says `top` itself, and would be overridden
        "p{top:0} p:hover, p.y{top:1px}",  # the list has a rule that always applies
        "p{top:0} p:hover{top:1px} p.y{top:2px}",  # another one is above it
        "p{top:0} p:is(:hover){top:1px}",  # its weight is not known
        "p{top:0} [data-ogsc] p{top:1px}",  # a client's own attribute
        "p{top:0} p:hover{top:1px} :where(p){top:2px!important}",
        "p{top:0} @layer q{p{top:1px}}",  # there, what is important is above all
        "p{top:0; & em{top:1px}}",  # a rule within a rule
        "p{top:0} p:hover{top:1px} @keyframes k{from{top:0}}",
    ],
)
def test_where_importance_would_decide_something_else_anew_the_declaration_stays_out(sheet: str) -> None:
    body = '<p class=x style="top:3px"><p class="x z"><p class=y>'
    text = f"<style>{sheet}</style>{body}".encode()
    assert inline(text).text.count(b"important") == text.count(b"important")
    assert inline(text).text.decode().partition("</style>")[2].partition('<p class="x z"')[1]


def test_what_stays_out_keeps_out_what_it_is_above() -> None:
    sheet = "p{margin:1px;left:0} p.y{margin-top:2px} p.y:is(:hover){margin-top:3px}"
    assert styled(sheet, "<p class=y><p>") == '<p style="left: 0" class=y><p style="margin: 1px; left: 0">'


def test_what_is_important_both_times_is_added_without_importance() -> None:
    sheet = ".w{width:600px!important} @media x{.w{width:100%!important}}"
    assert styled(sheet, "<p class=w>") == '<p style="width: 600px" class=w>'


def test_what_loses_its_importance_takes_it_from_what_it_is_above() -> None:
    sheet = "p{margin:1px!important} p.y{margin-top:2px!important} @media x{p.y{margin-top:3px!important}}"
    assert styled(sheet, "<p class=y>") == '<p style="margin: 1px; margin-top: 2px" class=y>'


def test_an_attribute_selector_on_style_tells_no_difference() -> None:
    assert styled("p{top:0} p[style]{left:0}", "<p>") == "<p>"
    assert styled("p{top:0} p[style]{left:0}", '<p style="x:y">') == '<p style="top: 0; left: 0; x:y">'
    assert styled('p{margin:1px} [style*="margin: 1px"]{margin:0}', "<p>") == "<p>"


def test_rules_for_print_and_boxes_of_their_own_are_not_inlined() -> None:
    text = (
        b"<style media=print>p{top:0}</style><style>p::before{left:0} p:after{left:0} p:visited{top:1px}</style><p>"
    )
    assert inline(text) == Inlined(text)


def test_conditional_comments_stay_as_they_are() -> None:
    comment = b"<!--[if mso]><style>p{top:0}</style><p>x</p><![endif]-->"
    text = comment + b"<style>p{left:0}</style><p><![if !mso]><p><![endif]>"
    assert inline(text).text == (
        comment + b'<style>p{left:0}</style><p style="left: 0"><![if !mso]><p style="left: 0"><![endif]>'
    )


def test_a_linked_style_sheet_is_told_of_and_not_loaded() -> None:
    assert inline(b'<link rel=stylesheet href="http://x.example/y.css">').warnings == (
        "linked style sheets are not inlined: http://x.example/y.css",
    )
    assert not inline(b'<link rel=stylesheet href="https://fonts.example/css?family=X">').warnings


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"<style>p{top:0}</style>" + b"x" * css.HTML, "the HTML is over"),
        (b"<style>" + b" " * (css.CSS + 1) + b"</style>", "style sheets are over"),
        (b"<style>" + b"p{top:0}" * (css.RULES + 1) + b"</style>", "rules"),
        (b"<style>p{top:0}</style>" + b"<p>" * css.TAGS, "too many"),
        (b"<style>" + b"p{top:0}" * 2000 + b"</style>" + b"<p>" * 3000, "too many"),
        (b"<style>p{top:0}</style>" + b"<div>" * 9_000, "deeper"),
        (b"<style>p{top:0}</style>" + b"<div><table></div>" * 900, "deeper"),
        (b"<style>p{top:0}</style><svg>" + b"<td>" * 9_000, "deeper"),
        (b"<style>p{top:0}" + b"@media x{" * 40 + b"</style><p>", "deeper"),
        (b"<style>.q~i{top:0}</style>" + b"<i></i>" * 5_000 + b"<p class=q>", "~"),
        (b"<style>" + b"p{top:0}" * 3_000 + b"</style>" + b"<p>" * 100, "may apply"),
        (b"<style>" + b"[style*=x]{top:0}" * 900 + b"</style>" + b"<p style=x>" * 200, "may apply"),
        (b"<style>p{" + b"".join(b"a%d:1;" % n for n in range(9_000)) + b"}</style>" + b"<p>" * 500, "add over"),
        (b"<style>" + b"p{top:0}p:hover{top:1px}" * 1500 + b"</style><p><p id=x>", "too often"),
    ],
)
def test_what_is_made_to_be_a_burden_is_left_with_a_warning(text: bytes, told: str) -> None:
    done = inline(text)
    assert done.text == text
    [warning] = done.warnings
    assert "not inlined" in warning and told in warning


@pytest.mark.parametrize(
    "piece", [b"{", b"}", b"p{", b"@media x{", b"a:not(", b'"', b"/*", b"url(", b"[style", b"p,", b"\\", b"p{a:b"]
)
def test_hostile_sheets_cost_no_more_than_their_length(piece: bytes) -> None:
    text = b"<style>p{top:0} " + (piece * css.CSS)[: css.CSS // 4] + b"</style><p>"
    assert inline(text).text.startswith(b"<style>p{top:0")


def test_a_document_type_behind_a_tag_hides_no_element() -> None:
    text = b"<html><!DOCTYPE html><style>html{top:0} p{left:0}</style><p>"
    assert inline(text).text == (
        b'<html style="top: 0"><!DOCTYPE html><style>html{top:0} p{left:0}</style><p style="left: 0">'
    )
