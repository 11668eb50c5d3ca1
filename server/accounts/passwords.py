"""Argon2id password hashes, computed in threads of their own: 64 MiB and about 50 ms each."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# Two at a time, so that a crowd of log-ins costs 128 MiB and the event loop stays free.
_THREADS = ThreadPoolExecutor(2, thread_name_prefix="argon2")
_HASHER = PasswordHasher()  # RFC 9106, the low-memory choice


async def hash_password(password: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _HASHER.hash, password)


async def matches(password_hash: str | None, password: str) -> bool:
    """Takes as long for an unknown login (`None`) as for a known one."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _verify, password_hash, password)


def is_outdated(password_hash: str) -> bool:
    return _HASHER.check_needs_rehash(password_hash)


def _verify(password_hash: str | None, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash or _of_nobody(), password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _of_nobody() -> str:
    return _HASHER.hash("nobody's password")
