"""A room and all that moves its temperature."""
