"""Control headers of other services: never honoured here, and never sent on.

In:  a header. Out: the fields to take out.

An application that was moved here from another service may still write that service's headers, and some of
them hold what no recipient may see: the variables of all other recipients, keys, names of customers. Names that
could be anybody's (`X-Tags`, `X-Campaign`) are left alone.

Why so: only for mail that the account wrote (`control_headers: on`). Mail that a relay passes on has left its
author's service already, and what that service put on it for the recipient to see is not ours to take away.
"""

from __future__ import annotations

from relay.model.address import printable
from relay.transform.headers import Field, Header, Shape

# Lower case, and all begin with `x-`. A name that ends in a hyphen stands for all that begin so.
VENDORS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("SendGrid", ("x-smtpapi",)),
    ("SparkPost", ("x-msys-api",)),
    ("Mailgun", ("x-mailgun-",)),
    ("Mandrill", ("x-mc-",)),
    ("Postmark", ("x-pm-",)),
    ("Mailjet", ("x-mj-", "x-mailjet-")),
    ("Amazon SES", ("x-ses-",)),
    ("Mailtrap", ("x-mt-",)),
    ("Brevo", ("x-mailin-",)),
    ("MailerQ", ("x-mq-",)),
    ("Postal", ("x-postal-",)),
    ("PowerMTA", ("x-virtual-mta", "x-dkim-key")),
    ("AliDM", ("x-alidm-trace",)),
)
_NAMES = {name.encode(): vendor for vendor, names in VENDORS for name in names if not name.endswith("-")}
_PREFIXES = {name.encode(): vendor for vendor, names in VENDORS for name in names if name.endswith("-")}
_BEGINNINGS = tuple(_PREFIXES)
_LISTED = 3  # names in a warning


def vendor_fields(header: Header) -> tuple[Field, ...]:
    """The fields that are another service's control headers."""
    return header.at(places) if (places := header.shape.known(_foreign)) else ()


def _foreign(shape: Shape) -> tuple[int, ...]:
    return tuple(place for place, name in enumerate(shape.names) if name in _NAMES or name.startswith(_BEGINNINGS))


def vendor_warning(fields: tuple[Field, ...]) -> str:
    """What the sender is told of them: names alone, since a value may be a secret."""
    names = list(dict.fromkeys(printable(each.name.decode("ascii"), 60) for each in fields))
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{', '.join(names[:_LISTED])}{more}: headers for another service, removed and not honoured"
