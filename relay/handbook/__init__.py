"""The handbook: Markdown pages that are installed with the program. Some are made from code by `generate.py`."""
