"""Making messages of requests and handing them in: what `send`, `messages`, `resend` and templates share."""
