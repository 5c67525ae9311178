"""SMTP on the wire, both ways: the only room that knows aiosmtpd and aiosmtplib."""
