"""All calls of the API, in the order of their documentation."""

from __future__ import annotations

from relay.web.api.call import Call
from relay.web.api.calls import (
    credentials,
    datarequest,
    dkim,
    dmarc,
    dns,
    domains,
    events,
    explain,
    logfiles,
    messages,
    options,
    queue,
    resend,
    responsive,
    send,
    spf,
    stats,
    stored,
    suppressions,
    templates,
    tokens,
    webhooks,
)

CALLS: tuple[Call, ...] = (
    *send.CALLS,
    *resend.CALLS,
    *messages.CALLS,
    *stored.CALLS,
    *events.CALLS,
    *logfiles.CALLS,
    *dmarc.CALLS,
    *domains.CALLS,
    *dns.CALLS,
    *dkim.CALLS,
    *spf.CALLS,
    *templates.CALLS,
    *responsive.CALLS,
    *datarequest.CALLS,
    *webhooks.CALLS,
    *stats.CALLS,
    *explain.CALLS,
    *queue.CALLS,
    *suppressions.CALLS,
    *credentials.CALLS,
    *tokens.CALLS,
    *options.CALLS,
)
