"""One module a group of commands, imported by `cli/app.py` when one of them runs."""
