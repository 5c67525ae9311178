"""Icons that lead to a sender's pages, and those by which a page is shared."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from relay.transform.merge import compile
from relay.transform.responsive import DocumentError, render
from relay.transform.responsive.platforms import PLATFORMS, SHARING
from tests.transform.responsive.views import Element, elsewhere, look_for_outlook


def seen(block: Mapping[str, object]) -> Element:
    html = render({"content": {"blocks": [block]}}).html
    look_for_outlook(html)
    return elsewhere(html)


def links(block: Mapping[str, object]) -> list[str]:
    return [each.attributes["href"] for each in seen(block).all("a")]


def wrong(block: Mapping[str, object]) -> str:
    with pytest.raises(DocumentError) as found:
        seen(block)
    return str(found.value)


def test_a_name_is_enough_where_it_makes_an_address() -> None:
    given = {
        "facebook": "shop",
        "twitter": {"identifier": "@shop", "attributes": {"class": "mine"}},
        "linkedin": "https://www.linkedin.com/company/shop",
        "mail": "mailto:a@example.com",
        "youtube2": "{$channel}",
    }
    block = {"type": "follow", "label": "Follow us!", "platforms": given}
    assert links(block) == [
        "https://www.facebook.com/shop",
        "https://twitter.com/shop",
        "https://www.linkedin.com/company/shop",
        "mailto:a@example.com",
        "{$channel}",
    ]
    assert seen(block).all("a")[1].attributes["class"] == "mine"
    assert render({"content": {"blocks": [block]}}).text.startswith("Follow us!\nFacebook <https://www.facebook.com/")


def test_icons_are_badges_of_a_size_and_kind() -> None:
    block = {"type": "follow", "platforms": {"facebook": "shop"}, "icon": {"type": "rectangular", "size": 48}}
    (link,) = seen(block).all("a")
    assert link.parent is not None and link.parent.attributes["width"] == "48"
    assert link.parent.style["border-radius"] == "0" and link.parent.attributes["bgcolor"] == "#1877f2"
    usual = seen({"type": "follow", "platforms": {"facebook": "shop"}}).all("a")[0].parent
    assert usual is not None and usual.attributes["width"] == "32" and usual.style["border-radius"] == "50%"


def test_icons_can_be_pictures_of_the_sender() -> None:
    block = {"type": "follow", "platforms": {"x": "shop"}, "icon": {"folder": "https://example.com/icons/"}}
    (picture,) = seen(block).all("img")
    assert picture.attributes["src"] == "https://example.com/icons/x.png" and picture.attributes["alt"] == "X"


def test_every_platform_can_be_followed() -> None:
    given = {name: "https://example.com/" for name in PLATFORMS}
    assert links({"type": "follow", "platforms": given}) == ["https://example.com/"] * len(PLATFORMS)


def test_every_platform_of_sharing_says_the_address() -> None:
    block = {
        "type": "share",
        "platforms": list(SHARING),
        "link": {"url": "https://example.com/?a=b&c", "title": "Post"},
        "description": "Read & tell",
    }
    for link in links(block):
        assert "https%3A%2F%2Fexample.com%2F%3Fa%3Db%26c" in link


def test_facebook_and_twitter_have_more_to_say() -> None:
    block = {
        "type": "share",
        "platforms": ["facebook", "twitter"],
        "link": "https://example.com/",
        "facebook": {"appid": 123, "redirect_uri": "https://example.com/back"},
        "twitter": {"hashtags": ["mail", "#relay"], "via": "@shop", "attributes": {"tag": "t"}},
    }
    facebook, twitter = links(block)
    assert facebook == (
        "https://www.facebook.com/dialog/share?app_id=123&href=https%3A%2F%2Fexample.com%2F"
        "&redirect_uri=https%3A%2F%2Fexample.com%2Fback"
    )
    assert (
        twitter == "https://twitter.com/intent/tweet?url=https%3A%2F%2Fexample.com%2F&hashtags=mail%2Crelay&via=shop"
    )
    assert seen(block).all("a")[1].attributes["tag"] == "t"


def test_what_is_shared_may_be_a_placeholder() -> None:
    html = render(
        {"content": {"blocks": [{"type": "share", "platforms": ["facebook"], "link": "{$webversion|urlencode}"}]}}
    ).html
    assert "sharer.php?u=https%3A%2F%2Fexample.com" in compile(html).render({"webversion": "https://example.com"})


def test_a_platform_that_is_closed_is_told_and_left_out() -> None:
    block = {"type": "share", "platforms": ["googleplus"], "link": "https://example.com/"}
    made = render({"content": {"blocks": [block]}})
    assert made.warnings == ("/content/blocks/0/platforms/0: googleplus is closed, and is left out",)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (
            {"type": "follow", "platforms": {"facebok": "x"}},
            "there is no platform 'facebok'; did you mean 'facebook'?",
        ),
        (
            {"type": "follow", "platforms": {"aol": "x"}},
            "/content/blocks/0/platforms/aol: expected the whole address",
        ),
        ({"type": "follow", "platforms": {"x": "javascript:x"}}, "expected a URL that begins with"),
        ({"type": "share", "platforms": ["flickr"], "link": "https://x.example"}, "there is no platform 'flickr'"),
        ({"type": "share", "platforms": ["facebook"]}, "/content/blocks/0/link: expected the address that is shared"),
        (
            {"type": "follow", "icon": {"type": "square"}},
            "/content/blocks/0/icon/type: expected one of flower, glossy",
        ),
    ],
)
def test_what_is_wrong_is_told(block: Mapping[str, object], said: str) -> None:
    assert said in wrong(block)
