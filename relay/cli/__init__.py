"""The command `relay`: one module a command or a family of commands.

Modules here import at their top only what is cheap; a command imports the rooms it needs when it runs, so
that `relay --help` and shell completion are quick.
"""
