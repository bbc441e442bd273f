"""A certificate of our own for `localhost` and `tls.example`, its key, and contexts for both ends."""

import ssl
import tempfile
from functools import cache
from pathlib import Path

__all__ = ["CERTIFICATE", "KEY_AND_CERTIFICATE", "client_context", "server_context"]

_KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgKt83h6Zi1e3gqo27
yj5VwuXAHgNcwPD/IVfzQgZAOZOhRANCAASRSiijLqCp6jpGOmCarkAJ8Q+bSPQc
Bt0CUtOIHbZViDPk74QbS48S6VtbSRZM38HteVyCILOtpFpcZlN2d3ng
-----END PRIVATE KEY-----
"""
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBmDCCAT+gAwIBAgIUCl/wqiVKIFS6qr3rGBKadKaNZbowCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAx
MDAwMDAwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASRSiijLqCp6jpGOmCarkAJ8Q+bSPQcBt0CUtOIHbZViDPk74QbS48S
6VtbSRZM38HteVyCILOtpFpcZlN2d3ngo20wazA5BgNVHREEMjAwgglsb2NhbGhv
c3SCC3Rscy5leGFtcGxlhwR/AAABhxAAAAAAAAAAAAAAAAAAAAABMA8GA1UdEwEB
/wQFMAMBAf8wHQYDVR0OBBYEFMRLJJrwpn4ufzuzW1ZAYk0uv0kaMAoGCCqGSM49
BAMCA0cAMEQCIBi7EUxVFg26BDn25UO0rIa3cXJcHi5Wmt8lwIQqAhNaAiAWFtr1
jO8UBBJUTJZZNaT1INru2TwKfaDVVinAz3BZ+A==
-----END CERTIFICATE-----
"""
KEY_AND_CERTIFICATE = _KEY + CERTIFICATE


@cache
def server_context() -> ssl.SSLContext:
    """For a server that shows the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as files:
        pair = Path(files, "pair.pem")
        pair.write_text(KEY_AND_CERTIFICATE)
        context.load_cert_chain(pair)
    return context


@cache
def client_context() -> ssl.SSLContext:
    """For a client that believes in it, and in nothing else."""
    return ssl.create_default_context(cadata=CERTIFICATE)
