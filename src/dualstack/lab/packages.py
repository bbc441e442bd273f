"""Which Debian package has a program that a lab, or what runs in it, may want."""

__all__ = ["not_installed"]

_PACKAGES = {
    "chromium": "chromium",
    "dig": "bind9-dnsutils",
    "dnsmasq": "dnsmasq-base",
    "ethtool": "ethtool",
    "getent": "libc-bin",
    "host": "bind9-host",
    "ip": "iproute2",
    "nc": "netcat-openbsd",
    "nft": "nftables",
    "node": "nodejs",
    "nsenter": "util-linux",
    "ping": "iputils-ping",
    "setpriv": "util-linux",
    "ss": "iproute2",
    "tc": "iproute2",
    "telnet": "inetutils-telnet",
    "tracepath": "iputils-tracepath",
    "traceroute": "traceroute",
    "weechat": "weechat-curses",
    "weechat-headless": "weechat-headless",
}


def not_installed(program: str) -> str:
    """What to say of a program that is not there."""
    package = _PACKAGES.get(program, program)
    known = program in _PACKAGES or "/" not in program
    return f"{program} is not installed" + (f" (Debian: {package})" if known else "")
