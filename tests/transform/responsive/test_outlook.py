"""What Outlook on Windows gets to see: tables with widths, shapes for buttons, nothing that only CSS would place."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from relay.transform.responsive import render
from tests.transform.responsive.views import elsewhere, in_outlook, look_for_outlook

TEXT = {"type": "text", "content": "words"}
IMAGE = {"type": "image", "src": "https://example.com/a.png", "alt": "A"}
BUTTON = {"type": "button", "label": "Buy", "link": "https://example.com/buy"}
Made = Mapping[str, object]


def page(*blocks: Made) -> str:
    return render({"content": {"blocks": list(blocks)}}).html


def columns(*parts: Made) -> Made:
    return {"type": "columns", "columns": list(parts)}


@pytest.mark.parametrize(
    "blocks",
    [
        [TEXT, IMAGE, BUTTON],
        [columns({"blocks": [TEXT]}, {"blocks": [IMAGE]}, {"blocks": [BUTTON]})],
        [columns({"size": 2, "blocks": []}, {"size": 8, "blocks": [TEXT]}, {"size": 2, "blocks": [IMAGE]})],
        [columns(*({"blocks": [IMAGE]} for _ in range(12)))],
        [columns(*({"blocks": [IMAGE]} for _ in range(7)))],
        [{**columns({"blocks": [columns({"blocks": [BUTTON]}, {"blocks": [TEXT]})]}, {"blocks": []}), "margin": 7}],
        [
            {
                "type": "container",
                "padding": 20,
                "margin": 5,
                "blocks": [columns({"blocks": [IMAGE]}, {"blocks": [TEXT]})],
            }
        ],
        [{**columns({"blocks": [BUTTON]}, {"blocks": [IMAGE]}), "visibility": {"device": "mobile"}}],
        [{**columns({"blocks": [BUTTON]}, {"blocks": [IMAGE]}), "visibility": {"device": "desktop"}}],
        [
            {"type": "separator"},
            {"type": "spacer"},
            {"type": "heading", "content": "H", "link": "https://example.com/"},
        ],
        [{"type": "follow", "label": "Follow", "platforms": {"facebook": "shop", "mail": "mailto:a@example.com"}}],
        [{"type": "video", "url": "https://youtu.be/zSQCH1qyIDo"}],
    ],
)
def test_outlook_finds_tables_with_widths(blocks: list[Made]) -> None:
    look_for_outlook(page(*blocks))


def test_the_page_is_as_wide_as_the_centre_column_in_outlook_and_shrinks_elsewhere() -> None:
    html = page(TEXT)
    ghost = next(each for each in in_outlook(html).all("table") if each.attributes.get("width") == "580")
    assert ghost.attributes["align"] == "center"
    assert all(each.attributes["width"] == "100%" for each in elsewhere(html).all("table"))
    assert any(each.style.get("max-width") == "580px" for each in elsewhere(html).all("table"))


def test_columns_are_cells_in_outlook_and_fall_under_each_other_elsewhere() -> None:
    html = page(columns({"size": 4, "blocks": [TEXT]}, {"size": 8, "blocks": [TEXT]}))
    rows = [each for each in in_outlook(html).all("tr") if len(each.children) == 2]
    assert [[each.attributes["width"] for each in row.children] for row in rows] == [["193", "387"]]
    found = [each for each in elsewhere(html).all("div") if each.attributes.get("class") == "re-column"]
    assert [each.style["max-width"] for each in found] == ["193px", "387px"]
    assert all(each.style["display"] == "inline-block" and each.style["width"] == "100%" for each in found)


def test_a_button_is_a_shape_in_outlook_and_a_cell_elsewhere() -> None:
    html = page({**BUTTON, "color": "#a30", "corners": "radius", "size": 10})
    (shape,) = in_outlook(html).all("v:roundrect")
    assert shape.attributes["href"] == "https://example.com/buy"
    assert shape.attributes["fillcolor"] == "#aa3300" and shape.attributes["stroke"] == "f"
    assert (shape.style["height"], shape.style["width"]) == ("40px", "50px") and shape.text == "Buy"
    assert shape.attributes["arcsize"] == "13%"
    assert not in_outlook(html).all("a") and not elsewhere(html).all("v:roundrect")
    (link,) = elsewhere(html).all("a")
    assert link.text == "Buy" and link.style["border-radius"] == "5px" and link.style["padding"] == "10px"
    assert link.parent is not None and link.parent.attributes["bgcolor"] == "#aa3300"


def test_a_shape_is_no_wider_than_its_place() -> None:
    html = page({**BUTTON, "label": "x" * 500})
    (shape,) = in_outlook(html).all("v:roundrect")
    assert shape.style["width"] == "560px"


def test_what_is_for_telephones_is_hidden_from_outlook() -> None:
    html = page({**TEXT, "content": "small", "visibility": {"device": "mobile"}}, {**TEXT, "content": "all"})
    assert "small" not in in_outlook(html).text and "all" in in_outlook(html).text
    assert "small" in elsewhere(html).text
    hidden = [each for each in elsewhere(html).all("table") if each.attributes.get("class") == "re-mobile"]
    assert [each.style["display"] for each in hidden] == ["none"]


def test_a_picture_says_its_width_in_pixels_to_outlook_and_in_percent_to_others() -> None:
    html = page({**IMAGE, "width": "50%"}, {**IMAGE, "width": 1000}, {**IMAGE, "width": "145px", "align": "center"})
    found = elsewhere(html).all("img")
    assert [(each.attributes["width"], each.style["width"]) for each in found] == [
        ("290", "50%"),
        ("580", "100%"),
        ("145", "25%"),
    ]
    assert found[2].style["margin"] == "0 auto"
