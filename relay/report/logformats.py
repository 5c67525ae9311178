"""Rows as the four forms of a log file: CSV, CSV with names, JSON, XML. Pure, and row by row.

In:  names of columns, and rows of text and whole numbers.
Out: octets, in pieces.

    csv      RFC 4180: commas, CRLF; a field with a comma, a quote or a line end stands in quotes, quotes are doubled
    header   the same, the names in the first line
    json     an array of objects
    xml      <records><record><NAME>value</NAME>...</record></records>

Why so: SMTPeter says neither how fields are quoted nor how lines end, and RFC 4180 is what every reader of CSV knows.
XML cannot hold most control characters, in no form: they are left out there. A carriage return is written as a
reference, since readers of XML would take it for a line end.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from xml.sax.saxutils import escape

import msgspec

Rows = Iterable[Sequence[Any]]

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENTITIES = {"\r": "&#13;"}


def csv_lines(columns: Sequence[str], rows: Rows) -> Iterator[bytes]:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    for row in rows:
        writer.writerow(row)
        yield written.getvalue().encode("utf-8", "replace")
        written.seek(0)
        written.truncate()


def csv_with_names(columns: Sequence[str], rows: Rows) -> Iterator[bytes]:
    yield from csv_lines(columns, [columns])
    yield from csv_lines(columns, rows)


def json_array(columns: Sequence[str], rows: Rows) -> Iterator[bytes]:
    encoder = msgspec.json.Encoder()
    before = b"["
    for row in rows:
        plain = [each.encode("utf-8", "replace").decode() if isinstance(each, str) else each for each in row]
        yield before + encoder.encode(dict(zip(columns, plain, strict=True)))
        before = b",\n"
    yield b"[]" if before == b"[" else b"]"


def xml_records(columns: Sequence[str], rows: Rows) -> Iterator[bytes]:
    yield b'<?xml version="1.0" encoding="UTF-8"?>\n<records>\n'
    for row in rows:
        fields = "".join(f"<{name}>{_xml(value)}</{name}>" for name, value in zip(columns, row, strict=True))
        yield f"<record>{fields}</record>\n".encode()
    yield b"</records>\n"


def _xml(value: Any) -> str:
    return escape(_NO_XML.sub("", str(value)), _ENTITIES)


FORMATS: dict[str, Callable[[Sequence[str], Rows], Iterator[bytes]]] = {
    "csv": csv_lines,
    "header": csv_with_names,
    "json": json_array,
    "xml": xml_records,
}
