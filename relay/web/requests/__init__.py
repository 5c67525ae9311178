"""Data requests: all that is known of an address, put together for whom it belongs to."""
