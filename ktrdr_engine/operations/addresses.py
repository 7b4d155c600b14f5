"""Which addresses stay on this machine. Names and literals only; nothing is resolved."""

from __future__ import annotations

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach `host`: `localhost`, 127.0.0.0/8 or ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_literal(host: str) -> bool:
    """Return whether `host` is an address, which no name server can point elsewhere, and not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
