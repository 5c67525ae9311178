"""Templates: compiled once, rendered for each recipient.

In:  a source; later the data of a recipient.
Out: a `Template`; the text. TemplateError with line and column where either cannot be.

A template is a tree of closures over its source: no code is made, nothing of the values but their content can be
reached, and what a rendering may cost is bounded (`Limits`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from relay.model.clock import system_clock
from relay.transform.merge.blocks import Block, Foreach, If
from relay.transform.merge.coding import ESCAPERS
from relay.transform.merge.emit import Node, assigned, emitted, text_node
from relay.transform.merge.error import Exhausted, Fault, TemplateError, located
from relay.transform.merge.expression import Parser
from relay.transform.merge.source import Construct, pieces
from relay.transform.merge.state import LIMITS, Given, Limits, State, Value

_RAW = "null"  # the escaper that leaves a text as it is
_MODES = {**{each: each for each in ESCAPERS}, "raw": _RAW, "text": _RAW, "plain": _RAW}


@dataclass(frozen=True, slots=True)
class Template:
    """What a source means. `render` may be called from several threads at once."""

    source: str = field(repr=False)
    nodes: tuple[Node, ...] = field(repr=False)
    changes: bool  # whether there is anything in it that means something; else what comes out is the source
    variables: frozenset[str]  # all names that are asked for

    def render(
        self, data: Mapping[str, Value], limits: Limits = LIMITS, clock: Callable[[], float] = system_clock
    ) -> str:
        """The text for this data, whose values are those of JSON; `clock` is asked for dates as "tomorrow".

        Raises:
            TemplateError: over a limit, or a division by zero.
        """
        return self.fill(Given(data, limits, clock))

    def fill(self, given: Given) -> str:
        """`render`, with what it is given in one value. Raises TemplateError."""
        if not self.changes:
            return self.source

        def failed(fault: Fault) -> None:
            if given.complaints is None or isinstance(fault, Exhausted):
                raise fault
            given.complain(located(self.source, fault))

        state = State(given, failed)
        try:
            for node in self.nodes:
                node(state)
        except Fault as fault:
            raise located(self.source, fault) from None
        text = "".join(state.out)
        if not text.isascii():
            _check_text(text)
        return text


def compile(source: str, limits: Limits = LIMITS) -> Template:
    """Raises TemplateError: a construct that is none, or stands where it cannot, or too long a source."""
    if len(source) > limits.source:
        raise TemplateError(f"a template of {len(source)} characters, over the limit of {limits.source}")
    try:
        return _Compiler(source, limits).template()
    except Fault as fault:
        raise located(source, fault) from None


def render_header(
    template: Template,
    data: Mapping[str, Value],
    limits: Limits = LIMITS,
    clock: Callable[[], float] = system_clock,
) -> str:
    """The text for the value of a header field.

    Raises:
        TemplateError: as `render`; also where it has a line end or another control character, by which data could
            add fields of its own.
    """
    return header_text(template, Given(data, limits, clock))


def header_text(template: Template, given: Given) -> str:
    """`render_header`, with what it is given in one value. Raises TemplateError."""
    text = template.fill(given)
    if any((each < " " and each != "\t") or each == "\x7f" for each in text):
        given.complain(
            TemplateError("the value of a header field cannot have a line end or another control character")
        )
        return "".join(each if each >= " " and each != "\x7f" else " " for each in text)
    return text


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise TemplateError("the data has half a character (a lone surrogate), which no text can have") from None


class _Compiler:
    def __init__(self, source: str, limits: Limits) -> None:
        self._source = source
        self._limits = limits
        self._blocks: list[Block] = [Block(0)]
        self._variables: set[str] = set()
        self._mode = _RAW

    def template(self) -> Template:
        changes, first = False, True
        for piece in pieces(self._source, self._limits.constructs):
            if isinstance(piece, str):
                self._add(text_node(piece))
            else:
                self._take(piece, first)
            first, changes = False, changes or isinstance(piece, Construct)
        opened = self._blocks[-1]
        if len(self._blocks) > 1:
            raise Fault(f"{{{opened.name}}} is not closed by {{/{opened.name}}}", opened.at)
        # A brace written as {ldelim} leaves texts only, and yet what comes out differs.
        nodes = tuple(opened.nodes)
        if not changes:
            changes = "".join(self._plain()) != self._source
        return Template(self._source, nodes, changes, frozenset(self._variables))

    def _plain(self) -> list[str]:
        return [each for each in pieces(self._source, self._limits.constructs) if isinstance(each, str)]

    def _add(self, node: Node) -> None:
        self._blocks[-1].nodes.append(node)

    def _take(self, construct: Construct, first: bool) -> None:
        self._variables.update(each.text for each in construct.tokens if each.kind == "variable")
        parser = Parser(construct.tokens)
        word = construct.word
        if word == "":
            self._expression(parser, construct.at)
        elif word == "assign":
            value = parser.expression()
            parser.needs("word", "to", "`to $name`")
            name = parser.needs("variable", "", "the name of a variable")
            self._add(assigned(name.text, value, construct.at))
        elif word in ("mode", "escape"):
            self._set_mode(parser, word, construct.at, first)
        elif word in ("if", "foreach"):
            self._open(If(construct.at, parser) if word == "if" else Foreach(construct.at, parser))
        else:
            opened = self._blocks[-1]
            if not opened.continues(word, parser, construct.at):
                self._close(word, construct.at)
        parser.ends()

    def _expression(self, parser: Parser, at: int) -> None:
        name = parser.assignee()
        value = parser.expression()
        if name:
            self._add(assigned(name, value, at))
        else:
            self._add(emitted(value, at, _RAW if parser.escaped else self._mode))

    def _set_mode(self, parser: Parser, word: str, at: int, first: bool) -> None:
        if not first:
            raise Fault(f"{{{word}}} can only be the first thing in a template", at)
        if word == "escape":
            self._mode = "html"
            return
        parser.needs("sign", "=", "`=` and a mode")
        token = parser.next()
        if token.text.lower() not in _MODES:
            raise Fault(f"there is no mode {token.text[:20]}; there is {', '.join(_MODES)}", at)
        self._mode = _MODES[token.text.lower()]

    def _open(self, block: Block) -> None:
        if len(self._blocks) > self._limits.nesting:
            raise Fault(f"blocks nested over {self._limits.nesting} levels", block.at)
        self._blocks.append(block)

    def _close(self, word: str, at: int) -> None:
        block = self._blocks[-1]
        if word not in block.closes:
            inside = f"inside {{{block.name}}}" if block.name else "outside of any block"
            raise Fault(f"{{{word}}} stands {inside}", at)
        self._blocks.pop()
        self._add(block.node())
