"""Finds the usual mistakes in how a store is set up, and says what to change."""
