"""From `record` to the backend: checked, buffered, delivered once, never lost."""
