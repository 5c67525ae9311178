"""relay: a self-hosted outbound mail relay that an application steers message by message."""

__version__ = "0.1.0"
