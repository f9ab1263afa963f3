"""What equipment and sensors need of a person: batteries, filters, hours, starts, energy.

`facts` says what of a status tells of that, `ledger` keeps it and says what a person is to
be told once. Pure: no input or output, no clock.
"""
