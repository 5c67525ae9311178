"""Control headers: what a message asks of the relay, read and taken out before it goes on.

`registry` is the table of all options, `grammar` reads their values, `reader` parts the fields from a header.
"""
