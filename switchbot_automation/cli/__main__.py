"""`python -m switchbot_automation.cli` is the console script by another name."""

from switchbot_automation.cli import main

main()
