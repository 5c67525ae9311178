"""Writes the newsletters of this directory and what is said of each: `python -m tests.data.newsletters.make`.

They are kept as files, CRLF and all, so that one can look at them.
"""

from __future__ import annotations

from pathlib import Path

from tests.data.newsletters import odd, outlook
from tests.data.newsletters.mail import Leaf, Multi, lines_of, message, text
from tests.data.newsletters.parts import page

HERE = Path(__file__).parent
PLAIN = "Read this as text: https://plain.example/read?id=1&x=2 (or http://plain.example/).\n\nGoodbye\n"
PNG = lines_of(b"\x89PNG\r\n\x1a\n" + bytes(range(200)), 76)
AMP = """<!doctype html><html amp4email><head><meta charset="utf-8"><script async src="https://cdn.amp.example/v0.js"></script>
<style amp4email-boilerplate>body{visibility:hidden}</style></head><body><a href="https://bike.example/amp">Ride</a></body></html>
"""
CALENDAR = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1@choir.example\r\nURL:https://choir.example/e\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
SHORT = page(
    "Short",
    '<p>One <a href="https://short.example/1">link</a>, one <img src="https://img.short.example/1.png" alt=""></p>',
)
CHOIR = page("Come and sing", '<p>Practice is on Monday. <a href="https://choir.example/come">I will come</a></p>')
SUSHI = page(
    "\u4eca\u9031\u306e\u304a\u3059\u3059\u3081",
    '<p>\u5bff\u53f8 <a href="https://sushi.example/menu">\u30e1\u30cb\u30e5\u30fc</a></p>',
)
RADIO = page(
    "\u0420\u0430\u0434\u0438\u043e",
    '<p>\u0421\u043b\u0443\u0448\u0430\u0439\u0442\u0435 <a href="https://radio.example/live">\u044d\u0444\u0438\u0440</a></p>',
)
ORCHESTRA = page("S\u00e4song", '<p>V\u00e5r <a href="https://orkester.example/var">konsert</a></p>')


def both(html: str, words: str = PLAIN, charset: str = "utf-8", encoding: str = "quoted-printable") -> Multi:
    return Multi(
        "multipart/alternative", (text(words, charset, encoding, "plain"), text(html, charset, encoding)), "alt-1"
    )


def _broken_quoted() -> Leaf:
    """Quoted-printable as some programs write it: bare `=`, small letters, a URL in two lines, one long line."""
    body = (
        b'<html><body><a href="http://qp.example/a?x=1&y=zz">bare</a>\r\n<p>caf=c3=a9 =C3=A9 a=XYb 100=%</p>\r\n'
        b'<a href=3D"http://qp.example/a/very/long/path/that/goes/on/and/on/un=\r\n'
        b'til/it/ends?q=3D1&amp;r=3D2" class=\r\n'
        b'=3D"x">soft</a>=20\r\n<td title=3D"' + b"long " * 60 + b'"><a href=http://qp.example/unquoted>u</a>=09\r\n'
        b'<a href=3D"ht=74p:=2F=2Fqp.example=2Fescaped">e</a>= \r\n</body></html>\r\n'
    )
    return Leaf("text/html", body, "Quoted-Printable", "UTF-8")


def _signed(kind: str, signature: str, body: Leaf | Multi) -> Multi:
    end = Leaf(signature, lines_of(b"no signature, but where one would be" * 9, 64), "base64")
    return Multi("multipart/signed", (body, end), "sig-1", f'; protocol="{signature}"; micalg={kind}')


def messages() -> dict[str, tuple[str, bytes]]:
    """What each is about, and its octets."""
    html_file = Leaf(
        "text/html; name=page.html",
        SHORT.replace("\n", "\r\n").encode(),
        "7bit",
        more="Content-Disposition: attachment; filename=page.html",
    )
    picture = Leaf(
        "image/png", PNG, "base64", more="Content-ID: <logo@nested.example>\r\nContent-Disposition: inline"
    )
    with_picture = page(
        "Nested", '<img src="cid:logo@nested.example" alt="logo"><a href="https://nested.example/">Home</a>'
    )
    nested = Multi(
        "multipart/mixed",
        (
            Multi("multipart/related", (both(with_picture), picture), "rel-1"),
            Leaf(
                "application/pdf",
                lines_of(b"%PDF-1.4 not really", 76),
                "base64",
                more="Content-Disposition: attachment; filename=a.pdf",
            ),
            html_file,
        ),
        "mix-1",
    )
    amp = Multi(
        "multipart/alternative",
        (
            text(PLAIN, kind="plain"),
            text(AMP, kind="x-amp-html", encoding="8bit"),
            text(page("Ride", '<a href="https://bike.example/html">Ride</a>')),
        ),
        "alt-2",
    )
    invited = Multi(
        "multipart/alternative",
        (
            text("Come: https://choir.example/come\n", kind="plain"),
            text(CHOIR),
            Leaf("text/calendar; method=REQUEST", CALENDAR.encode(), "7bit", "utf-8"),
        ),
        "alt-3",
    )
    forwarded = Multi(
        "multipart/mixed",
        (
            text("See below: https://fwd.example/mine\n", kind="plain", encoding="7bit"),
            Leaf("message/rfc822", message("Inner", "News <news@inner.example>", both(SHORT)), "8bit"),
        ),
        "mix-2",
    )
    encrypted = Multi(
        "multipart/encrypted",
        (
            Leaf("application/pgp-encrypted", b"Version: 1\r\n"),
            Leaf(
                "application/octet-stream",
                b"-----BEGIN PGP MESSAGE-----\r\n\r\nnone\r\n-----END PGP MESSAGE-----\r\n",
            ),
        ),
        "enc-1",
        '; protocol="application/pgp-encrypted"',
    )
    narrow = lines_of(
        b"\xef\xbb\xbf" + outlook.ferry().replace("CHARSET", "utf-8").replace("\n", "\r\n").encode(), 60
    )
    row = "<td><a href='https://long.example/{}'>{}</a></td>"
    one_line = "".join(row.format(n, n) for n in range(1, 20))
    return {
        "atlas-maps": (
            "image maps in three ways of writing, 15 areas",
            message("A map of the isles", "Atlas <a@atlas.example>", both(outlook.atlas())),
        ),
        "bike-amp": ("text, AMP and HTML alternatives", message("Ride", "Bikes <b@bike.example>", amp)),
        "books-latin1": (
            "iso-8859-1 in 8bit, upper case tags, URLs without quotes, no text part",
            message("Herbst", "Buch <b@buch.example>", text(odd.BOOKS, "iso-8859-1", "8bit")),
        ),
        "broken-html": (
            "ends that are missing, attributes twice, a tag that never ends",
            message("Odd", "Odd <o@odd.example>", both(odd.BROKEN)),
        ),
        "broken-quoted-printable": (
            "bare =, small letters, long lines, escapes in a URL",
            message("Quoted", "Q <q@qp.example>", _broken_quoted()),
        ),
        "choir-calendar": (
            "a text/calendar alternative",
            message("Come and sing", "Choir <c@choir.example>", invited),
        ),
        "cinema-1252": (
            "windows-1252, references and odd blanks in URLs",
            message("Films", "Films <f@film.example>", both(odd.CINEMA, charset="windows-1252")),
        ),
        "dark-mode": (
            "rules for dark mode, for Outlook's and Gmail's own elements",
            message("Dark", "D <d@dark.example>", both(odd.DARK)),
        ),
        "ferry-base64": (
            "base64 in lines of 60 with a byte order mark, Outlook columns and a filled section",
            message("Winter times", "Ferry <f@ferry.example>", Leaf("text/html", narrow, "BASE64", "utf-8")),
        ),
        "forwarded": ("a newsletter as message/rfc822", message("Fwd: Inner", "Me <me@fwd.example>", forwarded)),
        "fragment": (
            "HTML without html, head and body",
            message("Part", "P <p@part.example>", text(odd.FRAGMENT, "us-ascii", "7bit")),
        ),
        "garden-buttons": (
            "8 round buttons and one with a picture, for Outlook and others",
            message("What to plant", "Garden <g@garden.example>", both(outlook.garden())),
        ),
        "html-attachment": (
            "a text, and a page as attachment",
            message(
                "File",
                "F <f@file.example>",
                Multi("multipart/mixed", (text(PLAIN, kind="plain"), html_file), "mix-3"),
            ),
        ),
        "long-lines": (
            "8bit, a line of 980 octets and links in it",
            message("Long", "L <l@long.example>", text(f"<table><tr>{one_line}</tr></table>\n", "utf-8", "8bit")),
        ),
        "market-50k": (
            "50 KB, 74 links of which 12 are Outlook buttons, a style sheet with media rules and states",
            message("The market this week", "Market <m@market.example>", both(outlook.market())),
        ),
        "marked-links": (
            "every way of saying that a link is not to be tracked",
            message(
                "Bank",
                "Bank <b@bank.example>",
                both(odd.MARKED, 'https://bank.example/4\nhttps://bank.example/12 [[data-msys-clicktrack="0"]]\n'),
            ),
        ),
        "nested": (
            "mixed, related, alternative; a picture by cid, a PDF, a page as attachment",
            message("Nested", "N <n@nested.example>", nested),
        ),
        "orchestra-utf16": (
            "utf-16 in base64, a text part in utf-8",
            message(
                "Season",
                "O <o@orkester.example>",
                Multi(
                    "multipart/alternative", (text(PLAIN, kind="plain"), text(ORCHESTRA, "utf-16", "base64")), "alt-4"
                ),
            ),
        ),
        "pgp-encrypted": ("the shape of PGP/MIME encryption", message("Secret", "S <s@pgp.example>", encrypted)),
        "pgp-signed": (
            "the shape of a PGP/MIME signature around text and HTML",
            message("Signed", "S <s@pgp.example>", _signed("pgp-sha256", "application/pgp-signature", both(SHORT))),
        ),
        "radio-koi8": (
            "koi8-r in quoted-printable",
            message("Radio", "R <r@radio.example>", both(RADIO, charset="koi8-r")),
        ),
        "shapes": (
            "links on 8 shapes of VML, text for Outlook alone and for others alone",
            message("Shapes", "S <s@shapes.example>", both(outlook.shapes())),
        ),
        "smime-encrypted": (
            "the shape of S/MIME encryption",
            message(
                "Sealed",
                "S <s@smime.example>",
                Leaf(
                    "application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m",
                    lines_of(bytes(300), 64),
                    "base64",
                ),
            ),
        ),
        "smime-signed": (
            "the shape of an S/MIME signature around HTML",
            message("Signed", "S <s@smime.example>", _signed("sha-256", "application/pkcs7-signature", text(SHORT))),
        ),
        "styled": (
            "what style sheets can have: importance, states, print, at-rules, comments",
            message("Styles", "S <s@style.example>", both(odd.STYLED)),
        ),
        "sushi-2022": (
            "iso-2022-jp, text and HTML",
            message(
                "Menu",
                "Sushi <s@sushi.example>",
                both(SUSHI, "\u5bff\u53f8 https://sushi.example/\n", "iso-2022-jp", "7bit"),
            ),
        ),
        "sushi-sjis": (
            "shift_jis in 8bit",
            message(
                "Menu",
                "Sushi <s@sushi.example>",
                both(SUSHI, "\u5bff\u53f8 https://sushi.example/\n", "shift_jis", "8bit"),
            ),
        ),
        "templated": (
            "comments and placeholders of several template languages, a script, a textarea",
            message("Shop", "Shop <s@shop.example>", both(odd.TEMPLATED, "{{x}} https://shop.example/?u={{user}}\n")),
        ),
        "text-only": (
            "no HTML at all, format=flowed",
            message(
                "Text",
                "T <t@plain.example>",
                Leaf("text/plain; format=flowed", PLAIN.replace("\n", "\r\n").encode(), "7bit", "us-ascii"),
            ),
        ),
        "theatre-buttons": (
            "6 round buttons and 6 with pictures in ghost tables",
            message("On stage", "Stage <s@stage.example>", both(outlook.theatre(), encoding="8bit")),
        ),
    }


def main() -> None:
    lines = [
        "# Newsletters of our own",
        "",
        "Invented mail to try rewriting on; `python -m tests.data.newsletters.make` writes it, and this page.",
        "",
        "| file | what is in it |",
        "| --- | --- |",
    ]
    for name, (about, octets) in messages().items():
        (HERE / f"{name}.eml").write_bytes(octets)
        lines.append(f"| `{name}.eml` | {about} |")
    (HERE / "README.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
