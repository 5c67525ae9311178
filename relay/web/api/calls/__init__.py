"""The calls of the API, a module a family; each has its rows as `CALLS`."""
