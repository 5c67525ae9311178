"""What a template may cost, and that nothing but data can be reached by it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from relay.transform.merge import Limits, TemplateError, compile, render_header

SMALL = Limits(source=1000, output=1000, steps=1000, nesting=4, constructs=20)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{foreach $a in $many}{foreach $b in $many}x{/foreach}{/foreach}", "over the limit of 1000 steps"),
        ("{foreach $a in $many}{$text}{/foreach}", "the output is over the limit of 1000 characters"),
        ("{$text|replace:'x':'0123456789012345678901234567890'}", "a text over the limit of 1000 characters"),
        ("{$text|spacify:'0123456789012345678901234567890'}", "a text over the limit"),
        ("{$text|indent:100000}", "a text over the limit"),
        ("{$text|indent:99:'0123456789'|indent:99:'0123456789'}", "a text over the limit"),
        ("{foreach $a in $many}{assign $x|cat:'0123456789012345678901234567890' to $x}{/foreach}", "over the limit"),
        ("{foreach $a in $many}{assign ($y + 2) * ($y + 2) to $y}{/foreach}", "too large to count with"),
        ("{$text|regex_replace:'x':'0123456789012345678901234567890'}", "a text over the limit"),
        ("{1 / 0}", "division by zero"),
        ("{5 % $missing}", "division by zero"),
        ("{$huge + 1}", "too large to count with"),
        ("{hash('a', $text)}", "hash() knows"),
        ("{foreach $a in $many}{if $many == $many}{/if}{/foreach}", "over the limit of 1000 steps"),
    ],
)
def test_a_rendering_over_a_limit_ends_with_the_place(source: str, said: str) -> None:
    data = {"many": list(range(100)), "text": "x" * 60, "huge": 10**400}
    with pytest.raises(TemplateError, match="line 2, column") as caught:
        compile("\n" + source, SMALL).render(data, SMALL)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x" * 1001, "a template of 1001 characters, over the limit of 1000"),
        ("{$a}" * 21, "a template of over 20 constructs"),
        ("{if 1}" * 6, "blocks nested over 4 levels"),
    ],
)
def test_a_template_over_a_limit_is_not_compiled(source: str, said: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile(source, SMALL)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "{$o.__class__}", "{$o['__class__']}", "{$text.upper}", "{$text.__len__}", "{$list.append}", "{$o.keys}",
        "{$o.items}", "{$list[0].real}",
    ],
)  # fmt: skip
def test_attributes_of_values_cannot_be_reached(source: str) -> None:
    assert compile(source).render({"o": {"a": 1}, "text": "t", "list": [1]}) == ""


def test_words_of_python_are_no_constructs() -> None:
    for source in (
        "{__import__('os')}",
        "{exec('1')}",
        "{eval('1')}",
        "{open('/etc/passwd')}",
        "{lambda}",
        "{$a.b()}",
    ):
        with pytest.raises(TemplateError):
            compile(source)


def test_data_is_never_a_template() -> None:
    assert compile("{$a}{$b}").render({"a": "{$b}", "b": "{if 1}"}) == "{$b}{if 1}"


def test_assigning_leaves_the_data_as_it_is() -> None:
    data: dict[str, Any] = {"a": 1}
    template = compile("{assign 2 to $a}{assign 3 to $b}{$a}{$b}")
    assert [template.render(data), template.render(data)] == ["23", "23"]
    assert data == {"a": 1}


def test_several_threads_render_one_template_at_once() -> None:
    template = compile("{foreach $i in $l}{assign $n + $i to $n}{/foreach}{$n}")
    found: list[str] = []
    threads = [threading.Thread(target=lambda k=k: found.append(template.render({"l": [k] * 200}))) for k in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert sorted(found, key=int) == [str(200 * k) for k in range(8)]


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\0", "\x1b"])
def test_a_line_end_in_the_value_of_a_header_field_is_refused(end: str) -> None:
    template = compile("Hello {$name}")
    assert render_header(template, {"name": "Jörg"}) == "Hello Jörg"
    with pytest.raises(TemplateError, match="header field cannot have a line end"):
        render_header(template, {"name": f"a{end}Bcc: b@example.net"})


def test_half_a_character_in_the_data_is_refused() -> None:
    with pytest.raises(TemplateError, match="surrogate"):
        compile("{$a}").render({"a": "\ud800"})
    for how in ("urlencode", "md5", "base64_encode", "escape:'url'"):
        assert compile("{$a|" + how + "}").render({"a": "\ud800"})


def test_the_deepest_there_can_be_is_rendered() -> None:
    nested = "(" * 18 + "$l" + "[0]" * 50 + "|upper" * 49 + ")" * 18
    long = "{1" + " + 1" * 900 + "}{if 1" + " and not 0" * 600 + "}x{/if}"
    source = "{if 1}" * 31 + "{" + nested + "}" + long + "{/if}" * 31
    assert compile(source).render({"l": "a"}) == "901x"


def test_deeply_nested_data_breaks_nothing() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    twin: Any = []
    for _ in range(100_000):
        twin = [twin]
    try:
        for source in ("{$a|md5}", "{$a == $a}", "{$a|jsonencode}", "{if $a == $b}x{/if}"):
            try:
                compile(source).render({"a": deep, "b": twin})
            except TemplateError as error:
                assert "nested too deeply" in str(error) or "steps" in str(error)
        assert compile("{$a|jsondecode}").render({"a": "[" * 100_000}) == ""
    finally:
        for each in (deep, twin):  # taken apart one by one: dropping it whole would recurse
            while each:
                each = each.pop()
