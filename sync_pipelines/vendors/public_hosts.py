"""Addresses that a vendor names are fetched from public hosts only, never from this machine or the network it is in."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import urllib3

from sync_pipelines.errors import SyncError


class NotPublic(SyncError):
    """A name leads to an address of this machine or of a private network."""


def is_public(host: str) -> bool:
    """Whether a host is not an address of this machine or of a private network. A name is public until it is resolved."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return True
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_global and not address.is_multicast


def only_public_hosts(manager: urllib3.PoolManager) -> None:
    """Let the connections of a manager go to public hosts only, over https. Others raise NotPublic before anything is sent.

    Through a proxy of the environment, which has a manager of its own, the proxy decides which hosts there are.
    """
    pool: Any = manager.pool_classes_by_scheme["https"]
    connection = type("PublicConnection", (_Public, pool.ConnectionCls), {})
    manager.pool_classes_by_scheme = {"https": type("PublicPool", (pool,), {"ConnectionCls": connection})}


class _Public:
    """Looks at the address a name led to once it is connected: looked up before, it could be another one by then."""

    def _new_conn(self) -> socket.socket:
        connection: Any = super()
        connected: socket.socket = connection._new_conn()
        if not is_public(connected.getpeername()[0]):
            connected.close()
            raise NotPublic("its host leads to an address that is not public. Nothing was sent.")
        return connected
