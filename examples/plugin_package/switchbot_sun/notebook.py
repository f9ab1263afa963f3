"""A notifier that appends to a file."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import voluptuous as vol

from switchbot_automation.plugins import Plugin


@dataclass(frozen=True)
class FileNotifier:
    """Appends a line a message; the writing is done beside the event loop."""

    path: Path

    async def notify(self, message: str, *, title: str | None = None) -> None:
        """Write it down; an OSError is a failed step of the rule."""
        line = f"{title}: {message}\n" if title else f"{message}\n"
        await asyncio.to_thread(self._append, line)

    def _append(self, line: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line)


notifier = Plugin(
    schema=vol.Schema({vol.Required("path"): vol.All(str, vol.Length(min=1))}),
    factory=lambda read: FileNotifier(Path(read["path"])),
    api_version=1,
)
