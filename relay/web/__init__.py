"""The HTTP application of the web worker."""
