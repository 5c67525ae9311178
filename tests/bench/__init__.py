"""The benchmark: relay beside Postfix + OpenDKIM on one machine, in one run (`make bench`).

`python -m tests.bench` starts both systems and our own sink, lets our own generator submit, and prints a table.
Rooms: `__main__` the command; `loads` what is measured, with its goals; `traffic` one run; `generator` and `sink`
the two ends; `relaysystem` and `postfix` what stands between them; `accounting` CPU and memory;
`witness` what makes a run honest; `fsyncs` the sample under strace; `table` and `report` what is told; `growth` and
`seed` backlogs.
"""
