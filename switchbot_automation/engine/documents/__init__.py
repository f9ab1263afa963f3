"""The engine's documents: settings in force, states of zones, who leads."""
