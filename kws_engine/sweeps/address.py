"""A database's address as a person writes it, without its password wherever it is shown."""

from __future__ import annotations

import re

from kws_engine.errors import SpecError

HIDDEN = "***"
"""Stands where the password was; an address with it takes the password from PGPASSWORD or ~/.pgpass."""
EXAMPLE = "postgresql://user:password@machine/database"
_SECRET = re.compile(r"(?i)([?&][^=&]*passw[^=&]*=)[^&]*")


def masked(address: str) -> str:
    """The address without its password, also where it is none or the password has an @ in it.

    >>> masked("postgresql://me:secret@machine/sweeps?sslpassword=other")
    'postgresql://me:***@machine/sweeps?sslpassword=***'
    """
    login, at, rest = address.rpartition("@")
    scheme, slashes, user = login.partition("//")
    if not slashes:
        scheme, user = "", login
    name, colon, _ = user.partition(":")
    has_login = at and not user.startswith("/")  # or it is the path of a file
    shown = f"{scheme}{slashes}{name}{colon and f':{HIDDEN}'}{at}{rest}" if has_login else address
    return _SECRET.sub(rf"\1{HIDDEN}", shown)


def check(address: str) -> None:
    """Refuses at once what can be no address.

    Raises:
        SpecError: Says how one is written; the password stays unsaid.
    """
    kind, separator, rest = address.partition("://")
    if not separator or not re.fullmatch(r"[a-z0-9]+(\+[a-z0-9_]+)?", kind):
        raise SpecError(f"{masked(address)!r} is no address of a database: write it as {EXAMPLE}", option="storage")
    login, _, _ = rest.rpartition("@")
    if "@" in login.partition(":")[2]:
        raise SpecError(f"{masked(address)!r} has an @ in its password: write that one as %40", option="storage")
