"""Kinds of equipment: what each can do and how it is told. One file a kind, one row in `table`."""
