"""The template language, row by row: what each construct means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from relay.transform.merge import TemplateError, compile

DATA: Mapping[str, Any] = {
    "name": "John",
    "NAME": "upper",
    "age": 42,
    "zero": 0,
    "empty": "",
    "text": "10",
    "pi": 3.25,
    "yes": True,
    "no": False,
    "nothing": None,
    "total-price": 10,
    "under_score": "u",
    "list": ["a", "b", "c"],
    "none": [],
    "team": [{"name": "Ronaldo", "price": 3}, {"name": "Messi", "price": 7}],
    "shop": {"city": "Delft", "open-at": "9", "4": "four", "list": [1, 2]},
    "deep": {"bar": {"baz": ["x", "y", {"end": "here"}]}},
}


def rendered(source: str) -> str:
    return compile(source).render(DATA)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Hi {$name}!", "Hi John!"),
        ("{$NAME}", "upper"),  # names know case
        ("{$missing}{$nothing}|", "|"),
        ("{$age} {$pi} {$yes} {$no} {$list}|", "42 3.25 true false |"),
        ("{$list[0]}{$list[2]}{$list[9]}{$list[-1]}", "ac"),
        ("{$shop.city} {$shop['city']}", "Delft Delft"),
        ("{$shop[0]}", "Delft"),  # an object by position
        ("{$shop[4]}", "four"),  # but a key of that name first
        ("{$deep.bar.baz[0]} {$deep.bar.baz[2].end}", "x here"),
        ("{$team[1].name} {$list[$zero + 1]}", "Messi b"),
        ("{$name.member}{$name[0]}{$age.x}", ""),
        ("{ $name } {\t$name}", "{ $name } {\t$name}"),  # white space behind a brace: no construct
        ("{$name }", "John"),
        ("{\"it\"} {'is'} {12} {1.50} {true}", "it is 12 1.5 true"),
        ('{"a \\"quoted\\" word"} {"\\d"}', 'a "quoted" word \\d'),
        ("}", "}"),
        ("{", "{"),
        ("a {\n b", "a {\n b"),
    ],
)
def test_variables_members_and_elements(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{$total_price}", "10"),  # written with a dash in the data
        ("{$total-price}", "10"),
        ("{$under_score} {$under-score}", "u u"),
        ("{$shop.open_at}{$shop.open-at}", "99"),
        ("{$age-2}", "40"),  # a digit behind a dash: a minus
        ("{$age - 2}", "40"),
        ("{$age-$text}", "32"),
    ],
)
def test_dashes_and_underscores_in_names(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{$age + 1} {$age - 1} {$age * 2}", "43 41 84"),
        ("{$age / 4} {$age / 2} {$age % 5} {-7 % 3}", "10.5 21 2 -1"),
        ("{1 + 2 * 3} {(1 + 2) * 3} {10 - 2 - 3} {-$age + 2}", "7 9 5 -40"),
        ("{$text + 1} {$missing + 1} {$name + 1} {$list + 1}", "11 1 1 1"),
        ("{$pi * 2} {0.1 + 0.2} {$yes + 1}", "6.5 0.3 2"),
        ("{7.5 % 2} {1.0 + 1}", "1.5 2"),
        ("{9223372036854775807 + 1}", "9.22337203685478e+18"),
    ],
)
def test_arithmetic(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize(
    "condition",
    [
        "$name",
        "$age",
        "$name == 'John'",
        '$name == "John" AND $age == 42',
        "$text == 10",
        "$text == '10'",
        "$empty == ''",
        "$missing == ''",
        "$missing == 0",
        "$age != 41",
        "$age <> 41",
        "$age > 41",
        "$age >= 42",
        "$age < 43",
        "$age <= 42",
        "$text > 9",
        "'b' > 'a'",
        "'10' > '9'",  # both are numbers
        "$age eq 42 and $age ne 1 and $age gt 1 and $age lt 99 and $age ge 42 and $age le 42",
        "$name EQ 'John' && not $empty",
        "$zero || $name",
        "!$zero",
        "not $missing",
        "not not $name",
        "not $age == 41",
        "$name =~ '^J'",
        '$name =~ "o.n"',
        "not $name =~ '^x'",
        "$yes == true",
        "$no == false",
        "$list",
        "$list|count == 3",
        "$age > 40 OR $missing / 0",  # the right side is not looked at
        "$zero AND $missing / 0 OR $name",
        "$list == $list",
        "$team == $team",
        "$deep == $deep",
        "$age - 2 == 40",
        "($zero OR $age) AND $name",
    ],
)
def test_conditions_that_hold(condition: str) -> None:
    assert rendered(f"{{if {condition}}}true{{else}}false{{/if}}") == "true"


@pytest.mark.parametrize(
    "condition",
    [
        "$empty", "$zero", "$missing", "$no", "$none", "'0'", "not $name", "$name == 'john'", "'10' == '10.0'",
        "$age > 42", "$name AND $zero", "$zero OR $empty", "$name =~ '^john'", "'b' < 'a'", "$list == $none",
        "$missing > $age", "!$name", "$list == 'a'", "$team == $list",
        "$shop == $deep", "$deep.bar.baz == $list",
    ],
)  # fmt: skip
def test_conditions_that_do_not_hold(condition: str) -> None:
    assert rendered(f"{{if {condition}}}true{{else}}false{{/if}}") == "false"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{if $name == 'John'}Hello John{/if}", "Hello John"),
        ("{if $zero}a{elseif $empty}b{elseif $age}c{else}d{/if}", "c"),
        ("{if $zero}a{elseif $empty}b{else}d{/if}", "d"),
        ("{if $zero}a{/if}|", "|"),
        ("{IF $age}{If $zero}x{ELSE}y{/IF}{/if}", "y"),
        ("{if $age}a{endif}b", "ab"),
    ],
)
def test_if(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{foreach $x in $list}{$x},{/foreach}", "a,b,c,"),
        ("{foreach $list as $x}{$x},{/foreach}", "a,b,c,"),
        ("{foreach $list as $k => $v}{$k}{$v} {/foreach}", "0a 1b 2c "),
        ("{foreach $shop as $k => $v}{$k};{/foreach}", "city;open-at;4;list;"),
        ("{foreach $p in $team}{$p.name} {/foreach}", "Ronaldo Messi "),
        ("{foreach $x in $none}x{foreachelse}none{/foreach}", "none"),
        ("{foreach $x in $missing}x{foreachelse}none{/foreach}", "none"),
        ("{foreach $x in $name}x{foreachelse}none{/foreach}", "none"),
        ("{foreach $x in $list}{$x}{foreachelse}none{/foreach}", "abc"),
        ("{foreach $a in $list}{foreach $b in $shop.list}{$a}{$b} {/foreach}{/foreach}", "a1 a2 b1 b2 c1 c2 "),
        ("{foreach $x in $list|range:1:2}{$x}{/foreach}", "b"),
        ("{FOREACH $x IN $list}{$x}{/FOREACH}", "abc"),
        ("{foreach $player in $list}{$player}\n{/foreach}", "a\nb\nc\n"),  # white space stays as it stands
    ],
)
def test_foreach(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{assign $name to $x}{$x}", "John"),
        ("{assign $age + 1 to $x}{$x}{$age}", "4342"),
        ("{$x = $age * 2}{$x}", "84"),
        ("{assign 'Mary' to $name}{$name}", "Mary"),
        (
            "{foreach $i in $team}{assign $total + $i.price to $total}{if $i.price > $top.price}{assign $i to $top}"
            "{/if}{/foreach}{$total} {$top.name}",
            "10 Messi",
        ),
    ],
)
def test_assign(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{ldelim}$name{rdelim}", "{$name}"),
        ("{literal}{$name} {if}{/literal}{$name}", "{$name} {if}John"),
        ("{LITERAL}{x}{/Literal}", "{x}"),
        ("<head>[ldelim]x[rdelim]</head>[ldelim]", "<head>{x}</head>[ldelim]"),
        ("<style>p{color:red}a{b:c}</style>{$name}", "<style>p{color:red}a{b:c}</style>John"),
        ("<STYLE media=x>p{color:{$name}}{if $age}a{/if}</style>", "<STYLE media=x>p{color:John}a</style>"),
        ('<script>var a={"b":{}};if(x){y()}</script>{$age}', '<script>var a={"b":{}};if(x){y()}</script>42'),
        ("<style>p{a:b}", "<style>p{a:b}"),
    ],
)
def test_braces_that_are_no_constructs(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{hash($name, 'md5')}", "61409aa1fd47d4a5332de23cbf59a36f"),
        ('{hash($name, "sha256")}', "a8cfcd74832004951b4408cdb0a5dbcd8c7e52d43f7fe244bf720582e05241da"),
        ("{if hash($list, 'SHA1') == hash('abc', 'sha1')}same{/if}", "same"),  # over all values, without keys
    ],
)
def test_hash(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{'<b>'}", "<b>"),
        ("{escape}{'<b>'} {'<i>'|escape} {'<u>'|escape:'null'}", "&lt;b&gt; &lt;i&gt; <u>"),
        ("{mode=html}{'a&b'}", "a&amp;b"),
        ("{mode=raw}{'a&b'}", "a&b"),
        ("{mode = url}{'a b'}", "a+b"),
    ],
)
def test_escaping_is_automatic_only_where_it_was_switched_on(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize(
    ("source", "line", "column", "said"),
    [
        ("{foo}", 1, 1, "there is no construct {foo"),
        ("a\n {nope $x}", 2, 2, "there is no construct {nope"),
        ("{}", 1, 1, "there is no construct {}"),
        ("{{name}}", 1, 1, "there is no construct {{"),
        ("{$name", 1, 1, "no closing brace"),
        ("{$na me}", 1, 6, "expected the end of the construct, not 'me'"),
        ("{$1a}", 1, 2, "a name begins with a letter"),
        ("{$a +}", 1, 6, "expected a value, not the end of it"),
        ("{$a ? 1}", 1, 5, "'?' has no meaning here"),
        ('{"abc}', 1, 2, "without its closing quote"),
        ("{if $a}x", 1, 1, "{if} is not closed by {/if}"),
        ("x\n{foreach $a in $b}", 2, 1, "{foreach} is not closed by {/foreach}"),
        ("{/if}", 1, 1, "{/if} stands outside of any block"),
        ("{if $a}{/foreach}{/if}", 1, 8, "{/foreach} stands inside {if}"),
        ("{else}", 1, 1, "{else} stands outside of any block"),
        ("{if $a}{else}{else}{/if}", 1, 14, "{else} stands after {else}"),
        ("{foreach $a in $b}{foreachelse}{foreachelse}{/foreach}", 1, 32, "a second {foreachelse}"),
        ("{foreach $a}{/foreach}", 1, 12, "expected `as $name`"),
        ("{assign $a}", 1, 11, "expected `to $name`"),
        ("{if}{/if}", 1, 4, "expected a value"),
        ("{literal}{$x}", 1, 1, "{literal} is not closed"),
        ("{nofunction(1)}", 1, 1, "there is no construct {nofunction"),
        ("{1 + nofunction(1)}", 1, 6, "there is no function nofunction"),
        ("{hash($a)}", 1, 2, "hash() takes a text and the name of an algorithm"),
        ("{$a|escape:'sgml'}", 1, 5, "escape knows html, url, base64, json, null"),
        ("{$a|replace:'x'}", 1, 5, "the modifier replace takes two texts"),
        ("{$a =~ $b}", 1, 8, "a pattern has to be written out"),
        ("{$a =~ '(?=x)'}", 1, 8, "(?=x, which is not known here"),
        ("{$a|regex_replace:'[':''}", 1, 5, "no closing bracket"),
        ("x{escape}", 1, 2, "{escape} can only be the first thing"),
        ("{mode=latin}", 1, 1, "there is no mode latin"),
        ("{" + "(" * 60 + "1" + ")" * 60 + "}", 1, 22, "nested over 20 levels"),
        ("{" + "-" * 60 + "1}", 1, 22, "nested over 20 levels"),
        ("{$a" + ".b" * 101 + "}", 1, 205, "over 100 modifiers, members and comparisons"),
        ("{$a" + "|upper" * 101 + "}", 1, 605, "over 100 modifiers"),
        ("{1" + " == 1" * 101 + "}", 1, 504, "over 100 modifiers"),
        ("{1" + " + 1" * 1000 + "}", 1, 2, "a construct of over 2000 words and signs"),
        ("{$a[" * 60, 1, 5, "'{' has no meaning here"),
    ],
)
def test_what_cannot_be_compiled_is_told_with_its_place(source: str, line: int, column: int, said: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile(source)
    assert (caught.value.line, caught.value.column) == (line, column), str(caught.value)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_modifier_that_does_not_exist_has_no_effect() -> None:
    assert rendered("{$name|no_such:1:'b'|upper}") == "JOHN"


def test_names_that_are_asked_for_are_known() -> None:
    assert compile("{if $a}{$b.c|default:$d}{/if}{foreach $x in $list}{/foreach}").variables == {
        "a",
        "b",
        "d",
        "x",
        "list",
    }


def test_a_source_without_meaning_is_told_from_one_with() -> None:
    assert not compile("plain { text } }").changes
    assert not compile("<style>a{b:c}</style>").changes
    assert compile("{ldelim}").changes
    assert compile("{literal}{/literal}").changes
    assert compile("{$x}").changes
