"""A connection whose handshakes of TLS failed: also the `SSLError` that callers of the standard library catch.

A module of its own, since `import ssl` takes longer than all the rest of a connection.
"""

import ssl

from dualstack.errors import DialError

__all__ = ["DialCertificateRefused", "DialHandshakeFailed", "of_handshakes"]


class DialHandshakeFailed(DialError, ssl.SSLError):  # noqa: N818 - what failed is said, as in its parents
    """Every address was connected to, and none of the handshakes succeeded.

    Each attempt has its own `SSLError` as its cause; `library` and `reason` are the first one's.
    """


class DialCertificateRefused(DialHandshakeFailed, ssl.SSLCertVerificationError):
    """Every address showed a certificate that is not believed; `verify_code` and `verify_message` say why."""


def of_handshakes(error: DialError) -> DialError:
    """The same error, as an `SSLError` where all attempts agree that it is one."""
    causes = [attempt.__cause__ for _, attempt in error.attempts]
    found = [cause for cause in causes if isinstance(cause, ssl.SSLError)]
    if not found or len(found) < len(causes) or isinstance(error, TimeoutError):
        return error
    refused = [cause for cause in found if isinstance(cause, ssl.SSLCertVerificationError)]
    kind = DialCertificateRefused if len(refused) == len(found) else DialHandshakeFailed
    told = kind(error.target, error.why, attempts=error.attempts, errno=error.errno)
    told.steps, told.elapsed_s = error.steps, error.elapsed_s
    told.library, told.reason = found[0].library, found[0].reason
    if isinstance(told, DialCertificateRefused):
        told.verify_code, told.verify_message = refused[0].verify_code, refused[0].verify_message
    return told
