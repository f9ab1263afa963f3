"""The pure core: what a home is, and what should be done about it. `step` is the order.

Nothing here does I/O, reads a clock, logs, or knows a store.
"""
