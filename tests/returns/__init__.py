"""Returned mail: real sessions, a real store."""
