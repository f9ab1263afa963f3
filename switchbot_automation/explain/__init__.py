"""Why a decision was made, from what was kept of it. Pure but for the history it asks."""
