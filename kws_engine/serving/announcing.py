"""Tells the local network of a service (mDNS), so that Home Assistant finds it by itself."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator

from zeroconf import Error, IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from kws_engine.errors import KwsError

KIND = "_wyoming._tcp.local."
_ANY = ("0.0.0.0", "::")


@contextlib.asynccontextmanager
async def announced(host: str, port: int) -> AsyncIterator[None]:
    """Announces a service at an address of this machine, until the end.

    Raises:
        KwsError: There is no network that could be told.
    """
    machine = socket.gethostname().partition(".")[0] or "kws"
    try:
        address = _reachable() if host in _ANY else host
        info = AsyncServiceInfo(
            KIND,
            f"kws-studio-{machine}-{port}.{KIND}",
            parsed_addresses=[address],
            port=port,
            server=f"{machine}.local.",
        )
        announcer = AsyncZeroconf(
            interfaces=[address], ip_version=IPVersion.V6Only if ":" in address else IPVersion.V4Only
        )
        await announcer.async_register_service(info)
    except (OSError, Error) as error:
        raise KwsError(
            f"The service cannot be announced to the network ({error}): leave --zeroconf out, and enter its address "
            "where it is used"
        ) from error
    try:
        yield
    finally:
        await announcer.async_unregister_all_services()
        await announcer.async_close()


def _reachable() -> str:
    """The address by which this machine reaches its network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setblocking(False)
        probe.connect(("224.0.0.251", 1))
        return str(probe.getsockname()[0])
