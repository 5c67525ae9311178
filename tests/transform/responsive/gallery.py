"""The example of the handbook, with what it shows of elsewhere.

`python -m tests.transform.responsive.gallery` writes the golden files anew; look at them before you keep them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import relay.handbook
from relay.transform.responsive import Rendered, render

GOLDEN = Path(__file__).parent / "golden"
PAGE = Path(relay.handbook.__file__).parent / "responsive.md"
_JSON = re.compile(r"```json\n(.*?)\n```", re.DOTALL)

FETCHED = {
    "https://www.example.com/feed.xml": (
        b"<rss><channel><item><title>A new lamp</title><link>https://www.example.com/news/1</link>"
        b"<description>&lt;p&gt;It &lt;em&gt;shines&lt;/em&gt;.&lt;/p&gt;</description></item>"
        b"<item><title>An old lamp</title><description>It did.</description></item></channel></rss>"
    ),
    "https://www.example.com/footer.json": json.dumps(
        {"blocks": [{"type": "text", "content": "The Shop, {$city}", "align": "center", "font": {"size": "12px"}}]}
    ).encode(),
}


def examples() -> list[dict[str, object]]:
    return [json.loads(each) for each in _JSON.findall(PAGE.read_text())]


def gallery(*, web: bool = False) -> Rendered:
    return render(examples()[0], web=web, fetched=FETCHED)


def files() -> dict[str, str]:
    mail, web = gallery(), gallery(web=True)
    return {"mail.html": mail.html, "web.html": web.html, "mail.txt": mail.text}


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, content in files().items():
        (GOLDEN / name).write_text(content)
