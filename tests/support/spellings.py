"""Every way to write an address that tests know of: IPv4 in old forms and inside IPv6, and IPv6."""

from collections.abc import Iterable, Iterator

from dualstack.core.address.address import Address
from dualstack.core.address.embedded import rfc6052_encode
from dualstack.core.address.prefix import Prefix

__all__ = ["carriers", "texts"]

ISATAP = (0x00005EFE, 0x02005EFE)
TEREDO_SERVER = 0x41F86B1F


def nat64(ipv4: Address, prefix: Prefix) -> Iterator[Address]:
    """Behind a translator's prefix; and with a suffix that RFC 6052 has no word for, which translators read over."""
    there = rfc6052_encode(ipv4, prefix)
    yield there
    if prefix.length < 96:
        yield Address.from_int(there.value | 1, 6)


def carriers(ipv4: Address, public: Address, prefixes: Iterable[Prefix]) -> Iterator[Address]:
    """IPv6 addresses with an IPv4 one inside; `public` is where those that have room for more are put."""
    number = ipv4.value
    yield Address.from_int(0xFFFF << 32 | number, 6)  # mapped
    yield Address.from_int(number, 6)  # compatible
    yield Address.from_int(0xFFFF << 48 | number, 6)  # SIIT
    yield Address.from_int(0x64FF9B << 96 | number, 6)
    yield Address.from_int(0x64FF9B0001 << 80 | number, 6)
    yield from nat64(ipv4, Prefix.parse("64:ff9b:1::/48"))
    yield Address.from_int(0x2002 << 112 | number << 80, 6)
    yield Address.from_int(0x2002 << 112 | number << 80 | 1, 6)
    yield Address.from_int(0x20010000 << 96 | number << 64 | 0xFFFFFFFF, 6)  # Teredo's server
    yield Address.from_int(0x20010000 << 96 | TEREDO_SERVER << 64 | ~number & 0xFFFFFFFF, 6)  # and client
    for isatap in ISATAP:
        yield Address.from_int(public.value >> 64 << 64 | isatap << 32 | number, 6)
    for prefix in prefixes:
        yield from nat64(ipv4, prefix)


def texts(address: Address) -> Iterator[str]:
    """How an address may be written, rightly or not."""
    yield from _ipv4(address) if address.version == 4 else _ipv6(address)


def _ipv4(address: Address) -> Iterator[str]:
    number, text = address.value, str(address)
    parts = text.split(".")
    a, b, c, d = address.packed
    yield from (text, f"{text}.", text.translate(FULL_WIDTH), text.replace(".", "\u3002"), text.replace(".", "\uff0e"))
    yield from (str(number), oct(number).replace("o", ""), hex(number), f"0X{number:X}", f"{number}.", f"00{number}")
    yield from (".".join(f"0{int(part):o}" for part in parts), ".".join(map(hex, map(int, parts))))
    yield from (f"{a}.{number & 0xFFFFFF}", f"{a}.{b}.{number & 0xFFFF}", f"0x{a:x}.{number & 0xFFFFFF}")
    yield from (f"{a}.0{b:o}.{number & 0xFFFF}", f"0{a:o}.{b}.{c}.0x{d:x}", ".".join(part.zfill(3) for part in parts))
    yield from (f"{text}%lo", f"{text}%25lo", f"{text}%1", f"[{text}]", f"%31{text[1:]}", f" {text}", f"{text}\t")
    yield from (f"{a + 256}.{b}.{c}.{d}", f"{text}.0", str(number + (1 << 32)), f"-{(1 << 32) - number}")
    yield from (f"::ffff:{text}", f"::{text}", f"0:0:0:0:0:FFFF:{text}", f"::ffff:{text}%lo", f"64:ff9b::{text}")
    yield f"::ffff:0:{text}"


def _ipv6(address: Address) -> Iterator[str]:
    plain = address.without_scope
    text, packed = str(plain), plain.packed
    groups = [packed[at : at + 2].hex() for at in range(0, 16, 2)]
    tail = ".".join(map(str, packed[12:]))
    whole = ":".join(groups)
    yield from (text, text.upper(), whole, whole.upper(), f"{':'.join(groups[:6])}:{tail}", text.translate(FULL_WIDTH))
    for zone in ("lo", "eth0", "1", "2"):
        yield from (f"{text}%{zone}", f"{text}%25{zone}", f"{whole.upper()}%{zone}")


FULL_WIDTH = {ord(digit): 0xFEE0 + ord(digit) for digit in "0123456789abcdef:"}
