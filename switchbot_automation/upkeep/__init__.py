"""What equipment and sensors need of a person: batteries, filters, hours, starts, energy.

`ledger` keeps what a status tells of that and says what a person is to be told once;
`readings` says what of a status the history keeps. Pure: no input or output, no clock.
"""
