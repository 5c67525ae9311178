"""`relay --url URL --token TOKEN COMMAND`: the commands of `relay` against a relay elsewhere, over its HTTP API.

A second set of commands with the names and options of the local ones, as far as the API can do what they do. What it
cannot is refused by name: a command that is of the machine itself, an option that has no property. Everything is of
the token's account. What is printed is what the local command prints, made of the API's JSON.
"""
