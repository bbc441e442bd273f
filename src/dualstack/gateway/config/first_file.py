"""A first configuration, from what somebody who has none can say of one service."""

from collections.abc import Sequence

from dualstack.core.toml_text import quoted
from dualstack.gateway.config.toml import parse

__all__ = ["first_file"]

_FILE = """\
#:schema ./dualstack.schema.json
# What `dualstack gateway --config` reads. Every key: dualstack gateway --help-config, or man dualstack.toml.
# The line above is for editors: dualstack gateway --schema > dualstack.schema.json

# user = "nobody"                  # whom to become once all sockets listen
# page = true                      # a status page, on port 8046 of both loopbacks
# access_log = "-"                 # a line for each connection; - is standard error
# include = ["dualstack.d/*.toml"] # more services, in files of their own

[[services]]
name = {name}
listen = {listen}
to = {to}
{access}
idle_timeout = 3600                # seconds without a byte until a connection is ended; inf: never
# max_connections = 1000           # at a time; more are refused
# max_per_client = 50              # of one IPv4 address or IPv6 /64
# proxy_out = 2                    # tell the server who its client is, in a PROXY header, where it reads one
"""


def first_file(name: str, listen: str, to: str, access: Sequence[str] = ()) -> str:
    """The text of a file with one service, which means what it says.

    Args:
        name: the service's name.
        listen: where clients of both families come, such as `*:143`.
        to: the server, such as `127.0.0.1:1143`.
        access: rules for clients; everybody without.

    Raises:
        ConfigError: one of these is wrong.
    """
    rules = f"access = [{', '.join(map(quoted, access))}]" if access else '# access = ["allow 192.0.2.0/24"]'
    text = _FILE.format(name=quoted(name), listen=quoted(listen), to=quoted(to), access=rules)
    parse(text, "the new file")
    return text
