# Argon2id with the library's own parameters, on a thread: a hash takes a good part of a
# second and 64 MB on purpose, so only one is made at a time.
import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError


class Passwords:
    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._thread = ThreadPoolExecutor(1, "passwords")
        self._nobodys: str | None = None

    async def hashed(self, password: str) -> str:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._hasher.hash, password)

    async def match(self, password_hash: str | None, password: str) -> bool:
        # None, for a name that does not exist, takes as long as a wrong password.
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._thread, self._verified, password_hash, password
        )

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _verified(self, password_hash: str | None, password: str) -> bool:
        if self._nobodys is None:
            self._nobodys = self._hasher.hash("nobody's")
        try:
            self._hasher.verify(password_hash or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None
