"""What comes from outside: how much and how deep, as URLs, certificates, and in messages."""
