"""Options: what a message asks of the relay, by whatever door; read, merged with defaults, and permitted.

registry    every option, from the tables in `options_*`, each a row of `option.Option`
grammar, labels, times, addresses, carrier    text or JSON in, values of options out
collector   one door's names and values, put together
reader      the control fields of a header, read and taken out
layers      who says what, the strongest voice first
permission  grants, lists, forbidden options
conflicts   options held against one another
resolve     all of it, in order
"""
