"""What the bench sends to be rewritten, and how it tells an honest rewriting from another."""

from __future__ import annotations

import asyncio
import contextlib
import html
import re
from collections.abc import Callable

import pytest

from relay.model.account import LinkKey
from relay.model.token import Purpose, Token
from relay.transform.token import make
from tests.bench import letter
from tests.bench.book import Book
from tests.bench.content import letter_body, message
from tests.bench.job import APART, TURN, Job
from tests.bench.links import BASE, given, judge, sent_html, texts, unstuffed
from tests.bench.visitor import Visit, visit

KEY = LinkKey(number=1, secret=b"k" * 32, created=0.0)
OTHER = LinkKey(number=1, secret=b"o" * 32, created=0.0)
MESSAGE = "06gvt5qpd404upma"
TRACKED = {"CLICK": letter.LINKS, "IMAGE": letter.IMAGES}


def job(**more: object) -> Job:
    words = {"content": letter.LETTER, "changed": True, "tokens": TRACKED, "undo": True, **more}
    return Job(port=1, run="test", **words)  # type: ignore[arg-type]


def sent(of: Job, number: int = 7) -> bytes:
    """A message as it is on the wire, without the final dot."""
    made = message(1000, of.run, of.sender, of.recipients, of.fields, of.content, of.fresh)
    return made.numbered(number).removesuffix(b".\r\n")


def rewritten(of: Job, recipient: int = 1, key: LinkKey = KEY, ident: str = MESSAGE) -> bytes:
    """The message with its links led through us, as html in 8bit."""
    wire = sent(of)
    page = sent_html(wire, of)
    numbers = iter(range(1000))

    def ours(found: re.Match[str]) -> str:
        purpose = Purpose.CLICK if found[1] == "href" else Purpose.IMAGE
        text = make(key, Token(purpose, ident, recipient, next(numbers))).decode()
        return f'{found[1]}="{BASE}/{text}-path"'

    page = re.sub(r'\b(href|src)="https?:[^"]*"', ours, page)
    head = wire.partition(b"\r\n\r\n")[0].replace(b"quoted-printable", b"8bit")
    return head + b"\r\n\r\n" + page.encode().replace(b"\r\n.", b"\r\n..")


def test_the_letter_is_what_the_goals_are_about() -> None:
    page = letter.html()
    assert 45_000 < len(page.encode()) < 52_000
    assert len(re.findall(r'\bhref="https:', page)) == letter.LINKS
    assert len(re.findall(r'\bsrc="https:', page)) == letter.IMAGES
    assert len(set(given(html.unescape(page), job(tokens={"CLICK": 1})))) > 30


@pytest.mark.parametrize("form", [letter.LETTER, letter.PICTURES, letter.DATA])
def test_a_number_goes_into_a_fresh_letter_and_no_line_of_it_ends_the_message(form: str) -> None:
    assert len(letter_body(form, True)) == 2
    wire = b"".join(letter_body(form, False))
    assert not re.search(rb"\r\n\.[^.]", wire)
    assert max(map(len, wire.split(b"\r\n"))) <= 77  # a doubled dot included


def test_rewritten_links_that_are_ours_and_lead_back_to_what_was_sent_are_honest() -> None:
    assert judge(rewritten(job()), job(), [OTHER, KEY]) == ""
    assert judge(rewritten(job(fresh=True)), job(fresh=True), [KEY]) == ""
    mailing = job(copies=APART, recipients=("m0000@example.net",) * 9)
    assert judge(rewritten(mailing, recipient=9), mailing, [KEY], place=8) == ""


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda wire: wire.replace(b"-path", b"-path\xc3\xa9 ", 1), "another one"),
        (lambda wire: wire.replace(b"lake", b"pond", 1), "another one"),
        (lambda wire: re.sub(rb'href="https://clicks[^"]*"', b'href="https://market.example/"', wire, count=1), "39"),
        (lambda wire: re.sub(rb"(clicks\.example\.com/.{20}).", rb"\1_", wire, count=1), "is none"),
    ],
    ids=["a link cut", "a word changed", "a link not tracked", "a token changed"],
)
def test_a_rewriting_that_is_not_honest_is_told(change: Callable[[bytes], bytes], fault: str) -> None:
    assert fault in judge(change(rewritten(job())), job(), [KEY])


def test_links_of_somebody_else_or_of_another_key_are_told() -> None:
    assert "recipients [2]" in judge(rewritten(job(), recipient=2), job(), [KEY])
    assert "is none" in judge(rewritten(job(), key=OTHER), job(), [KEY])


def test_a_mailing_is_counted_by_copy() -> None:
    of = job(copies=APART, recipients=("m0000@example.net", "m0001@example.net", "m0002@example.net"))
    book = Book(**of.told())
    for place in (0, 2, 2):
        wire = bytearray(rewritten(of, recipient=place + 1))
        book.take(wire, len(wire), 0, [place])
    report = book.report(3)  # of message 7, three copies are numbers 21 to 23
    assert (book.whole, report["doubled"], report["cut"], book.seen[21:24]) == (2, 1, 0, bytearray((1, 0, 1)))


def test_a_message_that_went_to_another_than_whose_turn_it_was_is_a_stray() -> None:
    of = job(copies=TURN, recipients=("m0000@example.net", "m0001@example.net"))
    book = Book(**of.told())
    wire = bytearray(rewritten(of))
    book.take(wire, len(wire), 0, [0])  # 7 is for the second
    book.take(wire, len(wire), 0, [1])
    assert (book.stray, book.whole) == (1, 1)


def test_a_changed_letter_that_is_shorter_than_the_first_or_does_not_end_is_cut() -> None:
    book = Book(**job().told())
    wire = rewritten(job())
    cut = wire.replace(b"</html>", b"<!html>")
    for each in (wire, wire.replace(b"lake", b"lak", 1), cut, wire):
        book.take(bytearray(each), len(each), 1)
    assert book.cut == 2


def test_dots_are_undoubled() -> None:
    assert unstuffed(b"..a\r\n..b\r\n.c") == b".a\r\n.b\r\n.c"
    assert texts(b"Content-Type: text/html\r\n\r\n<p>\r\n..x") == [("text/html", "<p>\r\n.x")]


async def test_a_visitor_tells_answers_that_lead_elsewhere() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):  # the visitor has left
            while asked := await reader.readuntil(b"\r\n\r\n"):
                where = b"https://a.example/" if b"/good" in asked else b"https://evil.example/"
                writer.write(b"HTTP/1.1 302 Found\r\nLocation: " + where + b"\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    target = "https://a.example/"
    good = await visit(Visit(port=port, addresses=[("/good", target)], connections=2, seconds=0.1))
    assert good.faults == []
    assert good.answers == len(good.latencies) > 0
    bad = await visit(Visit(port=port, addresses=[("/good", target), ("/bad", target)], connections=2, seconds=0.1))
    assert "302 to 'https://evil.example/' and not to 'https://a.example/'" in bad.faults
    paced = await visit(Visit(port=port, addresses=[("/good", target)], connections=4, seconds=0.3, rate=100.0))
    assert paced.faults == []
    assert paced.answers <= 34  # 30, and one that each connection had begun with
    server.close()
