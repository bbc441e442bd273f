"""Small servers that are set by their command line alone: which option names the address, and what is opened.

mini_httpd, webfsd, ncat, git daemon, in.tftpd, rpcbind, sslh, microsocks, Xtigervnc, atftpd, quasselcore, slapd.
"""

# dualstack: ignore-file - what stands here is what the daemon does

from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.host_port import host_port, port_number
from dualstack.doctor.habits import DUAL, LENIENT, STRICT, SYSCTL
from dualstack.doctor.listening import Ends, Habits, Listen, Names, Refused
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = [
    "ATFTPD",
    "GIT_DAEMON",
    "MICROSOCKS",
    "MINI_HTTPD",
    "NCAT",
    "QUASSEL",
    "RPCBIND",
    "SLAPD",
    "SSLH",
    "TFTPD_HPA",
    "TIGERVNC",
    "WEBFS",
]

_FIRST = replace(SYSCTL, names=Names.FIRST)


def _mini_httpd(settings: Settings) -> Sequence[Listen]:
    """One socket of each family by getaddrinfo with AI_ADDRCONFIG, IPv6 first; with neither it ends."""
    options = settings.options("-p", "-d", "-l", "-i", "-h", "-u", "-c", "-T", "-M", "-C", "-P", "-V", "-E", "-S")
    port = int(options.last("-p") or "80")
    host = options.last("-h")
    habits = replace(LENIENT, v6only=None, addrconfig=True)
    hosts = [host] if host else ["::", "0.0.0.0"]
    return [Listen(each, port, habits, place=COMMAND if host else None) for each in hosts]


def _webfs(settings: Settings) -> Sequence[Listen]:
    options = settings.options(
        "-p", "-r", "-i", "-R", "-n", "-f", "-l", "-L", "-m", "-t", "-c", "-k", "-u", "-g", "-a", "-b", "-e", "-O"
    )
    port = int(options.last("-p") or "8000")
    host, family = options.last("-i"), 4 if options.has("-4") else 6 if options.has("-6") else None
    if host:
        if ":" in host and not settings.host.has_socket:
            raise Refused("getaddrinfo (ipv4): Address family for hostname not supported", COMMAND)
        return [Listen(host, port, replace(DUAL, names=Names.FIRST), place=COMMAND, family=family)]
    if family == 4:
        return [Listen("0.0.0.0", port, DUAL)]
    return [Listen("::", port, replace(DUAL, v6only=family == 6, falls_back=family is None))]


def _ncat(settings: Settings) -> Sequence[Listen]:
    options = settings.options(
        "-p", "-e", "-c", "-o", "-i", "-w", "-m", "-d", "-s", "--exec", "--sh-exec", "--source-port"
    )
    if (
        options.has("-u")
        and options.has("-k")
        and not options.has("-e", "-c", "--exec", "--sh-exec")
        and settings.before(7, 95)
    ):
        raise Refused(
            "UDP mode does not support the -k or --keep-open options, except with --exec or --sh-exec.", COMMAND
        )
    words = list(options.words)
    port = int(words.pop()) if words and words[-1].isdigit() else int(options.last("-p", "--source-port") or 31337)
    proto = "udp" if options.has("-u", "--udp") else "tcp"
    family = 4 if options.has("-4") else 6 if options.has("-6") else None
    if words:
        row = Listen(words[0], port, replace(STRICT, names=Names.FIRST), proto=proto, place=COMMAND, family=family)
        return [row]
    habits = STRICT if family == 6 else LENIENT
    hosts = [host for host in ("::", "0.0.0.0") if family in {None, 6 if ":" in host else 4}]
    return [Listen(host, port, habits, proto=proto) for host in hosts]


def _git_daemon(settings: Settings) -> Sequence[Listen]:
    options = settings.options("--listen", "--port", "--base-path", "--user", "--group", "--pid-file")
    port = int(options.last("--port") or 9418)
    if options.has("--inetd"):
        return []
    said = options.all("--listen")
    habits = replace(LENIENT, none_left=Ends.SKIPPED)
    return [Listen(host, port, habits, place=COMMAND if said else None) for host in said or ["0.0.0.0", "::"]]


def _tftpd_hpa(settings: Settings) -> Sequence[Listen]:
    """in.tftpd -l: the socket of AF_INET6 comes first and its failure ends it, unless -4; names by AI_ADDRCONFIG."""
    options = settings.options("-a", "--address", "-u", "--user", "-t", "-m", "-B", "-T", "-R", "-P", "-p", "-U", "-r")
    if not options.has("-L", "-l", "--listen", "--foreground"):
        return []
    family = 4 if options.has("-4", "--ipv4") else 6 if options.has("-6", "--ipv6") else None
    text = options.last("-a", "--address") or ""
    if family != 4 and not settings.host.has_socket:
        raise Refused("Cannot set nonblock flag on socket: Bad file descriptor", COMMAND)
    host, port = host_port(text, 69, COMMAND)
    place = COMMAND if text else None
    if not host:
        hosts = [each for each in ("0.0.0.0", "::") if family in {None, 6 if ":" in each else 4}]
        return [Listen(each, port, STRICT, proto="udp", place=place) for each in hosts]
    if literal(host) is not None and ":" in host and not settings.host.has_ipv6:
        raise Refused(f"cannot resolve local IPv6 bind address: {host}", COMMAND)
    habits = replace(SYSCTL, addrconfig=True) if ":" in host else replace(STRICT, addrconfig=True)
    return [Listen(host, port, habits, proto="udp", place=place, family=family)]


def _rpcbind(settings: Settings) -> Sequence[Listen]:
    """`-h` is UDP's alone, with the loopback put before it, so that a loopback address is bound twice and ends it."""
    said = settings.options("-h").all("-h")
    skips = replace(LENIENT, in_use=Ends.FATAL, none_left=Ends.SKIPPED, shares="none")
    rows = [Listen(host, 111, LENIENT, proto="tcp") for host in ("0.0.0.0", "::")]
    if not said:
        return rows + [Listen(host, 111, LENIENT, proto="udp") for host in ("0.0.0.0", "::")]
    hosts = [("127.0.0.1", None), ("::1", None), *((host, COMMAND) for host in said)]
    return rows + [Listen(host, 111, skips, proto="udp", place=place) for host, place in hosts]


def _sslh(settings: Settings) -> Sequence[Listen]:
    options = settings.options(
        "-p", "--listen", "-u", "--user", "--ssh", "--tls", "--http", "--ssl", "--openvpn", "-F", "--config", "-P"
    )
    rows = []
    for text in options.all("-p", "--listen"):
        host, port = host_port(text, 443, COMMAND, last_colon=not text.startswith("["))
        rows.append(Listen(host.strip("[]") or "0.0.0.0", port, replace(STRICT, freebind=True), place=COMMAND))
    return rows


def _microsocks(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-i", "-p", "-u", "-P", "-b", "-w")
    place = COMMAND if options.has("-i") else None
    return [Listen(options.last("-i") or "0.0.0.0", int(options.last("-p") or 1080), _FIRST, place=place)]


def _tigervnc(settings: Settings) -> Sequence[Listen]:
    """5900 and the display's number; `-localhost`, `-interface`, `-UseIPv4=0`, `-UseIPv6=0`."""
    options = settings.options(
        "-SecurityTypes", "-geometry", "-rfbport", "-interface", "-depth", "-rfbauth", "-desktop", is_go=True
    )
    display = next((word[1:] for word in options.words if word.startswith(":") and word[1:].isdigit()), "0")
    port = int(options.last("-rfbport") or 5900 + int(display))
    is_local = options.has("-localhost") and options.last("-localhost") not in {"0", "no", "off", "false"}
    off = {
        family
        for family, name in ((4, "-UseIPv4"), (6, "-UseIPv6"))
        if options.last(name) in {"0", "no", "off", "false"}
    }
    host = options.last("-interface")
    habits = replace(LENIENT, none_left=Ends.SKIPPED)
    if host and host != "all":
        return [Listen(host, port, habits, place=COMMAND)]
    pair = ("127.0.0.1", "::1") if is_local else ("::", "0.0.0.0")
    return [Listen(each, port, habits) for each in pair if (6 if ":" in each else 4) not in off]


def _atftpd(settings: Settings) -> Sequence[Listen]:
    """Its socket is IPv4's unless an address of IPv6 is named by --bind-address, but `::`, which is ignored."""
    options = settings.options("--bind-address", "--port", "--user", "--group", "--logfile", "--maxthread", "--verbose")
    port = port_number(options.last("--port") or "69", COMMAND)
    host = options.last("--bind-address") or "0.0.0.0"
    place = COMMAND if options.has("--bind-address") else None
    return [Listen("0.0.0.0" if host in {"::", "[::]"} else host, port, _FIRST, proto="udp", place=place)]


def _quassel(settings: Settings) -> Sequence[Listen]:
    options = settings.options("--listen", "--port", "-p", "--configdir", "-c", "--logfile", "--loglevel")
    said = options.last("--listen")
    port = int(options.last("--port", "-p") or 4242)
    hosts = said.split(",") if said else ["::", "0.0.0.0"]
    habits: Habits = STRICT if said else replace(LENIENT, none_left=Ends.SKIPPED)
    if said and len(hosts) > 1:
        habits = replace(LENIENT, none_left=Ends.SKIPPED)
    return [Listen(host.strip(), port, habits, place=COMMAND if said else None) for host in hosts]


def _slapd(settings: Settings) -> Sequence[Listen]:
    """slap_open_listener: a URL's addresses, those of a family that is not there passed over unless none is left."""
    text = settings.options("-f", "-F", "-d", "-h", "-u", "-g", "-n", "-l", "-o", "-s").last("-h") or "ldap:///"
    rows: list[Listen] = []
    habits = replace(STRICT, no_family=Ends.FATAL)
    for each in text.split():
        url = urlsplit(each)
        if url.scheme not in {"ldap", "ldaps", "pldap", "pldaps"}:
            continue
        port = url.port or (636 if url.scheme == "ldaps" else 389)
        host = unquote(url.hostname or "")
        skips = replace(LENIENT, none_left=Ends.FATAL, in_use=Ends.FATAL)
        if host and host != "*":
            rows.append(Listen(host, port, habits if literal(host) is not None else skips, place=COMMAND))
        else:
            rows += [
                Listen(one, port, replace(skips, none_left=Ends.SKIPPED), place=COMMAND) for one in ("0.0.0.0", "::")
            ]
    return rows


def _daemon(  # noqa: PLR0917 - a row of the table below
    name: str,
    read: Callable[[Settings], Sequence[Listen]],
    habits: Habits,
    programs: tuple[str, ...],
    source: str,
    examples: Sequence[str],
    both: str | None,
    ports: tuple[str, ...] = (),
) -> Daemon:
    return Daemon(
        name=name,
        read=read,
        habits=habits,
        programs=programs,
        source=f"measured {source}",
        examples=tuple(Example(command=each) for each in examples),
        both=None if both is None else Example(command=both),
        ports=ports,
    )


MINI_HTTPD = _daemon(
    "mini-httpd", _mini_httpd, LENIENT, ("mini_httpd",), "1.30",
    ["mini_httpd", "mini_httpd -h ::", "mini_httpd -h 0.0.0.0"], "mini_httpd",
)  # fmt: skip
WEBFS = _daemon(
    "webfs", _webfs, DUAL, ("webfsd",), "1.21", ["webfsd", "webfsd -4", "webfsd -6", "webfsd -i ::"], "webfsd"
)
NCAT = _daemon(
    "ncat", _ncat, STRICT, ("ncat",), "7.93, 7.95",
    ["ncat -l 8000", "ncat -l -4 8000", "ncat -l -6 8000", "ncat -l :: 8000"],
    "ncat -l 8000",
)  # fmt: skip
GIT_DAEMON = _daemon(
    "git-daemon", _git_daemon, LENIENT, ("git daemon", "git-daemon"), "2.39; daemon.c",
    ["git daemon", "git daemon --listen=0.0.0.0", "git daemon --listen=::"], "git daemon",
)  # fmt: skip
TFTPD_HPA = _daemon(
    "tftpd-hpa", _tftpd_hpa, STRICT, ("in.tftpd",), "5.2; tftpd/tftpd.c",
    ["in.tftpd -L", "in.tftpd -L -4", "in.tftpd -L -a 0.0.0.0:69", "in.tftpd -L -a [::]:69"], "in.tftpd -L",
)  # fmt: skip
RPCBIND = _daemon(
    "rpcbind", _rpcbind, LENIENT, ("rpcbind",), "1.2.6; src/rpcbind.c", ["rpcbind", "rpcbind -h 192.0.2.1"], "rpcbind",
    ("tcp/111", "udp/111"),
)  # fmt: skip
SSLH = _daemon(
    "sslh",
    _sslh,
    STRICT,
    ("sslh",),
    "1.20",
    ["sslh -p 0.0.0.0:443", "sslh -p [::]:443"],
    "sslh -p 0.0.0.0:443 -p [::]:443",
)
MICROSOCKS = _daemon(
    "microsocks",
    _microsocks,
    _FIRST,
    ("microsocks",),
    "1.0.3; sockssrv.c",
    ["microsocks", "microsocks -i ::"],
    "microsocks -i ::",
)
TIGERVNC = _daemon(
    "tigervnc", _tigervnc, LENIENT, ("Xtigervnc", "Xvnc"), "1.12; common/network/TcpSocket.cxx",
    ["Xtigervnc :1", "Xtigervnc :1 -localhost=1", "Xtigervnc :1 -UseIPv6=0"], "Xtigervnc :1",
)  # fmt: skip
ATFTPD = _daemon(
    "atftpd", _atftpd, _FIRST, ("atftpd",), "0.8", ["atftpd --daemon", "atftpd --daemon --bind-address ::"], None
)
QUASSEL = _daemon(
    "quassel-core", _quassel, STRICT, ("quasselcore",), "0.14; src/core/core.cpp",
    ["quasselcore", "quasselcore --listen=0.0.0.0", "quasselcore --listen=::"], "quasselcore",
)  # fmt: skip
SLAPD = _daemon(
    "slapd", _slapd, STRICT, ("slapd",), "2.5; servers/slapd/daemon.c",
    ["slapd", "slapd -h ldap://0.0.0.0/", "slapd -h ldap://[::]/", "slapd -h ldap://localhost/"], "slapd -h ldap:///",
)  # fmt: skip
