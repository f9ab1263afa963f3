# What examples need of the machine: a real PostgreSQL for some, and Ctrl-C for all.
import signal

pytest_plugins = ["switchbot_store.testing.fixtures"]

# A shell lets what it runs in the background ignore Ctrl-C, and so would what tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
