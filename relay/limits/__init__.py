"""Machine-wide limits: places leased from the broker in the supervisor, and marks all workers see."""
