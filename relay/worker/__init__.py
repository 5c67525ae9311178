"""The child processes: what each is made of, and how it lives and ends.

context.py    what the supervisor gives a child
process.py    what every child does: logging, loop, lifeline, exit code
lifeline.py   the line to the supervisor
mail.py       a mail worker: sessions, intake, queues, delivery
orders.py     what operators want done to mail that waits
web.py        the web worker
reporter.py   the reporter
"""

from relay.worker.context import Context

__all__ = ["Context"]
