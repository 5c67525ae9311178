"""Newsletters of our own making; what is in each is said in README.md."""
