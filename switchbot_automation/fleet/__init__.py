"""Many homes: on one process, or on the workers of an engine that exists.

`visit` is one tick of one home by whoever comes along. `queue` lets procrastinate call
it, `spread` lets Dask do what needs no cloud. Nothing here is a queue or a scheduler.
"""
