"""Scheduling, pure: what is due, how often to retry, how many connections. Time comes in as an argument."""
