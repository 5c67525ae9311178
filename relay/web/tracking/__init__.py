"""Requests that mail of ours causes: clicks, pictures, mail as a page, unsubscribing."""
