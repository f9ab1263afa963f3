"""The SwitchBot Cloud API v1.1: client, signing, quota and device catalogue."""
