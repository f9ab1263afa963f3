"""Statements of somebody's: what may be run, how it is parsed, and how much of an answer is read."""
