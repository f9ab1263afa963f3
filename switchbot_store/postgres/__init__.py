"""Documents in PostgreSQL: the store, its connections, its schema."""
