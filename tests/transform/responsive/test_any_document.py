"""Whatever a document is made of: a page that is balanced, or one clear line about what is wrong."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from relay.transform.merge import compile
from relay.transform.responsive import DocumentError, fields, needed, render
from relay.transform.responsive.kinds import KINDS
from relay.transform.responsive.platforms import PLATFORMS
from tests.transform.responsive.views import elsewhere, in_outlook

URL = "https://example.com/"
WORDS = st.text(st.characters(codec="utf-8"), max_size=30)
PIECES = [
    "{$a}",
    '{$a|default:"x&y"}',
    "{if $a}",
    "{/if}",
    "{literal}",
    "{/literal}",
    "{ldelim}",
    "{",
    "}",
    "{x",
    "<b>",
]
PIECES += [
    '"',
    "'",
    "&amp;",
    "-->",
    "<!--",
    "\n",
    "<![endif]-->",
    "]]>",
    "</td>",
    "{$webversion}",
    "\x00",
    "\ue000",
    "#",
]
TEXTS = st.one_of(WORDS, st.lists(st.one_of(st.sampled_from(PIECES), WORDS), max_size=6).map("".join))
SOME = st.sampled_from([URL, "50%", "#fff", "left", "rgba(0,0,0,0)"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 3000), st.floats(), TEXTS, SOME)
_NAMES = """content label link url src alt title width height size color css attributes container background margin
padding font align visibility device output blocks columns platforms icon type params rewrite links a img embed source
domain equals regex match name address href onclick style family lineHeight weight facebook limit data"""
NAMES = st.sampled_from(_NAMES.split())
VALUES: st.SearchStrategy[object] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(NAMES, TEXTS, st.sampled_from(sorted(PLATFORMS))), inner, max_size=4),
    ),
    max_leaves=8,
)
BLOCKS = st.builds(
    lambda name, given: {**given, "type": name},
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(NAMES, VALUES, max_size=5),
)
_TOPS = ["subject", "from", "to", "headers", "font", "background", "css", "attributes", "rewrite", "text", "data"]
TOPS = st.dictionaries(st.sampled_from(_TOPS), VALUES, max_size=3)


@given(TOPS, st.lists(BLOCKS, max_size=4), VALUES)
@settings(max_examples=100, deadline=None)
def test_any_document_becomes_a_page_or_a_line_about_what_is_wrong(
    top: Mapping[str, object], blocks: list[object], other: object
) -> None:
    for content in ({"blocks": blocks}, other):
        document = {**top, "content": content}
        try:
            needed(document)
            fields(document)
            made = render(document)
        except DocumentError as error:
            assert str(error).startswith("/") and "\n" not in str(error)
            continue
        compile(made.html)
        compile(made.text)


@given(TEXTS)
@settings(max_examples=60, deadline=None)
def test_plain_text_never_becomes_markup(text: str) -> None:
    text = f"x{text}"
    blocks: list[dict[str, object]] = [
        {"type": "text", "content": text},
        {"type": "heading", "content": text, "link": {"url": URL, "title": text, "params": {text: text}}},
        {"type": "image", "src": URL, "alt": text, "attributes": {"data-x": text}},
        {"type": "button", "label": text, "link": URL},
        {"type": "share", "label": text, "platforms": ["twitter"], "link": URL, "description": text},
        {"type": "follow", "label": text, "platforms": {"facebook": "x"}},
    ]
    try:
        made = render({"subject": text.replace("\n", " "), "content": {"blocks": blocks}})
    except DocumentError as error:
        assert "{" in text or "subject" in str(error)
        return
    page = compile(made.html).render({"a": "A"})
    names = [each.name for each in elsewhere(page).walk()]
    others = [each.name for each in elsewhere(render({"content": {"blocks": _plain(blocks)}}).html).walk()]
    assert [each for each in names if each != "br"] == others
    in_outlook(page)


def _plain(blocks: list[dict[str, object]]) -> list[object]:
    words: dict[str, object] = {"content": "x", "alt": "x", "label": "x", "description": "x"}
    return [{name: words.get(name, value) for name, value in each.items()} for each in blocks]
