"""What `run` has beside its engine: the page, brokers, the service manager, the garbage collector."""
