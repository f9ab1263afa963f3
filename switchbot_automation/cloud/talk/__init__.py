"""Talking to the SwitchBot Cloud API v1.1: calls, signatures, answers, the day's quota."""
