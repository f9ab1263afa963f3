"""The commands of `switchbot-store`: a file a group of them, loaded when they are asked for."""
