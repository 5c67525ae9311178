"""What happened, told outside: journals folded into search, timelines and log lines."""
