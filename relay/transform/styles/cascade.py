"""Which declarations of style sheets can stand in the `style` attribute of an element, so that it looks as before.

In:  the rules, and for each kind of element which of them match, lightest first, and what its `style` says already.
Out: for each kind the declarations to add; and the declarations of dynamic rules that have to be made `!important`.

A declaration in a `style` attribute is above all rules of its importance. So:

    a rule that always applies        its declarations are added, as weighed against each other
    a dynamic rule that is heavier    is made `!important` where nothing else is decided anew by that, on no element;
                                      otherwise the declaration it is above is not added for the elements it may match
    both of them `!important`         the declaration is added without `!important` (the sheet stays, and keeps it)

Why so: a hover colour or a narrow layout that works only because it comes later in the sheet would be lost, as
clients that know style sheets see both. To leave out whatever a dynamic rule touches would cost clients without style
sheets the colour of each button; to make each dynamic rule important would beat what is above it today.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from relay.transform.styles.sheets import Declaration, Rule

_LOGICAL = re.compile(rb"-(?:inline|block|start|end)\b")  # by the direction of writing
WORK = 400_000  # comparisons; beyond that a text is made to be a burden


class TooMuch(Exception):
    """The style sheets would take too long."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Elements that are alike."""

    matched: tuple[int, ...]  # numbers of rules, lightest first
    given: tuple[Declaration, ...]  # in their `style`


@dataclass(frozen=True, slots=True, eq=False)
class _One:
    """A declaration as it stands among the others of a kind."""

    weight: int
    declaration: Declaration
    rule: Rule

    def above(self, other: _One) -> bool:
        return self.weight > other.weight or not self.rule.certain


@dataclass(slots=True)
class _Sorted:
    """The declarations of a kind, by family."""

    whole: bool  # `all` is used somewhere: any property can overlap any other
    steady: list[_One]  # those to add: the last of each name
    lower: dict[bytes, list[_One]] = field(default_factory=dict)  # all steady ones by family
    dynamic: dict[bytes, list[_One]] = field(default_factory=dict)
    given: dict[bytes, list[Declaration]] = field(default_factory=dict)

    def family(self, name: bytes) -> bytes:
        return b"all" if self.whole else family(name)

    def shares(self, name: bytes, budget: _Budget) -> bool:
        """Whether another property, if it is added, would say something about this one, too."""
        others = self.lower[self.family(name)]
        budget.spend(len(others))
        return any(each.declaration.name != name and related(each.declaration.name, name) for each in others)


@dataclass(frozen=True, slots=True)
class Decided:
    added: Mapping[Kind, tuple[Declaration, ...]]
    raised: tuple[Declaration, ...]  # to be made important in the sheet


def decide(rules: Sequence[Rule], animated: frozenset[bytes], kinds: Iterable[Kind]) -> Decided:
    """
    Raises:
        TooMuch
    """
    kinds = list(kinds)
    declared = (*(rule.declarations for rule in rules), *(kind.given for kind in kinds))
    whole = any(each.name == b"all" for some in declared for each in some)
    budget = _Budget(WORK)
    sorted_ = {each: _sort(rules, each, whole, budget) for each in kinds}
    raised = _raise(list(sorted_.values()), animated, budget)
    added = {kind: tuple(_added(each, raised, budget)) for kind, each in sorted_.items()}
    return Decided(added, tuple(sorted(raised.values(), key=lambda each: each.end)))


@dataclass(slots=True)
class _Budget:
    left: int

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise TooMuch


def family(name: bytes) -> bytes:
    """The first word of a property, or what it shares a shorthand with: only within it one can overlap another."""
    if name.startswith(b"--"):
        return name
    if name.startswith(b"-"):
        name = name.partition(b"-")[2].partition(b"-")[2]
    first = name.partition(b"-")[0]
    return {b"line": b"font", b"top": b"inset", b"left": b"inset", b"right": b"inset", b"bottom": b"inset"}.get(
        first, first
    )


def related(one: bytes, other: bytes) -> bool:
    """Whether two properties can decide the same."""
    first = family(one)
    if one == other or b"all" in (one, other):
        return True
    if first != family(other):
        return False
    if first in (b"border", b"flex", b"grid", b"inset", b"column", b"columns"):
        return True
    if one.startswith(b"-") or other.startswith(b"-") or any(_LOGICAL.search(each) for each in (one, other)):
        return True
    return one.startswith(other + b"-") or other.startswith(one + b"-") or {one, other} == {b"font", b"line-height"}


def _sort(rules: Sequence[Rule], kind: Kind, whole: bool, budget: _Budget) -> _Sorted:
    steady: dict[tuple[bytes, bool], list[_One]] = {}
    found = _Sorted(whole, [])
    for weight, number in enumerate(kind.matched):
        rule = rules[number]
        budget.spend(len(rule.declarations))
        for each in rule.declarations:
            one = _One(weight, each, rule)
            if rule.dynamic:
                found.dynamic.setdefault(found.family(each.name), []).append(one)
                continue
            found.lower.setdefault(found.family(each.name), []).append(one)
            former = steady.pop((each.name, each.important), [])
            # Two of a rule are one for clients that know the second and one for those that do not.
            steady[each.name, each.important] = [*(former if former and former[-1].rule is rule else ()), one]
    for given in kind.given:
        found.given.setdefault(found.family(given.name), []).append(given)
    said = {each.name for each in kind.given}
    for (name, important), ones in steady.items():
        if important or ((name, True) not in steady and (name not in said or found.shares(name, budget))):
            found.steady += ones
    return found


def _raise(all_: list[_Sorted], animated: frozenset[bytes], budget: _Budget) -> dict[int, Declaration]:
    """The dynamic declarations to be made important, by place."""
    wanted: dict[int, Declaration] = {}
    for each in all_:
        for one in each.steady:
            for other in _over(each, one, budget):
                if other.rule.alone and other.rule.certain and other.declaration.name not in animated:
                    wanted[other.declaration.end] = other.declaration
    changed = bool(wanted)
    while changed:  # what may not be raised keeps down those it is above
        changed = False
        for each in all_:
            for name, ones in each.dynamic.items():
                for one in ones:
                    if one.declaration.end in wanted and not _can_rise(each, name, one, wanted, budget):
                        del wanted[one.declaration.end]
                        changed = True
    return wanted


def _over(kind: _Sorted, one: _One, budget: _Budget) -> Iterator[_One]:
    """The dynamic declarations, not important, that a declaration would be above if it were added."""
    if one.declaration.important:
        return
    others = kind.dynamic.get(kind.family(one.declaration.name), ())
    budget.spend(len(others) + 1)
    for other in others:
        if (
            not other.declaration.important
            and other.above(one)
            and related(one.declaration.name, other.declaration.name)
        ):
            yield other


def _can_rise(kind: _Sorted, name: bytes, one: _One, wanted: Mapping[int, Declaration], budget: _Budget) -> bool:
    """Whether nothing else is decided anew for this kind if the declaration is important."""
    same = one.declaration.name
    steady, dynamic = kind.lower.get(name, ()), kind.dynamic.get(name, ())
    budget.spend(len(steady) + len(dynamic) + 1)
    if any(related(same, each.name) for each in kind.given.get(name, ())):
        return False
    if any(
        related(same, each.declaration.name) and (each.weight > one.weight) != each.declaration.important
        for each in steady
        if each.declaration.important or each.weight > one.weight
    ):
        return False
    for each in dynamic:
        if each.declaration is one.declaration or not related(same, each.declaration.name):
            continue
        if not each.rule.certain:
            return False
        over = each.above(one) or (each.weight == one.weight and each.declaration.end > one.declaration.end)
        if (each.declaration.important and not over) or (
            not each.declaration.important and over and each.declaration.end not in wanted
        ):
            return False
    return True


def _added(kind: _Sorted, raised: Mapping[int, Declaration], budget: _Budget) -> list[Declaration]:
    """The declarations for the attribute.

    One that stays out keeps out those it is above, since in the attribute they would be above it; likewise for one
    that is added without its importance.
    """
    found: list[Declaration] = []
    out: list[Declaration] = []
    lowered: list[Declaration] = []
    for one in reversed(kind.steady):
        declaration = one.declaration
        budget.spend(len(out) + len(lowered) + 1)
        if declaration.important:
            others = kind.dynamic.get(kind.family(declaration.name), ())
            budget.spend(len(others))
            if any(
                each.declaration.important and each.above(one) and related(declaration.name, each.declaration.name)
                for each in others
            ) or any(related(declaration.name, each.name) for each in lowered):
                lowered.append(declaration)
                declaration = Declaration(declaration.name, declaration.value, False, declaration.end)
            found.append(declaration)
        elif any(each.declaration.end not in raised for each in _over(kind, one, budget)) or any(
            related(declaration.name, each.name) for each in out
        ):
            out.append(declaration)
        else:
            found.append(declaration)
    return found[::-1]
