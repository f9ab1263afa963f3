"""Settings without their secrets, and back again, as the page's API does it.

A person who edits what is shown puts the masked values back; each then stands for the
secret it was made of, wherever it stands now.
"""

from __future__ import annotations

from typing import Any

from switchbot_automation.settings.secrets import MASKS


def masked(document: Any) -> Any:
    """Return a copy of a document in which no secret can be read."""
    return MASKS.masked(document)


def unmasked(document: Any, stored: Any) -> Any:
    """Return the document with the stored secrets in place of their masks.

    Raises SecretMaskError, a ValueError with the path of a mask that stands for no
    stored secret.
    """
    return MASKS.restored(document, stored)
