"""JSON Patch and JSON Pointer: cases of the RFCs and of the public test vectors, and what a patch may cost."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.transform.jsonpatch import (
    DEPTH,
    OPERATIONS,
    PatchError,
    PointerError,
    equal,
    found,
    patched,
    pointer,
    tokens,
)

Op = dict[str, Any]


def op(name: str, path: Any = None, **more: Any) -> Op:
    """An operation; `source` is its `from`."""
    made = {"op": name} | ({} if path is None else {"path": path})
    if "source" in more:
        made["from"] = more.pop("source")
    return made | more


# What is done -> document, operations, result.
DONE: dict[str, tuple[Any, list[Op], Any]] = {
    "no operation": ({"a": 1}, [], {"a": 1}),
    "a member is added": ({"a": 1}, [op("add", "/b", value=2)], {"a": 1, "b": 2}),
    "a member is replaced by add": ({"a": 1}, [op("add", "/a", value=[2])], {"a": [2]}),
    "an element is added in between": ({"a": ["x", "z"]}, [op("add", "/a/1", value="y")], {"a": ["x", "y", "z"]}),
    "an element is added at the end by number": (["x"], [op("add", "/1", value="y")], ["x", "y"]),
    "an element is added at the end by a dash": (["x"], [op("add", "/-", value="y")], ["x", "y"]),
    "an array is added as one element": (["x"], [op("add", "/-", value=["a", "b"])], ["x", ["a", "b"]]),
    "an element is added to an empty array": ([], [op("add", "/0", value=1)], [1]),
    "a dash is a name in an object": ({"a": 1}, [op("add", "/-", value=2)], {"a": 1, "-": 2}),
    "a number is a name in an object": ({"a": 1}, [op("add", "/0", value="z")], {"a": 1, "0": "z"}),
    "the empty name is a name": ({"a": 1}, [op("add", "/", value=2)], {"a": 1, "": 2}),
    "a name in a name that is empty": ({"": {}}, [op("add", "//", value=2)], {"": {"": 2}}),
    "null is a value": ({"a": 1}, [op("add", "/b", value=None)], {"a": 1, "b": None}),
    "false and 0 are values": ({}, [op("add", "/a", value=False), op("add", "/b", value=0)], {"a": False, "b": 0}),
    "deep in objects and arrays": (
        {"a": [{"b": [1, {"c": 2}]}]},
        [op("add", "/a/0/b/1/d", value=3)],
        {"a": [{"b": [1, {"c": 2, "d": 3}]}]},
    ),
    "the whole document is replaced by add": ({"a": 1}, [op("add", "", value=[1])], [1]),
    "the whole document is replaced": ({"a": 1}, [op("replace", "", value={"b": 2})], {"b": 2}),
    "a document that is no container": ("a", [op("replace", "", value="b")], "b"),
    "a member is removed": ({"a": 1, "b": [2]}, [op("remove", "/b")], {"a": 1}),
    "an element is removed": (["a", "b", "c"], [op("remove", "/1")], ["a", "c"]),
    "elements move up after a removal": (["a", "b", "c"], [op("remove", "/0"), op("remove", "/0")], ["c"]),
    "a null is removed": ({"a": None}, [op("remove", "/a")], {}),
    "a member is changed": ({"a": 1, "b": 2}, [op("replace", "/a", value="x")], {"a": "x", "b": 2}),
    "an element is changed": ([1, 2], [op("replace", "/1", value=[3])], [1, [3]]),
    "a null is changed": ({"a": None}, [op("replace", "/a", value="x")], {"a": "x"}),
    "a member is moved": (
        {"a": {"b": 1, "c": 2}, "d": {"e": 3}},
        [op("move", "/d/f", source="/a/b")],
        {"a": {"c": 2}, "d": {"e": 3, "f": 1}},
    ),
    "an element is moved behind": ([1, 2, 3, 4], [op("move", "/3", source="/1")], [1, 3, 4, 2]),
    "what is moved to its own place stays": ({"a": 1}, [op("move", "/a", source="/a")], {"a": 1}),
    "null is moved": ({"a": None}, [op("move", "/b", source="/a")], {"b": None}),
    "what is moved to the root is all there is": ({"a": {"b": 1}}, [op("move", "", source="/a")], {"b": 1}),
    "a member is copied": ({"a": {"b": 1}}, [op("copy", "/c", source="/a")], {"a": {"b": 1}, "c": {"b": 1}}),
    "a copy is another value": (
        {"a": [1]},
        [op("copy", "/b", source="/a"), op("add", "/b/-", value=2)],
        {"a": [1], "b": [1, 2]},
    ),
    "null is copied": ({"a": None}, [op("copy", "/b", source="/a")], {"a": None, "b": None}),
    "a copy into itself": ({"a": {}}, [op("copy", "/a/b", source="/a")], {"a": {"b": {}}}),
    "a test holds": ({"a": "x", "b": ["y", 2]}, [op("test", "/a", value="x"), op("test", "/b/1", value=2)], ...),
    "objects are the same in any order": (
        {"a": {"b": [1], "c": None}},
        [op("test", "/a", value={"c": None, "b": [1]})],
        ...,
    ),
    "numbers are the same by value": ({"a": 1}, [op("test", "/a", value=1.0)], ...),
    "the whole document is tested": ({"a": 1}, [op("test", "", value={"a": 1})], ...),
    "a member with an empty name is tested": ({"": 1}, [op("test", "/", value=1)], ...),
    "null is tested": ({"a": None}, [op("test", "/a", value=None)], ...),
    "members that no operation has are passed over": ([1], [op("add", "/0", value=0, xyz=1, spurious=2)], [0, 1]),
    "an order of members that is strange": ({"a": 1}, [{"value": 2, "path": "/b", "op": "add"}], {"a": 1, "b": 2}),
    "a tilde and a slash in a name": (
        {"~1": 10, "/": 9},
        [op("test", "/~01", value=10), op("test", "/~1", value=9)],
        ...,
    ),
}

# What is wrong -> document, operation, member at fault, part of the text.
FAULTY: dict[str, tuple[Any, Any, str, str]] = {
    "no object": ({}, "add", "", "object"),
    "no op": ({}, {"path": "/a", "value": 1}, "op", "op is one of"),
    "an op there is not": ({}, op("spam", "/a", value=1), "op", "op is one of"),
    "an op that is no text": ({}, {"op": ["add"], "path": "/a"}, "op", "op is one of"),
    "no path": ({}, op("add", value=1), "path", "JSON pointer"),
    "a path that is null": ({}, {"op": "add", "path": None, "value": 1}, "path", "JSON pointer"),
    "a path without a slash": ({"a": 1}, op("add", "a", value=1), "path", "begins with /"),
    "a path with a bad escape": ({"a": 1}, op("add", "/a~2", value=1), "path", "before 0 or 1"),
    "a path that ends in a tilde": ({"a": 1}, op("add", "/a~", value=1), "path", "before 0 or 1"),
    "add without a value": ([1], op("add", "/-"), "value", "missing"),
    "replace without a value": ([1], op("replace", "/0"), "value", "missing"),
    "test without a value": ([None], op("test", "/0"), "value", "missing"),
    "copy without from": ([1], op("copy", "/-"), "from", "JSON pointer"),
    "move without from": ({"a": 1}, op("move", ""), "from", "JSON pointer"),
    "add to what is not there": ({"a": 1}, op("add", "/b/c", value=1), "path", "nothing at '/b'"),
    "add below a number": ({"a": 1}, op("add", "/a/b", value=1), "path", "no object and no array"),
    "add far behind the end": (["a"], op("add", "/3", value=1), "path", "takes 0 to 1"),
    "add before the beginning": (["a"], op("add", "/-1", value=1), "path", "takes 0 to 1"),
    "add with a leading zero": (["a"], op("add", "/00", value=1), "path", "takes 0 to 1"),
    "add with a fraction": (["a"], op("add", "/0.5", value=1), "path", "takes 0 to 1"),
    "add with a name to an array": (["a"], op("add", "/bar", value=1), "path", "takes 0 to 1"),
    "a digit of another script": (["a", "b"], op("replace", "/\u0661", value=1), "path", "nothing at"),
    "remove what is not there": ({"a": 1}, op("remove", "/b"), "path", "nothing at '/b'"),
    "remove what is not there, deep": ({"a": {"b": 1}}, op("remove", "/a/b/c"), "path", "nothing at '/a/b/c'"),
    "remove behind the end": ([1], op("remove", "/1"), "path", "nothing at '/1'"),
    "remove with an exponent": ([1, 2, 3], op("remove", "/1e0"), "path", "nothing at '/1e0'"),
    "remove the end": ([1], op("remove", "/-"), "path", "nothing at '/-'"),
    "remove all": ({"a": 1}, op("remove", ""), "path", "whole document"),
    "replace what is not there": ({"a": 1}, op("replace", "/b", value=1), "path", "nothing at '/b'"),
    "replace with a leading zero": (["a", "b"], op("replace", "/01", value=1), "path", "nothing at '/01'"),
    "copy from what is not there": ({"a": 1}, op("copy", "/b", source="/c"), "from", "nothing at '/c'"),
    "move from what is not there": ({"a": 1}, op("move", "/b", source="/c"), "from", "nothing at '/c'"),
    "move into itself": ({"a": {"b": {}}}, op("move", "/a/b/c", source="/a"), "path", "into itself"),
    "move all": ({"a": 1}, op("move", "/a", source=""), "path", "into itself"),
    "test another value": ({"a": "x"}, op("test", "/a", value="y"), "value", "test failed"),
    "test a text against a number": ({"a": "10"}, op("test", "/a", value=10), "value", "test failed"),
    "test 1 against true": ({"a": 1}, op("test", "/a", value=True), "value", "test failed"),
    "test null against false": ({"a": None}, op("test", "/a", value=False), "value", "test failed"),
    "test an object against an array": ({"a": {}}, op("test", "/a", value=[]), "value", "test failed"),
    "test an array in another order": ({"a": [1, 2]}, op("test", "/a", value=[2, 1]), "value", "test failed"),
    "test with a leading zero": (["a", "b"], op("test", "/01", value="b"), "path", "nothing at '/01'"),
    "test what is not there": ({"a": 1}, op("test", "/b", value=None), "path", "nothing at '/b'"),
}

# RFC 6901 section 5.
NAMES: dict[str, Any] = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}
POINTERS = {
    "": NAMES,
    "/foo": ["bar", "baz"],
    "/foo/0": "bar",
    "/": 0,
    "/a~1b": 1,
    "/c%d": 2,
    "/e^f": 3,
    "/g|h": 4,
    "/i\\j": 5,
    '/k"l': 6,
    "/ ": 7,
    "/m~0n": 8,
}


@pytest.mark.parametrize("what", DONE)
def test_operations_do_what_the_rfc_says_and_leave_what_came_in_alone(what: str) -> None:
    document, operations, wanted = DONE[what]
    before = copy.deepcopy(document)
    assert equal(patched(document, operations), before if wanted is ... else wanted)
    assert document == before


@pytest.mark.parametrize("what", FAULTY)
def test_an_operation_that_cannot_be_done_is_named_with_its_member(what: str) -> None:
    document, operation, member, text = FAULTY[what]
    with pytest.raises(PatchError) as caught:
        patched(document, [op("test", "", value=document), operation])
    assert (caught.value.number, caught.value.member) == (1, member)
    assert text in str(caught.value) and "operation 1" in str(caught.value)
    assert caught.value.pointer == ("/1/" + member if member else "/1")


@pytest.mark.parametrize("path", POINTERS)
def test_pointers_lead_where_the_rfc_says(path: str) -> None:
    assert found(NAMES, path) == POINTERS[path]
    assert pointer(tokens(path)) == path


def test_a_pointer_that_leads_nowhere_is_named() -> None:
    with pytest.raises(PointerError, match="nothing at '/foo/2'"):
        found(NAMES, "/foo/2")


def test_operations_build_on_one_another_and_one_that_fails_undoes_all() -> None:
    document = {"list": [1]}
    with pytest.raises(PatchError, match="operation 2"):
        patched(document, [op("add", "/list/-", value=2), op("remove", "/list/0"), op("test", "/list", value=[])])
    assert document == {"list": [1]}


def test_what_an_operation_brings_is_not_changed_by_the_next_one() -> None:
    brought: dict[str, Any] = {"a": []}
    operations = [op("add", "/x", value=brought), op("add", "/x/a/-", value=1), op("add", "/y", value=brought)]
    assert patched({}, operations) == {"x": {"a": [1]}, "y": {"a": []}}
    assert brought == {"a": []}


@pytest.mark.parametrize("operations", [None, {}, "add", 1])
def test_a_patch_that_is_no_array_is_refused(operations: Any) -> None:
    with pytest.raises(PatchError, match="array of operations"):
        patched({}, operations)


def test_a_patch_of_too_many_operations_is_refused() -> None:
    assert patched({}, [op("add", "/a", value=1)] * OPERATIONS) == {"a": 1}
    with pytest.raises(PatchError, match=f"at most {OPERATIONS}"):
        patched({}, [op("add", "/a", value=1)] * (OPERATIONS + 1))


def test_copies_of_copies_are_bounded_in_number() -> None:
    with pytest.raises(PatchError, match="over 200000 values"):
        patched({"a": [1]}, [op("copy", "/a/-", source="/a")] * 60)


def test_what_is_moved_further_down_is_bounded_in_number_and_elsewhere_is_not_looked_at() -> None:
    large = {"a": [0] * 1000, "b": {"c": {}}}
    there, back = op("move", "/b/c/a", source="/a"), op("move", "/a", source="/b/c/a")
    assert patched(large, [there, back] * 100) == large
    with pytest.raises(PatchError, match="over 200000 values"):
        patched(large, [there, back] * 300)
    beside, again = op("move", "/d", source="/a"), op("move", "/a", source="/d")
    assert patched(large, [beside, again] * 300) == large


@pytest.mark.parametrize("name", ["copy", "move", "add"])
def test_no_document_becomes_too_deep_to_be_read(name: str) -> None:
    half: Any = {}
    for _ in range(DEPTH // 2):
        half = {"a": half}
    into = "/x" + "/a" * (DEPTH // 2) + "/b"
    more = {"value": half} if name == "add" else {"source": "/y"}
    with pytest.raises(PatchError, match=f"deeper than {DEPTH}"):
        patched({"x": half, "y": half}, [op(name, into, **more)])


def test_a_document_that_is_too_deep_is_not_begun_with() -> None:
    document: Any = 1
    for _ in range(DEPTH + 1):
        document = [document]
    with pytest.raises(PatchError, match=f"deeper than {DEPTH}") as caught:
        patched(document, [])
    assert (caught.value.number, caught.value.pointer) == (-1, "")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)
PATHS = st.lists(st.sampled_from(["a", "b", "0", "1", "-", "", "~1", "01"]), max_size=3).map(
    lambda each: "".join("/" + part for part in each)
)
OPS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": PATHS},
    optional={"from": PATHS, "value": VALUES},
)


@given(VALUES, st.lists(OPS, max_size=6))
def test_any_patch_gives_a_document_or_names_its_operation(document: Any, operations: list[Op]) -> None:
    before = json.dumps([document, operations])
    try:
        json.dumps(patched(document, operations))
    except PatchError as error:
        assert 0 <= error.number < len(operations)
    assert json.dumps([document, operations]) == before


@given(VALUES, VALUES)
def test_what_replaces_the_document_is_the_document(document: Any, other: Any) -> None:
    assert equal(patched(document, [op("replace", "", value=other)]), other)
    assert equal(patched(document, [op("test", "", value=document)]), document)
