"""CRC32C (RFC 3720 appendix B.4): the checksum of iSCSI, SCTP and the PROXY protocol."""

__all__ = ["crc32c"]

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, reflected


def _row(number: int) -> int:
    for _ in range(8):
        number = number >> 1 ^ _POLYNOMIAL if number & 1 else number >> 1
    return number


_TABLE = tuple(map(_row, range(256)))


def crc32c(content: bytes) -> int:
    """The checksum as a number of 32 bits.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    value = 0xFFFFFFFF
    for byte in content:
        value = value >> 8 ^ _TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF
