"""Text from html, html from text."""

from __future__ import annotations

import pytest

from relay.transform.autohtml import TEXT_CHARACTERS, text_to_html
from relay.transform.autotext import HTML_OCTETS, html_to_text


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<h1>Head</h1>text<h2>Sub</h2><div>a</div><div>b</div>", "Head\n\ntext\n\nSub\n\na\nb"),
        ("a<br>b<br/><br>c", "a\nb\n\nc"),
        ("  many \r\n\t blanks <b> and </b>\n <i>marks</i>, here ", "many blanks and marks, here"),
        ("<ul><li>a<li>b <b>c</b></ul>", "* a\n* b c"),
        ("<ol start=3><li>a</li><li>b<ul><li>c</li></ul></li></ol>", "3. a\n4. b\n  * c"),
        ("<table><tr><td>Name</td><td> Price </td></tr><tr><th>x</th><th>1</th></tr></table>", "Name Price\nx 1"),
        ('<a href="https://a.example/x?y=1&amp;z=2">Buy <b>now</b></a>!', "Buy now <https://a.example/x?y=1&z=2>!"),
        ('<a href="https://a.example/">a.example</a>', "a.example"),
        ('<a href="https://a.example/"><img src=x alt="Logo &amp; co"></a>', "Logo & co <https://a.example/>"),
        ('<a href="https://a.example/"><img src=x></a>after', "after"),
        ('<a href="#top">up</a> <a name=x>here</a> <a href="javascript:x()">js</a>', "up here js"),
        ('<a href="mailto:a@b.example?subject=x">Mail</a> <a href="mailto:a@b.example">a@b.example</a>',
         "Mail <a@b.example> a@b.example"),
        ("<hr>", "-" * 40),
        ("<pre>a  b\n  c</pre>", "a  b\n  c"),
        ("caf&eacute; &#x20ac;5 &lt;b&gt;&nbsp;x", "café €5 <b> x"),
        ("<style>p{}</style><script>alert('<p>')</script><title>t</title>x", "x"),
        ("<!-- no --><!--[if mso]><p>outlook</p><![endif]--><!--[if !mso]><!-->all<!--<![endif]-->", "all"),
        ("<textarea><p>x</textarea>y", "y"),
        ("a < b > c <3", "a < b > c <3"),
        ("x<unclosed", "x"),
        ("</p></table></li>x", "x"),
    ],
)  # fmt: skip
def test_a_page_is_read_as_people_read_it(page: str, expected: str) -> None:
    assert html_to_text(page.encode()) == expected + "\n"


@pytest.mark.parametrize(
    "style",
    [
        "display:none",
        "color:red; DISPLAY : none!important",
        "mso-hide:all",
        "visibility:hidden",
        "max-height:0px;overflow:hidden",
        "opacity:0",
    ],
)
def test_what_is_hidden_is_no_text(style: str) -> None:
    page = f'<div style="{style}">preheader<p>deep</p><a href="http://a.example/">x</a></div>shown'
    assert html_to_text(page.encode()) == "shown\n"
    assert html_to_text(b"<div hidden>preheader</div>shown") == "shown\n"


@pytest.mark.parametrize(
    "style", ["max-width:600px", "line-height:0", "font-size:0.9em", "display:block", "font-size:0px"]
)
def test_what_is_only_styled_is_text(style: str) -> None:
    assert html_to_text(f'<div style="{style}">shown</div>'.encode()) == "shown\n"


def test_padding_of_preheaders_leaves_nothing() -> None:
    assert html_to_text("<p>a</p><p>&zwnj;&nbsp;&#847;&shy; \u200b</p><p>b</p>".encode()) == "a\n\nb\n"


def test_a_page_is_read_in_its_charset() -> None:
    assert html_to_text("<p>é</p>".encode("iso-8859-1"), "iso-8859-1") == "é\n"
    assert html_to_text("<p>é</p>".encode(), "no-such-charset") == "é\n"


def test_a_page_that_says_nothing_or_too_much_has_no_text() -> None:
    assert html_to_text(b"<p> <img src=x></p>") is None
    assert html_to_text(b"x" * (HTML_OCTETS + 1)) is None


@pytest.mark.parametrize(
    "piece", ["<", "</", "</a ", "</a x='", "<!", "<a x=", "&", "&#9", "<!--", "<pre>", "<ol><li>"]
)
def test_tags_without_an_end_cost_no_more_than_their_length(piece: str) -> None:
    page = f"<p>Hello.</p>{piece * (300_000 // len(piece))}"
    text = html_to_text(page.encode())
    assert text is not None and text.startswith("Hello.\n")


def body(text: str) -> str:
    page = text_to_html(text)
    assert page is not None
    return page.partition("<body>\n")[2].removesuffix("</body></html>\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one\ntwo\r\n\r\nthree\n", "<p>one<br>\ntwo</p>\n<p>three</p>\n"),
        ("<b>&\"'</b>", "<p>&lt;b&gt;&amp;\"'&lt;/b&gt;</p>\n"),
        (
            "See https://a.example/?x=1&y=2.",
            '<p>See <a href="https://a.example/?x=1&amp;y=2">https://a.example/?x=1&amp;y=2</a>.</p>\n',
        ),
        ("(www.a.example)", '<p>(<a href="http://www.a.example">www.a.example</a>)</p>\n'),
        ("<a.b@c.example>", '<p>&lt;<a href="mailto:a.b@c.example">a.b@c.example</a>&gt;</p>\n'),
        ("javascript:alert(1) data:x", "<p>javascript:alert(1) data:x</p>\n"),
        ('http://a.example/"onclick=x', '<p><a href="http://a.example/">http://a.example/</a>"onclick=x</p>\n'),
        ("  a   1\n  b   2", "<pre>  a   1\n  b   2</pre>\n"),
    ],
)
def test_a_text_becomes_a_page_that_says_the_same(text: str, expected: str) -> None:
    assert body(text) == expected


def test_quoted_lines_become_quotations() -> None:
    page = body("He wrote:\n> a\n>> b\n> c\nyes")
    assert page.count("<blockquote") == page.count("</blockquote>") == 2
    order = [page.index(each) for each in ("He wrote", "<p>a", "<p>b", "<p>c", "<p>yes")]
    assert order == sorted(order)
    assert page.index("</blockquote>\n<p>yes") > 0


def test_quotations_are_no_deeper_than_can_be_shown() -> None:
    assert body(">" * 1000 + " x").count("<blockquote") == 16


def test_a_text_that_says_nothing_or_too_much_has_no_page() -> None:
    assert text_to_html(" \n\t") is None
    assert text_to_html("x" * (TEXT_CHARACTERS + 1)) is None
