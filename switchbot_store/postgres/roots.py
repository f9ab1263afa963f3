"""The operating system's certificate authorities, for ``sslrootcert=system``.

libpq asks its OpenSSL, and the one that a wheel brings was told a directory of the
machine that made it, which no system has. So the file is looked for here.
"""

from __future__ import annotations

import os
import ssl
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from switchbot_store.errors import StoreConfigError
from switchbot_store.languages import worded

SYSTEM: Final = "system"
_FULL: Final = "verify-full"
_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # RHEL, newer Fedora
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS, BSD, Alpine
    "/usr/local/share/certs/ca-root-nss.crt",  # FreeBSD
)


def with_system_roots(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return libpq's parameters with a file in the place of ``sslrootcert=system``.

    Raises StoreConfigError where there is no such file, or where `sslmode` would not
    compare the host's name, which makes everybody's certificate good enough.
    """
    named = parameters.get("sslrootcert") or os.environ.get("PGSSLROOTCERT")
    if named != SYSTEM:
        return dict(parameters)
    mode = parameters.get("sslmode") or os.environ.get("PGSSLMODE") or _FULL
    if mode != _FULL:
        raise StoreConfigError(
            worded(
                "the roots of the system need sslmode={full}, and it is {mode}: "
                "set POSTGRES_SSL_MODE={full}, or leave it out",
                full=_FULL,
                mode=mode,
            ),
            variable="POSTGRES_SSL_MODE",
        )
    return {**parameters, "sslmode": _FULL, "sslrootcert": str(system_roots())}


def system_roots() -> Path:
    """Return the file of this system's certificate authorities; raise StoreConfigError."""
    usual = ssl.get_default_verify_paths()
    # SSL_CERT_FILE first, as every program with OpenSSL does.
    for name in (os.environ.get("SSL_CERT_FILE"), usual.cafile, *_BUNDLES):
        if name and Path(name).is_file():
            return Path(name)
    written = _exported() if sys.platform == "win32" else None
    if written is None:
        raise StoreConfigError(
            worded(
                "this system has no file of certificate authorities that could "
                "be found: install its package ca-certificates, or name a file "
                "in POSTGRES_SSL_ROOT_CERT or SSL_CERT_FILE"
            ),
            variable="POSTGRES_SSL_ROOT_CERT",
        )
    return written


@lru_cache(1)
def _exported() -> Path | None:
    """Write the certificates of the Windows store to a file, once a process."""
    found = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not found:
        return None
    with tempfile.NamedTemporaryFile(
        "w", prefix="switchbot_store-roots-", suffix=".pem", delete=False
    ) as file:
        file.writelines(ssl.DER_cert_to_PEM_cert(each) for each in found)
    return Path(file.name)
