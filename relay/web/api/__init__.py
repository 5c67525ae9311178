"""The HTTP API: SMTPeter's calls and ours, each a row of one table."""
