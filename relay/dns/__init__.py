"""What the DNS tells: a caching resolver, MX look-ups, and the records we publish."""
