"""Expressions: tokens to closures that give a value.

    or                              least tightly
    and
    not !
    == != =~                        and eq ne <>
    < <= > >=                       and lt le gt ge
    + -
    * / %
    - (sign)
    |modifier:argument              most tightly: `$a + $b|count` counts $b alone
    $name .member [index] "text" 12 true false ( ) hash( , )

Why so: a closure for each operation is what Python carries out fastest, short of making code, which is never done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from relay.transform.merge import values
from relay.transform.merge.error import Fault
from relay.transform.merge.functions import FUNCTIONS
from relay.transform.merge.modifiers import MODIFIERS, Arguments, Modifier
from relay.transform.merge.pattern import compiled
from relay.transform.merge.state import State, Value
from relay.transform.merge.tokens import Token

Expression = Callable[[State], Value]
DEPTH = 20  # of parentheses, signs and indices within one another
LINKS = 100  # modifiers, members and comparisons of one construct, each of which is a call around the ones before
_COMPARING = ("==", "!=", "=~")
_ORDERING = ("<", "<=", ">", ">=")
_LITERALS: dict[str, Value] = {"true": True, "false": False, "null": None}


class Parser:
    """One construct's tokens, read from left to right."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0
        self._links = 0
        self.escaped = False  # the expression read last ends with `|escape`

    # --- tokens ---------------------------------------------------------------------------------------

    @property
    def token(self) -> Token:
        return self._tokens[self._place]

    def next(self) -> Token:
        token = self._tokens[self._place]
        if token.kind != "end":
            self._place += 1
        return token

    def takes(self, kind: str, text: str = "") -> bool:
        """Whether this token is next; then it is taken."""
        token = self.token
        if token.kind != kind or (text and token.text.lower() != text):
            return False
        self.next()
        return True

    def needs(self, kind: str, text: str, what: str) -> Token:
        token = self.token
        if not self.takes(kind, text):
            raise Fault(f"expected {what}, not {_named(token)}", token.at)
        return token

    def ends(self) -> None:
        if self.token.kind != "end":
            raise Fault(f"expected the end of the construct, not {_named(self.token)}", self.token.at)

    def assignee(self) -> str:
        """The name in `$name = ...`, which is taken; empty where nothing is assigned."""
        first, second = self._tokens[0], self._tokens[min(1, len(self._tokens) - 1)]
        if first.kind != "variable" or second.kind != "sign" or second.text != "=":
            return ""
        self._place = 2
        return first.text

    def variable_before(self, word: str) -> str:
        """The name in `$name word ...`, both taken; empty where it does not begin so."""
        first, second = self._tokens[0], self._tokens[min(1, len(self._tokens) - 1)]
        if first.kind != "variable" or second.kind != "word" or second.text.lower() != word:
            return ""
        self._place = 2
        return first.text

    def _link(self) -> None:
        self._links += 1
        if self._links > LINKS:
            raise Fault(f"over {LINKS} modifiers, members and comparisons in one construct", self.token.at)

    # --- operators, from the least tight ----------------------------------------------------------------

    def expression(self) -> Expression:
        self._depth += 1
        if self._depth > DEPTH:
            raise Fault(f"an expression nested over {DEPTH} levels", self.token.at)
        self.escaped = False
        made = self._either()
        self._depth -= 1
        return made

    def _either(self) -> Expression:
        parts = [self._both()]
        while self.takes("sign", "or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else partial(_any, tuple(parts))

    def _both(self) -> Expression:
        parts = [self._negation()]
        while self.takes("sign", "and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else partial(_all, tuple(parts))

    def _negation(self) -> Expression:
        count = 0
        while self.takes("sign", "not"):
            count += 1
        made = self._comparison()
        if not count:
            return made
        wanted = count % 2 == 0
        return lambda state: values.truth(made(state)) is wanted

    def _comparison(self) -> Expression:
        left = self._ordering()
        while self.token.kind == "sign" and self.token.text in _COMPARING:
            self._link()
            sign = self.next()
            right_at = self.token
            right = self._ordering()
            if sign.text == "=~":
                left = _matching(left, right, right_at)
            else:
                left = partial(_equal, left, right, sign.text == "==")
            self.escaped = False
        return left

    def _ordering(self) -> Expression:
        left = self._sum()
        while self.token.kind == "sign" and self.token.text in _ORDERING:
            self._link()
            sign = self.next().text
            right = self._sum()
            swapped, wanted = sign in (">", "<="), sign in ("<", ">")
            left = partial(_less, right if swapped else left, left if swapped else right, wanted)
            self.escaped = False
        return left

    def _sum(self) -> Expression:
        return self._calculation(("+", "-"), self._product)

    def _product(self) -> Expression:
        return self._calculation(("*", "/", "%"), self._signed)

    def _calculation(self, signs: Sequence[str], inner: Callable[[], Expression]) -> Expression:
        left = inner()
        rest: list[tuple[str, Expression]] = []
        while self.token.kind == "sign" and self.token.text in signs:
            sign = self.next().text
            rest.append((sign, inner()))
            self.escaped = False
        return partial(_calculated, left, tuple(rest)) if rest else left

    def _signed(self) -> Expression:
        if not self.takes("sign", "-"):
            return self._modified()
        self._depth += 1
        if self._depth > DEPTH:
            raise Fault(f"an expression nested over {DEPTH} levels", self.token.at)
        made = self._signed()
        self._depth -= 1
        self.escaped = False
        return lambda state: values.calculate("-", 0, made(state))

    # --- values -----------------------------------------------------------------------------------------

    def _modified(self) -> Expression:
        made = self._value()
        while self.takes("sign", "|"):
            self._link()
            token = self.next()
            if not token.text[:1].isalpha():
                raise Fault(f"expected the name of a modifier, not {_named(token)}", token.at)
            name = token.text.lower()
            arguments = []
            while self.takes("sign", ":"):
                arguments.append(self._argument())
            modifier = MODIFIERS.get(name)
            if modifier is not None:  # one that does not exist has no effect
                made = _modifying(made, modifier, arguments, token)
            self.escaped = name == "escape"
        return made

    def _argument(self) -> Expression:
        """A literal; a variable with its members, too."""
        if self.takes("sign", "-"):
            number = self.needs("number", "", "a number")
            return _constant(values.calculate("-", 0, number.text))
        return self._value()

    def _value(self) -> Expression:
        token = self.next()
        if token.kind == "variable":
            return self._reached(partial(_variable, values.spellings(token.text)))
        if token.kind == "text":
            return _constant(token.text)
        if token.kind == "number":
            return _constant(values.calculate("+", 0, token.text))
        if token.kind == "sign" and token.text == "(":
            made = self.expression()
            self.needs("sign", ")", "a closing parenthesis")
            self.escaped = False
            return made
        if token.kind == "word" and token.text.lower() in _LITERALS:
            return _constant(_LITERALS[token.text.lower()])
        if token.kind == "word" and self.token.text == "(":
            return self._call(token)
        raise Fault(f"expected a value, not {_named(token)}", token.at)

    def _reached(self, made: Expression) -> Expression:
        """The members and indices behind a variable."""
        while True:
            token = self.token
            if token.kind == "member":
                self._link()
                self.next()
                made = partial(_member, made, values.spellings(token.text))
            elif token.kind == "sign" and token.text == "[":
                self._link()
                self.next()
                index = self.expression()
                self.needs("sign", "]", "a closing bracket")
                made = partial(_element, made, index)
            else:
                return made

    def _call(self, name: Token) -> Expression:
        function = FUNCTIONS.get(name.text.lower())
        if function is None:
            known = ", ".join(sorted(FUNCTIONS))
            raise Fault(f"there is no function {name.text}; there is {known}", name.at)
        self.needs("sign", "(", "an opening parenthesis")
        given: list[Expression] = []
        while not self.takes("sign", ")"):
            if given:
                self.needs("sign", ",", "a comma or a closing parenthesis")
            given.append(self.expression())
        if not function.least <= len(given) <= function.most:
            raise Fault(f"{name.text}() takes {function.takes}", name.at)
        self.escaped = False
        return lambda state: function.run([each(state) for each in given], state)


def _named(token: Token) -> str:
    if token.kind == "end":
        return "the end of it"
    return f"${token.text}" if token.kind == "variable" else repr(token.text[:40])


# --- what closures do ---------------------------------------------------------------------------------------


def _constant(value: Value) -> Expression:
    return partial(_given, value)


def _given(value: Value, state: State) -> Value:
    return value


def _variable(names: tuple[str, ...], state: State) -> Value:
    return values.variable(state, names)


def _member(inner: Expression, names: tuple[str, ...], state: State) -> Value:
    return values.member(inner(state), names)


def _element(inner: Expression, index: Expression, state: State) -> Value:
    return values.element(inner(state), index(state), state)


def _any(parts: tuple[Expression, ...], state: State) -> bool:
    return any(values.truth(each(state)) for each in parts)


def _all(parts: tuple[Expression, ...], state: State) -> bool:
    return all(values.truth(each(state)) for each in parts)


def _equal(left: Expression, right: Expression, wanted: bool, state: State) -> bool:
    return values.equal(left(state), right(state), state) is wanted


def _less(left: Expression, right: Expression, wanted: bool, state: State) -> bool:
    return values.less(left(state), right(state), state) is wanted


def _calculated(left: Expression, rest: tuple[tuple[str, Expression], ...], state: State) -> Value:
    value = left(state)
    for sign, right in rest:
        state.step()
        value = values.calculate(sign, value, right(state))
    return value


def _matching(left: Expression, right: Expression, at: Token) -> Expression:
    if at.kind != "text" or not isinstance(right, partial) or right.func is not _given:
        raise Fault("a pattern has to be written out between quotes", at.at)
    try:
        pattern = compiled(at.text)
    except Fault as fault:
        raise Fault(fault.what, at.at) from None
    return lambda state: pattern.found(values.text_of(left(state)), state)


def _modifying(inner: Expression, modifier: Modifier, given: Sequence[Expression], at: Token) -> Expression:
    if len(given) < modifier.least:
        raise Fault(f"the modifier {at.text} takes {modifier.takes}", at.at)
    run = modifier.run
    if all(isinstance(each, partial) and each.func is _given for each in given):
        constant: Arguments = tuple(each.args[0] for each in given if isinstance(each, partial))
        if modifier.check is not None:
            try:
                modifier.check(constant)
            except Fault as fault:
                raise Fault(fault.what, at.at) from None
        return partial(_constantly, inner, run, constant)
    if modifier.check is not None:
        raise Fault(f"what the modifier {at.text} takes has to be written out", at.at)
    return lambda state: run(inner(state), tuple([each(state) for each in given]), state)


def _constantly(
    inner: Expression, run: Callable[[Value, Arguments, State], Value], given: Arguments, state: State
) -> Value:
    state.step()
    return run(inner(state), given, state)
