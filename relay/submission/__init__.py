"""Mail in: from a client's last octet to our 250."""
