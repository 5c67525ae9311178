"""What a rendered document goes through afterwards: filled in, styles inlined, links and pictures tracked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relay.transform.css import inline
from relay.transform.html.rewrite import rewrite_html
from relay.transform.merge import compile
from tests.transform.responsive.gallery import gallery
from tests.transform.responsive.views import elsewhere, in_outlook, look_for_outlook
from tests.transform.rewriting import CLICKS, filled

MARK = "{$webversion}"
SHOP = "https://www.example.com/?utm_medium=email&from=letter"


@pytest.fixture(scope="module")
def page() -> bytes:
    """The mark of the page online stays in, as it does when mail is sent."""
    return compile(gallery().html).render({"name": "Ann", "city": "Utrecht", "webversion": MARK}).encode()


def test_links_are_tracked_in_outlook_and_elsewhere_and_the_page_online_is_found(page: bytes) -> None:
    rules = replace(CLICKS, opens=True, view_marker=MARK, view_online=True)
    result = rewrite_html(page, rules)
    made = filled(page, result).decode()
    look_for_outlook(made)
    links = [each.attributes["href"] for each in elsewhere(made).all("a")]
    shapes = [each.attributes["href"] for each in in_outlook(made).all("v:roundrect")]
    ours = "https://clicks.example.com/"
    assert links[0].startswith(f"{ours}VIEW_") and MARK not in made
    assert all(each.startswith(ours) for each in [*links, *shapes] if not each.startswith("mailto:"))
    assert len(shapes) == 2 and SHOP in result.targets
    assert len(result.targets) == len(links) + len(shapes) - 2 + len(elsewhere(made).all("img"))
    assert "Read this online" in made and result.warnings == ()


def test_inlining_the_style_sheet_leaves_a_page_that_outlook_can_lay_out(page: bytes) -> None:
    done = inline(page)
    look_for_outlook(done.text.decode())
    assert [each.text for each in in_outlook(done.text.decode()).all("v:roundrect")] == ["Buy", "To the shop"]
