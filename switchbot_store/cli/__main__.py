"""`python -m switchbot_store.cli` is the console script by another name."""

from switchbot_store.cli import main

main()
