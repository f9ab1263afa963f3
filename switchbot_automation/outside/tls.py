"""Certificates as text: Python's `ssl` takes a key from a file alone."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


def load_pair(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Load a certificate and its key, both PEM text, into a context.

    For as long as that takes they are a file that only this user may read. Raises
    ssl.SSLError for what is no such pair.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "pair.pem"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{certificate}\n{key}\n")
        context.load_cert_chain(path)
