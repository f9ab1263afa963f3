"""A believable home and SwitchBot cloud, for people without a device and for tests."""
