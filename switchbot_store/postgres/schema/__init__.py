"""The tables: numbered migrations, what they are for, and how those of others are taken over."""
