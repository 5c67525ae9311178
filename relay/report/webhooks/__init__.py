"""Webhooks: events told to others over HTTP, as often as it takes.

filler    while journals are folded: which events go to which webhook; puts them into the outbox
outbox    the file they wait in, with what became of them (`outbox_statements` has its SQL)
sender    a courier for each webhook with work; watches the registry, tidies the outbox
courier   sends what waits for one webhook, in turn, and judges the answers
schedule  when again, and when to leave a whole endpoint alone; pure
payload, body, sign    what is sent; pure
check     whether a URL is the account's
"""
