"""The words of an expression: `$name`, numbers, texts, signs and words, with where each stands.

In:  the source and where the inside of a construct begins.
Out: tokens, up to the brace that closes it.

A dash followed by a letter belongs to the name before it (`$total-price`); before a digit, a space or a `$` it is a
minus. In a text a backslash hides the quote that ends it, and is itself everywhere else, so that `"\\d+"` can be
written as it is.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from relay.transform.merge.error import Fault

TOKENS = 2000  # of one construct

_TOKEN = re.compile(
    r"""[ \t\r\n]*+(?:
        (?P<variable>\$[A-Za-z][A-Za-z0-9_]*+(?:-+[A-Za-z_][A-Za-z0-9_]*+)*+)
      | (?P<number>\d++(?:\.\d++(?:[eE][+-]?\d++)?)?)
      | "(?P<double>(?:[^"\\]|\\"|\\(?!"))*+)"
      | '(?P<single>(?:[^'\\]|\\'|\\(?!'))*+)'
      | (?P<word>[A-Za-z][A-Za-z0-9_]*+)
      | \.[ \t]*+(?P<member>[A-Za-z0-9_]++(?:-+[A-Za-z_][A-Za-z0-9_]*+)*+)
      | (?P<sign>=>|=~|==|!=|<>|>=|<=|&&|\|\||[-+*/%()\[\],:|!<>=])
      | (?P<end>\})
    )""",
    re.VERBOSE,
)
_SIGNS = {"&&": "and", "||": "or", "!": "not", "<>": "!="}
_WORDS = {
    "and": "and", "or": "or", "not": "not", "eq": "==", "ne": "!=", "neq": "!=", "gt": ">", "gte": ">=", "ge": ">=",
    "lt": "<", "lte": "<=", "le": "<=", "mod": "%",
}  # fmt: skip


class Token(NamedTuple):
    kind: str  # variable, member, number, text, word, sign, end
    text: str  # without `$`, dot and quotes; signs in their first spelling
    at: int


def tokens(source: str, at: int) -> tuple[list[Token], int]:
    """The tokens from `at` on, the closing brace last, and the offset behind it.

    Raises:
        Fault: something that is no token, or no closing brace.
    """
    found: list[Token] = []
    while True:
        match = _TOKEN.match(source, at)
        if match is None:
            raise _strange(source, at)
        kind = match.lastgroup or ""
        text, at = match[kind], match.end()
        start = match.start(kind)
        if kind == "end":
            found.append(Token("end", "}", start))
            return found, at
        found.append(_token(kind, text, start))
        if len(found) > TOKENS:
            raise Fault(f"a construct of over {TOKENS} words and signs", found[0].at)


def _token(kind: str, text: str, at: int) -> Token:
    if kind == "variable":
        return Token(kind, text[1:], at)
    if kind in ("double", "single"):
        quote = '"' if kind == "double" else "'"
        return Token("text", text.replace("\\" + quote, quote), at - 1)
    if kind == "word":
        folded = text.lower()
        return Token("sign", _WORDS[folded], at) if folded in _WORDS else Token("word", text, at)
    return Token(kind, _SIGNS.get(text, text), at)


def _strange(source: str, at: int) -> Fault:
    rest = source[at:].lstrip(" \t\r\n")
    at = len(source) - len(rest)
    if not rest:
        return Fault("the construct has no closing brace")
    if rest[0] in "\"'":
        return Fault("a text without its closing quote", at)
    if rest[0] == "$":
        return Fault("a name begins with a letter, and has letters, digits, - and _", at)
    return Fault(f"{rest[0]!r} has no meaning here", at)
