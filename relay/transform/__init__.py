"""Octets in, octets out: header fields, MIME structure, line lengths, DKIM. No IO."""
