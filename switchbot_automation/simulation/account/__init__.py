"""The cloud's side: an account, its devices and what they answer."""
