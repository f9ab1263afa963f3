"""An asyncio engine for SwitchBot climate control that hosts embed."""
