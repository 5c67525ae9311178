"""Each type of block: what its properties do, and what they are if nobody says them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from relay.transform.responsive import DocumentError, Rendered, render
from relay.transform.responsive.kinds import KINDS
from tests.transform.responsive.views import Element, elsewhere, look_for_outlook

Made = Mapping[str, object]
URL = "https://example.com/"


def made(*blocks: Made, top: Made | None = None, web: bool = False) -> Rendered:
    done = render({"content": {"blocks": list(blocks)}, **(top or {})}, web=web)
    look_for_outlook(done.html)
    return done


def seen(*blocks: Made, top: Made | None = None) -> Element:
    done = made(*blocks, top=top)
    assert done.warnings == ()
    return elsewhere(done.html)


def cell_of(root: Element, words: str) -> Element:
    return next(each for each in root.all("td") if each.words.strip() == words)


def wrong(*blocks: Made) -> str:
    with pytest.raises(DocumentError) as found:
        made(*blocks)
    return str(found.value)


def test_there_are_all_types() -> None:
    basic = ["text", "html", "heading", "image", "video", "button", "link", "separator", "spacer"]
    assert set(KINDS) == {*basic, "columns", "container", "follow", "share", "feed", "import"}


def test_text_has_the_font_of_the_document_and_what_it_says_itself() -> None:
    font = {"family": "verdana,arial", "size": 12, "lineHeight": "18px", "color": "red", "weight": 700}
    root = seen(
        {"type": "text", "content": "one"},
        {"type": "text", "content": "two", "font": {"family": "Courier", "color": "0, 0, 255"}},
        top={"font": font},
    )
    one, two = cell_of(root, "one").style, cell_of(root, "two").style
    assert one["font-family"] == "verdana,arial" and one["font-size"] == "12px" and one["font-weight"] == "700"
    assert (one["line-height"], one["color"]) == ("18px", "red")
    assert two["font-family"] == "Courier" and two["color"] == "rgb(0, 0, 255)" and two["font-size"] == "12px"


def test_margin_is_outside_of_the_background_and_padding_inside() -> None:
    sides = {"left": 10, "right": 20, "top": 0, "bottom": -5}
    root = seen({"type": "text", "content": "x", "margin": sides, "padding": "7px", "background": {"color": "#abc"}})
    cell = cell_of(root, "x")
    outer = next(each for each in cell.above() if each.name == "td")
    assert cell.style["padding"] == "7px" and cell.attributes["bgcolor"] == "#aabbcc"
    assert cell.attributes["width"] == "550"
    assert outer.style["padding"] == "0 20px 0 10px" and "bgcolor" not in outer.attributes


def test_the_container_is_the_cell() -> None:
    look = {"css": {"border": "2px dotted blue"}, "attributes": {"summary": 'A "cell"', "valign": "middle"}}
    cell = cell_of(seen({"type": "text", "content": "x", "container": look}), "x")
    assert cell.style["border"] == "2px dotted blue"
    assert (cell.attributes["summary"], cell.attributes["valign"]) == ('A "cell"', "middle")


def test_backgrounds_of_page_and_centre_and_their_css() -> None:
    top = {"background": {"color": "#eee"}, "css": {"border": "1px solid red"}, "attributes": {"id": "outer"}}
    done = made({"type": "text", "content": "x"}, top=top)
    root = elsewhere(done.html)
    outer = root.all("table")[0]
    assert outer.attributes["bgcolor"] == "#eeeeee" and outer.attributes["id"] == "outer"
    assert outer.style["border"] == "1px solid red" and root.all("body")[0].attributes["bgcolor"] == "#eeeeee"
    content = {"background": {"color": "yellow"}, "css": {"padding": "9px"}, "attributes": {"id": "centre"}}
    centre = next(
        each
        for each in elsewhere(render({"content": content}).html).all("td")
        if each.attributes.get("id") == "centre"
    )
    assert centre.attributes["bgcolor"] == "yellow" and centre.style["padding"] == "9px"


def test_a_background_among_attributes_is_a_picture_or_a_colour() -> None:
    for given, name in (("red", "bgcolor"), ("https://example.com/a.png", "background")):
        outer = elsewhere(made(top={"attributes": {"background": given}}).html).all("table")[0]
        assert outer.attributes[name] == given
    with pytest.raises(DocumentError, match="/attributes/background: expected a URL"):
        made(top={"attributes": {"background": "javascript:x"}})


def test_attributes_run_nothing_and_a_style_among_them_comes_last() -> None:
    for given in ({"onclick": "x()"}, {"style": "width:expression(x)"}, {"srcdoc": "x"}):
        assert "an attribute that runs a script" in wrong({"type": "image", "src": URL, "attributes": given})
    block = {"type": "image", "src": URL, "attributes": {"style": "width: 10px", "title": "javascript: a guide"}}
    (picture,) = seen(block).all("img")
    assert picture.style["width"] == " 10px" and picture.attributes["title"] == "javascript: a guide"
    assert picture.style["display"] == "block"


def test_html_stays_as_it_is() -> None:
    done = made({"type": "html", "content": "<p>A <b>bold</b> word</p>"})
    assert "<p>A <b>bold</b> word</p>" in done.html and done.text == "A bold word\n"


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
def test_a_heading_is_one_of_six(size: int) -> None:
    root = seen({"type": "heading", "size": size, "content": "A & B", "align": "center"})
    (heading,) = root.all(f"h{size}")
    assert heading.text == "A & B" and heading.style["text-align"] == "center"
    assert heading.style["font-weight"] == "bold" and heading.style["margin"] == "0"


def test_a_heading_is_the_first_size_if_nothing_is_said_and_can_lead_somewhere() -> None:
    root = seen({"type": "heading", "content": "x", "link": {"url": URL, "title": "There", "params": {"a": "b c"}}})
    (link,) = root.all("h1")[0].all("a")
    assert (link.attributes["href"], link.attributes["title"]) == (URL + "?a=b%20c", "There")
    assert "/content/blocks/0/size: expected a number from 1 to 6" in wrong({"type": "heading", "size": 7})


def test_a_picture_with_link_css_and_attributes() -> None:
    block = {
        "type": "image", "src": URL + "a.png", "alt": 'The "A"', "link": URL, "align": "right",
        "img": {"css": {"border": "2px dashed pink"}, "attributes": {"longdesc": "a story", "data-x": 1}},
        "a": {"attributes": {"rel": "nofollow"}, "css": {"color": "red"}}, "css": {"margin-right": "10px"},
    }  # fmt: skip
    root = seen(block)
    (picture,), (link,) = root.all("img"), root.all("a")
    assert picture.attributes["alt"] == 'The "A"' and picture.attributes["data-x"] == "1"
    assert picture.style["border"] == "2px dashed pink" and picture.style["margin-right"] == "10px"
    assert picture.style["margin"] == "0 0 0 auto" and picture.style["height"] == "auto"
    assert link.attributes["rel"] == "nofollow" and link.style["color"] == "red" and link.children == [picture]
    assert made(block).text == 'The "A" <https://example.com/>\n'


def test_a_picture_without_alt_says_that_it_has_nothing_to_say() -> None:
    assert 'alt=""' in made({"type": "image", "src": "cid:logo@example.com"}).html


def test_the_height_of_a_picture_is_said_beside_its_width() -> None:
    (picture,) = seen({"type": "image", "src": URL, "width": "50%", "height": 60}).all("img")
    assert (picture.attributes["height"], picture.style["height"]) == ("60", "60px")


def test_an_image_without_address_is_told_and_left_out() -> None:
    done = made({"type": "image"})
    assert done.warnings == ("/content/blocks/0/src: an image without an address is left out",)
    assert "<img" not in done.html


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("a.png", "/content/blocks/0/src: expected a URL that begins with http, https, cid or a placeholder"),
        ("javascript:alert(1)", "/content/blocks/0/src: expected a URL"),
        (
            'https://example.com/"onerror=',
            "expected a URL, which has no control characters, quotes or angle brackets",
        ),
        ("https://example.com/\n", None),
        ("https://example.com/a\nb", "no control characters"),
        ("https://example.com/" + "x" * 2000, "a URL of over 2000 characters"),
        (["x"], "/content/blocks/0/src: expected a text"),
    ],
)
def test_addresses_of_pictures_are_checked(given: object, said: str | None) -> None:
    if said is None:
        assert "<img" in made({"type": "image", "src": given}).html
    else:
        assert said in wrong({"type": "image", "src": given})


def test_a_link_may_be_mail_a_telephone_a_place_on_the_page_or_a_placeholder() -> None:
    for url in ("mailto:a@example.com", "tel:+31201234567", "#top", "{$webversion}", "https://{$host}/"):
        assert seen({"type": "link", "label": "x", "link": url}).all("a")[0].attributes["href"] == url
    assert "expected a URL that begins with" in wrong({"type": "link", "label": "x", "link": "javascript:alert(1)"})
    assert "expected a URL that begins with" in wrong({"type": "link", "label": "x", "link": "www.example.com"})


def test_a_link_has_its_label_and_its_css() -> None:
    block = {"type": "link", "link": {"url": URL, "label": "Go"}, "css": {"color": "red"}, "attributes": {"id": "x"}}
    (link,) = seen(block).all("a")
    assert link.text == "Go" and link.style["color"] == "red" and link.attributes["id"] == "x"
    assert seen({"type": "link", "link": URL}).all("a")[0].text == URL


def test_a_button_has_size_colour_corners_and_a_label() -> None:
    size = {"top": 5, "bottom": 15, "right": 10, "left": 10}
    block = {"type": "button", "label": "Go & buy", "link": URL, "color": "green", "size": size, "corners": "round"}
    (link,) = seen({**block, "css": {"letter-spacing": "1px"}, "font": {"size": "20px", "color": "black"}}).all("a")
    assert link.text == "Go & buy" and link.style["padding"] == "5px 10px 15px 10px"
    assert link.style["background-color"] == "green" and link.style["border-radius"] == "100px"
    assert link.style["letter-spacing"] == "1px" and link.style["font-size"] == "20px"
    assert link.style["color"] == "black" and link.style["text-decoration"] == "none"
    assert made(block).text == "Go & buy <https://example.com/>\n"
    plain = seen({"type": "button", "label": "No link"})
    assert not plain.all("a") and plain.all("span")[0].text == "No link"


def test_columns_share_the_width() -> None:
    def parts(*sizes: object) -> list[str]:
        given: list[Made] = [{"size": size, "blocks": []} if size else {"blocks": []} for size in sizes]
        found = [each for each in seen({"type": "columns", "columns": given}).all("div")]
        return [each.style["max-width"].removesuffix("px") for each in found]

    assert parts(None, None) == ["290", "290"]
    assert parts("4", 8) == ["193", "387"]
    assert parts(2, None, 2) == ["97", "386", "97"]
    assert parts(*[None] * 5) == ["116"] * 5
    assert parts(3, 3) == ["145", "145"]
    assert sum(map(int, parts(*[None] * 7))) == 580


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ([], "/content/blocks/0/columns: expected an array of 1 to 12 columns"),
        ([{}] * 13, "expected an array of 1 to 12 columns"),
        ([{"size": 8}, {"size": 6}], "/content/blocks/0/columns: sizes of 14 in all, where 12 is the whole width"),
        ([{"size": 12}, {}], "sizes of 12 in all"),
        ([{"size": 13}], "/content/blocks/0/columns/0/size: expected a number from 1 to 12"),
        ([{"blocks": [{"type": "tex"}]}], "/content/blocks/0/columns/0/blocks/0/type: there is no block 'tex'"),
    ],
)
def test_columns_that_cannot_be_are_told(columns: list[object], said: str) -> None:
    assert said in wrong({"type": "columns", "columns": columns})


def test_a_container_holds_blocks_and_gives_them_its_font() -> None:
    inner = {"type": "text", "content": "in"}
    root = seen({"type": "container", "blocks": [inner], "font": {"color": "red"}, "background": "#eeeeee"})
    assert cell_of(root, "in").style["color"] == "red"
    assert any(each.attributes.get("bgcolor") == "#eeeeee" for each in root.all("td"))


def test_a_separator_is_grey_and_four_pixels_high_if_nothing_is_said() -> None:
    lines = [each.style["border-top"] for each in seen({"type": "separator"}).all("td") if "border-top" in each.style]
    assert lines == ["4px solid #cccccc"]
    block = {"type": "separator", "color": "red", "style": "dotted", "height": 10, "css": {"margin": "1px"}}
    (line,) = [each for each in seen(block).all("td") if "border-top" in each.style]
    assert line.style["border-top"] == "10px dotted red" and line.style["margin"] == "1px"
    assert "expected one of solid, dashed" in wrong({"type": "separator", "style": "wavy"})


def test_a_spacer_is_fifty_pixels_high_if_nothing_is_said() -> None:
    for block, height in (({"type": "spacer"}, "50"), ({"type": "spacer", "height": "20"}, "20")):
        assert [each.attributes["height"] for each in seen(block).all("td") if "height" in each.attributes] == [
            height
        ]


def test_visibility_by_output() -> None:
    blocks: list[Made] = [
        {"type": "text", "content": "in both"},
        {"type": "text", "content": "in the mail", "visibility": {"output": "mailonly"}},
        {"type": "text", "content": "on the web", "visibility": {"output": "webonly"}},
    ]
    mail, web = made(*blocks), made(*blocks, web=True)
    assert "in the mail" in mail.html and "on the web" not in mail.html
    assert "in the mail" not in web.html and "on the web" in web.html
    assert mail.text == "in both\n\nin the mail\n" == web.text
    assert "expected one of always, mailonly, webonly" in wrong({"type": "text", "visibility": {"output": "tv"}})


def test_visibility_by_device_is_a_class_for_the_style_sheet() -> None:
    root = seen(
        {"type": "text", "content": "wide", "visibility": {"device": "desktop"}},
        {"type": "text", "content": "small", "visibility": {"device": "mobile"}, "margin": 4},
    )
    names = [each.attributes["class"] for each in root.all("table") if "class" in each.attributes]
    assert names == ["re-centre", "re-desktop", "re-mobile"]


def test_the_pixel_is_there_where_no_picture_is() -> None:
    pixel = {"tracking": {"pixel": URL + "p.gif"}}
    forced = {"tracking": {"pixel": URL + "p.gif", "force": True}}
    text, image = {"type": "text", "content": "x"}, {"type": "image", "src": URL + "a.png"}
    assert "p.gif" in made(text, top=pixel).html and "p.gif" in made(image, top=forced).html
    assert "p.gif" not in made(image, top=pixel).html and "p.gif" not in made(text, web=True, top=pixel).html
    assert "p.gif" in render({"content": "<p>x</p></body>", **pixel}).html.split("</body>")[0]
