"""Writes the awkward messages of this directory: `python -m tests.corpus.make`.

They are kept as files, CRLF and all, so that one can look at them; this says what each is about.
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
HEAD = b"From: Me <me@example.com>\r\nTo: you@example.net\r\nSubject: hi\r\n"
PLAIN = HEAD + b"Date: Sat, 21 Nov 2026 04:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n"
MIXED = PLAIN + b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b1"\r\n\r\n'
LONG = b"word " * 400 + b"end"

MESSAGES: dict[str, bytes] = {
    "plain": PLAIN + b"\r\nHello.\r\n",
    "bare-minimum": b"From: me@example.com\r\n\r\n",
    "one-header-no-blank-line": b"From: me@example.com\r\n",
    "header-only": PLAIN,
    "empty-body": PLAIN + b"\r\n",
    "body-of-one-empty-line": PLAIN + b"\r\n\r\n",
    "no-final-newline": PLAIN + b"\r\nno newline at the end",
    "blank-at-end-without-newline": PLAIN + b"\r\ntext \t",
    "trailing-blank-lines": PLAIN + b"\r\ntext\r\n\r\n\r\n\r\n",
    "trailing-white-lines": PLAIN + b"\r\ntext\r\n \r\n\t\r\n \t \r\n",
    "only-white-lines": PLAIN + b"\r\n \r\n\t\r\n\r\n",
    "white-space-everywhere": PLAIN + b"\r\n  a  b\t\tc \t \r\n\t\tindented\r\ntrailing   \r\n \r\nx\r\n",
    "long-run-of-blanks": PLAIN + b"\r\na" + b" " * 900 + b"b\r\n",
    "leading-blank-lines": PLAIN + b"\r\n\r\n\r\ntext\r\n",
    "dots": PLAIN + b"\r\n.\r\n..\r\n.a\r\n...\r\n",
    "from-in-body": PLAIN + b"\r\nFrom me to you\r\nFrom: ceo@bank.example\r\n",
    "folded-fields": HEAD
    + b"References: <a@example.com>\r\n\t<b@example.com>\r\n   <c@example.com>\r\n"
    + b"X-Long: one\r\n \t two \r\n\tthree\r\nDate: Sat, 21 Nov 2026 04:00:00\r\n +0000\r\n\r\nx\r\n",
    "fold-of-blanks-only": HEAD + b"X-Odd: a\r\n \t \r\n b\r\n\r\nx\r\n",
    "value-on-next-line": b"From:\r\n me@example.com\r\nSubject:\r\n hi\r\nTo:you@example.net\r\n\r\nx\r\n",
    "empty-values": b"From: me@example.com\r\nSubject:\r\nTo: \r\nCc:\t\r\nX-Empty:\r\n\r\nx\r\n",
    "odd-case-and-spacing": b"fROM:me@example.com\r\nSUBJECT:   hi   there \r\nmessage-id:<x@y>\r\n\r\nx\r\n",
    "repeated-fields": PLAIN + b"To: third@example.net\r\nSubject: again\r\nX-A: 1\r\nX-A: 2\r\n\r\nx\r\n",
    "long-field": PLAIN + b"X-Long: " + b"x" * 900 + b"\r\n\r\nx\r\n",
    "overlong-field": PLAIN + b"X-Long: " + b"x" * 3000 + b"\r\n\r\nx\r\n",
    "raw-utf8": "From: Jörg <me@example.com>\r\nSubject: Grüße\r\n\r\nÄpfel\r\n".encode(),
    "raw-latin1": "From: Jörg <me@example.com>\r\nSubject: Grüße\r\n\r\nÄpfel\r\n".encode("latin-1"),
    "smtputf8": "From: jörg@example.com\r\nTo: 用户@example.net\r\nSubject: ü\r\n\r\nx\r\n".encode(),
    "hidden-copies": b"Return-Path: <x@example.com>\r\n" + PLAIN + b"BCC: a@example.net,\r\n b@example.net\r\n"
    b"Bcc: c@example.net\r\nResent-Bcc: d@example.net\r\n\r\nBcc: stays@example.net\r\n",
    "newsletter": PLAIN + b"List-Id: News <news.example.com>\r\nList-Unsubscribe: <https://example.com/u>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nFeedback-ID: a:b:c:example\r\n\r\nx\r\n",
    "long-line": PLAIN + b"\r\nshort\r\n" + LONG + b"\r\nshort \r\n",
    "long-line-8bit": PLAIN + b"\r\n" + "Größe ".encode() * 300 + b"\r\n",
    "long-line-in-alternative": PLAIN
    + b"MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary=b1\r\n\r\npreamble\r\n"
    + b"--b1\r\nContent-Type: text/plain\r\n\r\nshort\r\n--b1\r\nContent-Type: text/html; charset=utf-8\r\n"
    + b"Content-Transfer-Encoding: 8bit\r\n\r\n<p>"
    + "ß".encode() * 900
    + b"</p>\r\n--b1--\r\nepilogue\r\n",
    "long-line-signed": PLAIN
    + b'MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary="b1"; micalg=pgp-sha256;\r\n'
    + b' protocol="application/pgp-signature"\r\n\r\n--b1\r\n\r\n'
    + LONG
    + b"\r\n--b1\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b1--\r\n",
    "long-line-inline-pgp": PLAIN + b"\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\n" + LONG + b"\r\n",
    "long-line-in-contained-message": MIXED
    + b"--b1\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\n"
    + LONG
    + b"\r\n--b1--\r\n",
    "long-line-in-base64": MIXED
    + b"--b1\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: BASE64\r\n\r\n"
    + b"iVBORw0K" * 200
    + b"\r\n--b1--\r\n",
    "long-line-in-quoted-printable": MIXED
    + b"--b1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    + b"=C3=A4b" * 300
    + b"\r\n--b1--\r\n",
    "nested": MIXED
    + b"--b1\r\nContent-Type: multipart/alternative; boundary=b2\r\n\r\n--b2\r\n\r\nplain\r\n--b2 \r\n"
    + b"Content-Type: text/html\r\n\r\n<b>\r\n--b2--\r\n\r\n--b1\r\nContent-Type: text/plain\r\n\r\nlast\r\n--b1--",
}


def main() -> None:
    for name, octets in MESSAGES.items():
        (HERE / f"{name}.eml").write_bytes(octets)


if __name__ == "__main__":
    main()
