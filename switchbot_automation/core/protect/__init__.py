"""What spares the equipment and the people: waits, safety, shared outdoor units. Pure."""
