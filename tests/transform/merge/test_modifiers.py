"""Modifiers, one by one, as the table of the documentation has them."""

from __future__ import annotations

from typing import Any

import pytest

from relay.transform.merge import compile
from relay.transform.merge.modifiers import MODIFIERS

NOW = 1_772_366_400.0  # 2026-03-01 12:00 UTC


def modified(value: Any, how: str) -> str:
    return compile("{$v|" + how + "}").render({"v": value}, clock=lambda: NOW)


@pytest.mark.parametrize(
    ("value", "how", "text"),
    [
        ("Hello", "base64_encode", "SGVsbG8="),
        ("ü", "base64_encode", "w7w="),
        ("SGVsbG8=", "base64_decode", "Hello"),
        ("SGVsbG8", "base64_decode", "Hello"),
        ("!", "base64_decode", ""),
        ("big small 2nd", "capitalize", "Big Small 2nd"),
        ("a1b c", "capitalize:true", "A1b C"),
        ("a1b c", "capitalize", "a1b C"),
        ("a", "cat:'b'", "ab"),
        ([1], "cat:'b'", "b"),
        ([1, 2], "count", "2"),
        ({"a": 1}, "count", "1"),
        ("text", "count", "0"),
        ("añb", "count_characters", "3"),
        ([1], "count_characters", "0"),
        ("a\nb\r\nc", "count_paragraphs", "2"),
        ("one two,  - three", "count_words", "3"),
        ([1], "count_words", "0"),
        (None, "default:'customer'", "customer"),
        ("", "default:'customer'", "customer"),
        ("Ann", "default:'customer'", "Ann"),
        (0, "default:5", "0"),
        (None, "default:-5", "-5"),
        ("", "empty", "true"),
        ("x", "empty", "false"),
        ([], "empty", "true"),
        ("<a href='x'>\"&\"", "escape", "&lt;a href=&#39;x&#39;&gt;&quot;&amp;&quot;"),
        ("<", "escape:'html'", "&lt;"),
        ("a b/ü", "escape:'url'", "a+b%2F%C3%BC"),
        ("Hi", "escape:'base64'", "SGk="),
        ('a"b\n</x>', "escape:'json'", 'a\\"b\\n<\\/x>'),
        ("<", "escape:'null'", "<"),
        ("a\nb", "indent", " a\n b"),
        ("a\nb", "indent:2:'-'", "--a\n--b"),
        ("x", "indent:-1", "x"),
        ('{"a": [1, "b"]}', "jsondecode|count", "1"),
        ("{broken", "jsondecode|default:'no'", "no"),
        ({"a": [1, "ü", None, True]}, "jsonencode", '{"a":[1,"ü",null,true]}'),
        ("ABC", "lower", "abc"),
        ("ABC", "tolower", "abc"),
        ("abc", "upper", "ABC"),
        ("abc", "toupper", "ABC"),
        ("Hello", "md5", "8b1a9953c4611296a827abf8c47804d7"),
        (["Hel", ["lo"]], "md5", "8b1a9953c4611296a827abf8c47804d7"),
        ("a\nb\r\nc", "nl2br", "a<br />\nb<br />\r\nc"),
        (1234567.891, "number_format:2:',':'.'", "1.234.567,89"),
        ("1234.5", "number_format:2", "1234.50"),
        (1999.5, "number_format", "2000"),
        (["a", "b", "c", "d"], "range:1:3|jsonencode", '["b","c"]'),
        (["a", "b", "c"], "range:1|jsonencode", '["b","c"]'),
        ({"x": 1, "y": 2}, "range:0:1|jsonencode", '{"x":1}'),
        ("text", "range:0:2", "text"),
        ("call 112 now", "regex_replace:'\\d':'n'", "call nnn now"),
        ("hi hi", "replace:'hi':'hello'", "hello hello"),
        ("hi", "replace:'':'x'", "hi"),
        ("abc", "sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("abc", "sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("abc", "sha512|substr:0:8", "ddaf35a1"),
        ("abc", "spacify", "a b c"),
        ("abc", "spacify:'.'", "a.b.c"),
        ("abc", "strlen", "3"),
        ([1], "strlen", "0"),
        ("Hello world!", "strstr:' ':true", "Hello"),
        ("Hello world!", "strstr:'w':false", "world!"),
        ("Hello world!", "strstr:'w'", "world!"),
        ("Hello", "strstr:'x'", ""),
        ("hello", "strpos:'l'", "2"),
        ("hello", "strpos:'x'", "-1"),
        ("0123456789", "substr:2", "23456789"),
        ("0123456789", "substr:4:3", "456"),
        ("0123456789", "substr:-3", "789"),
        (" \t\r\n\0\vx y ", "trim", "x y"),
        ("xxaxx", "trim:'x'", "a"),
        ("short", "truncate", "short"),
        ("x" * 100, "truncate", "x" * 77 + "..."),
        ("one two three four", "truncate:12", "one two..."),
        ("one two three four", "truncate:12:'...':true", "one two t..."),
        ("one two three four", "truncate:11:'!'", "one two!"),
        ("one two", "truncate:0", ""),
        ("one two", "truncate:2:'....'", ".."),
        ("élan", "ucfirst", "Élan"),
        ("a b&c/ü~", "urlencode", "a+b%26c%2F%C3%BC~"),
        ("a+b%20c%C3%BC%zz", "urldecode", "a b cü%zz"),
        ("JOHN DOE", "tolower|ucfirst", "John doe"),
        (["a"], "escape|count", "1"),
        (["a"], "upper|replace:'a':'b'|indent|nl2br|jsonencode", '["a"]'),
    ],
)  # fmt: skip
def test_a_modifier_gives(value: Any, how: str, text: str) -> None:
    assert modified(value, how) == text


@pytest.mark.parametrize(
    ("value", "how", "text"),
    [
        (0, "date_format", "Jan  1, 1970"),
        ("1772366400", "date_format:'%Y-%m-%d %H:%M:%S'", "2026-03-01 12:00:00"),
        ("2026-03-01", "date_format:'%A %d %B %Y'", "Sunday 01 March 2026"),
        ("2026-03-01T23:30:00-02:00", "date_format:'%F %R'", "2026-03-02 01:30"),
        ("Sun, 01 Mar 2026 12:00:00 +0100", "date_format:'%T %Z'", "11:00:00 UTC"),
        ("now", "date_format:'%s'", "1772366400"),
        ("today", "date_format:'%F %T'", "2026-03-01 00:00:00"),
        ("tomorrow 14:30", "date_format:'%F %R'", "2026-03-02 14:30"),
        ("yesterday noon", "date_format:'%F %R'", "2026-02-28 12:00"),
        ("+2 days", "date_format:'%F'", "2026-03-03"),
        ("3 weeks ago", "date_format:'%F'", "2026-02-08"),
        ("2026-01-31 +1 month", "date_format:'%F'", "2026-02-28"),
        ("2024-02-29 -1 year", "date_format:'%F'", "2023-02-28"),
        ("2026-03-01 +1 day -2 hours", "date_format:'%F %H'", "2026-03-01 22"),
        ("2026-03-01", "date_format:'%j %U %W %V %u %w %y %e %I %p %% %q'", "060 09 08 09 7 0 26  1 12 AM % %q"),
        ("next thing", "date_format", "next thing"),  # no moment: it stays as it is
        ("9999-12-31 +1 year", "date_format", "9999-12-31 +1 year"),
        ("", "date_format", ""),
    ],
)
def test_dates(value: Any, how: str, text: str) -> None:
    assert modified(value, how) == text


def test_every_modifier_takes_every_kind_of_value() -> None:
    for name, modifier in MODIFIERS.items():
        arguments = ":'a'" * modifier.least
        values: list[Any] = [None, True, 3, 1.5, "", "text\nline", [], ["a", {"b": 1}], {}, {"a": []}]
        for value in values:
            assert isinstance(modified(value, name + arguments), str)


def test_arguments_may_be_variables() -> None:
    assert compile("{$a|default:$b.c|cat:$d}").render({"b": {"c": "x"}, "d": "y"}) == "xy"
