"""What the service that we are compatible with documents, row by row of its list of features.

A test is named `test_row_46_...` after the row it holds, `test_rule_2_...` after a rule of the control fields, and
`test_reading_...` after a place where the documents contradict each other and one reading was chosen. Each is played
against a relay that runs: a client over SMTP, recipients' servers, a DNS server, requests to the tracking side,
receivers of webhooks, and mail that comes back. `rows.py` has all rows; `test_all_rows.py` sees that none is
forgotten.
"""
