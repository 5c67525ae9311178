"""HTTP towards others: one client, which goes nowhere it must not."""
