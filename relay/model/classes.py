"""The classes of replies and reports: one vocabulary for what a next hop said at once and what came back later.

`delivery/judge.py` finds the class of a reply, `bounce/classes.py` that of a report; events name it in `class`, and
`config/bounces.yaml` says which of them suppress an address.

Why so: a class is either about the recipient's address or about something else, and only the former may ever
suppress. That our address is listed, a message looks like spam or a DMARC record is missing says nothing about the
mailbox; who took such addresses off a list would lose living recipients for a fault of their own.
"""

from __future__ import annotations

from collections.abc import Mapping

# About the address, or what lies behind it.
OF_RECIPIENT: Mapping[str, str] = {
    "no-mailbox": "there is no such mailbox",
    "no-such-domain": "there is no such domain",
    "null-mx": "the domain takes no mail at all (RFC 7505)",
    "no-mail": "the host takes no mail at all (RFC 7504)",
    "address": "the address cannot be right",
    "mailbox": "something about the mailbox, not said what",
    "mailbox-disabled": "the mailbox exists and is closed, or not used any more",
    "mailbox-full": "the mailbox is full",
    "mailbox-busy": "the mailbox gets too much mail just now",
    "moved": "the recipient is elsewhere now",
}
# About us, the message, the way there, or nothing that could be read.
OF_OTHERS: Mapping[str, str] = {
    "accepted": "taken",
    "auth": "the next hop wants AUTH, or refused ours",
    "connection": "no connection, or it broke",
    "content": "the content cannot be sent, or is gone",
    "dns": "names cannot be looked up",
    "egress": "our own side cannot connect",
    "expired": "its time was over",
    "greylist": "to be tried again later",
    "loop": "mail goes in circles",
    "no-host": "no host of the site can be reached",
    "no-mail-host": "the MX record names no host",
    "no-mx-address": "MX hosts have no address",
    "policy": "a rule of the receiving side, about our host, domain or authentication",
    "private-address": "the site has addresses inside a network only",
    "rate": "too much at once",
    "refused": "refused for good, not said why",
    "relaying": "the host does not take mail for that domain",
    "returned": "an operator ended it",
    "sender": "the sender's address was refused",
    "session": "the session went out of step",
    "size": "too large",
    "smtputf8": "an address or header outside ASCII cannot pass",
    "spam": "taken for spam",
    "suppressed": "on the list of suppressions",
    "system": "the receiving system has a fault",
    "temporary": "refused for now, not said why",
    "timeout": "no answer in time",
    "tls": "TLS failed, or is missing",
    "too-many-recipients": "too many recipients at once",
    "unavailable": "the host is not ready",
    "uncertain": "lost between the final dot and its reply",
    "unknown": "a report that says nothing a program can read",
    "virus": "taken for malware",
}
CLASSES: Mapping[str, str] = {**OF_RECIPIENT, **OF_OTHERS}
