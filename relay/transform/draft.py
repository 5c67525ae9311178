"""A content as it will leave, before it is put together: fields out, and lines on top.

In:  a header, the fields that go, the lines that come.
Out: its octets, with signatures above all; and what a signature covers.

Why so: a message of megabytes is copied once, when all that stands above it is known, and a header that stays as it
was is not read again for signing.
"""

from __future__ import annotations

from collections.abc import Sequence

from relay.model.light import light
from relay.transform.dkim import Material, Signer
from relay.transform.headers import Field, Header, read_header, shape_of, splice
from relay.transform.longlines import LINE, long_line


@light(frozen=True, slots=True)
class Draft:
    header: Header
    trace: bytes  # our Received field, on top of all; never signed
    top: Sequence[bytes]  # further fields, each with its CRLF
    out: Sequence[Field]

    @property
    def has_long_lines(self) -> bool:
        """Whether a line may be over the limit; one of a field that goes out counts, too."""
        content = self.header.content
        return long_line(content, self.header.start, len(content)) is not None or any(
            len(each) > LINE for each in self.top
        )

    def content(self, above: Sequence[bytes] = ()) -> bytes:
        return splice(self.header, self.out, [*above, self.trace, *self.top])

    def signed(self, signers: Sequence[Signer], at: float) -> bytes:
        """The content with a signature of each signer on top, the first signer's first."""
        if not signers:
            return self.content()
        material = self._material()
        return self.content([each.sign(material, at) for each in signers])

    def _material(self) -> Material:
        header = self.header
        shape, values = header.shape, header.values
        if self.top or self.out:
            added = read_header(b"".join(self.top))
            gone = {each.start for each in self.out}
            kept = [place for place, each in enumerate(header.fields) if each.start not in gone]
            shape = shape_of((*added.shape.names, *(shape.names[place] for place in kept)))
            values = [*added.values, *(values[place] for place in kept)]
        return Material.of_fields(shape, values, header.content, header.body)
