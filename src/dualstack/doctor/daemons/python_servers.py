"""Python's web servers by their command lines.

uvicorn, hypercorn, daphne, waitress, granian, gunicorn, flask and http.server.
"""

# dualstack: ignore-file - what stands here is what the daemon does

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from dualstack.core.address.well_known import UNSPECIFIED
from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.command_line import COMMAND, Arguments
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import ASYNCIO, DUAL, STRICT, SYSCTL
from dualstack.doctor.listening import Ends, Habits, Listen, Names, NotUnderstood
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["DAPHNE", "FLASK", "GRANIAN", "GUNICORN", "HTTP_SERVER", "HYPERCORN", "UVICORN", "WAITRESS"]

_PORT = 8000
# A name is looked up as IPv4 where it has no colon in it: `socket.bind` of AF_INET.
_BY_COLON = replace(SYSCTL, names=Names.IPV4, passive=False)


def _uvicorn(settings: Settings) -> Sequence[Listen]:
    """One process is asyncio's create_server; several, or a reloader, bind one socket (config.bind_socket)."""
    options = settings.options("--host", "--port", "--uds", "--fd", "--workers", "--log-level", "--app-dir", "--loop")
    if options.has("--uds", "--fd"):
        return []
    host = options.last("--host")
    port = int(options.last("--port") or _PORT)
    host = "127.0.0.1" if host is None else host
    place = COMMAND if options.has("--host", "--port") else None
    workers = options.last("--workers") or settings.environ.get("WEB_CONCURRENCY", "1")
    if options.has("--reload") or int(workers) > 1:
        return [Listen(host or "0.0.0.0", port, _BY_COLON, place=place)]
    return [replace(row, place=place) for row in _asyncio(host, port)]


def _asyncio(host: str, port: int) -> list[Listen]:
    """No host is each wildcard, the addresses of a name each a socket."""
    hosts = [host] if host else ["0.0.0.0", "::"]
    return [Listen(each, port, ASYNCIO) for each in hosts]


def _hypercorn(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-b", "--bind", "-w", "-k", "-c", "--config", "--quic-bind", "--insecure-bind")
    if options.has("-c", "--config"):
        raise NotUnderstood("a configuration file of hypercorn", COMMAND)
    return _bound(options, ("-b", "--bind", "--insecure-bind"), _BY_COLON)


def _gunicorn(settings: Settings) -> Sequence[Listen]:
    options = settings.options(
        "-b", "--bind", "-w", "-k", "-c", "--config", "-t", "-n", "--chdir", "--worker-class", "--workers"
    )
    if options.has("-c", "--config"):
        raise NotUnderstood("a configuration file of gunicorn", COMMAND)
    return _bound(options, ("-b", "--bind"), _BY_COLON)


def _bound(options: Arguments, names: Sequence[str], habits: Habits) -> list[Listen]:
    texts = options.all(*names)
    rows = []
    for text in texts or ["127.0.0.1:8000"]:
        if text.startswith(("unix:", "fd:")):
            continue
        host, port = host_port(text.removeprefix("tcp://"), _PORT, COMMAND)
        host = "::" if host == "" and text.startswith("[") else host
        rows.append(Listen(host or "0.0.0.0", port, habits, place=COMMAND if texts else None))
    return rows


def _daphne(settings: Settings) -> Sequence[Listen]:
    """Twisted: an address with a colon is AF_INET6's, a name is IPv4's; an endpoint that fails is logged."""
    options = settings.options(
        "-b", "--bind", "-p", "--port", "-e", "--endpoint", "-u", "--fd", "-v", "-t", "--root-path"
    )
    habits = replace(_BY_COLON, no_address=Ends.FATAL)
    endpoints = options.all("-e", "--endpoint")
    rows = []
    if not endpoints or options.has("-b", "--bind", "-p", "--port"):
        host = (options.last("-b", "--bind") or "127.0.0.1").strip("[]")
        rows.append(
            Listen(
                host,
                int(options.last("-p", "--port") or _PORT),
                habits,
                place=COMMAND if options.has("-b", "-p") else None,
            )
        )
    for text in endpoints:
        match = re.match(r"(tcp6?|ssl):(?:port=)?(\d+)((?::[^:=]+=(?:\\:|[^:])+)*)$", text)
        if match is None:
            raise NotUnderstood(f"the endpoint {text!r}", COMMAND)
        said = dict(part.split("=", 1) for part in re.split(r"(?<!\\):", match[3]) if "=" in part)
        host = said.get("interface", "::" if match[1] == "tcp6" else "0.0.0.0").replace("\\:", ":")
        rows.append(Listen(host, int(match[2]), habits, place=COMMAND))
    return rows


def _waitress(settings: Settings) -> Sequence[Listen]:
    """Every address of getaddrinfo with AI_PASSIVE; `*` is none (waitress.adjustments)."""
    options = settings.options("--listen", "--host", "--port", "--unix-socket", "--threads", "--call", "--url-scheme")
    if options.has("--unix-socket"):
        return []
    port = int(options.last("--port") or 8080)
    listed = [each for text in options.all("--listen") for each in text.split()]
    if not listed:
        host = options.last("--host")
        listed = [f"[{host}]:{port}" if host and ":" in host else f"{host or '0.0.0.0'}:{port}"]
    rows = []
    for text in listed:
        host, number = host_port(text, port, COMMAND)
        hosts = ["0.0.0.0", "::"] if host in {"*", ""} else [host]
        rows += [Listen(each, number, STRICT, place=COMMAND) for each in hosts]
    return rows


def _granian(settings: Settings) -> Sequence[Listen]:
    options = settings.options(
        "--host", "--port", "--interface", "--workers", "--loop", "--uds", "--http", "--log-level"
    )
    if options.has("--uds"):
        return []
    host = options.last("--host") or "127.0.0.1"
    if literal(host) is None:
        raise NotUnderstood(f"what granian makes of the name {host!r}", COMMAND)
    return [
        Listen(host, int(options.last("--port") or _PORT), SYSCTL, place=COMMAND if options.has("--host") else None)
    ]


def _flask(settings: Settings) -> Sequence[Listen]:
    """werkzeug.serving: an address with a colon is AF_INET6's, else a name's IPv4 address."""
    options = settings.options(
        "--app", "-A", "--host", "-h", "--port", "-p", "--env-file", "-e", "--cert", "--key", "--extra-files"
    )
    host = options.last("--host", "-h") or settings.environ.get("FLASK_RUN_HOST", "127.0.0.1")
    port = int(options.last("--port", "-p") or settings.environ.get("FLASK_RUN_PORT", "5000"))
    return [Listen(host, port, _BY_COLON, place=COMMAND if options.has("--host", "-h") else None)]


def _http_server(settings: Settings) -> Sequence[Listen]:
    """`python -m http.server`: without `--bind` the first of getaddrinfo, `0.0.0.0`; `::` with the option cleared."""
    argv = settings.argv
    start = argv.index("http.server") if "http.server" in argv else 0
    options = replace(settings, argv=argv[start:]).options("--bind", "-b", "--directory", "-d", "--protocol", "-p")
    port = int(options.words[0]) if options.words else _PORT
    host = options.last("--bind", "-b")
    habits = replace(DUAL, names=Names.FIRST)
    if host is not None and literal(host) == UNSPECIFIED[6]:
        return [Listen("::", port, habits, place=COMMAND)]
    return [Listen(host or "0.0.0.0", port, habits, place=COMMAND if host else None)]


def _daemon(  # noqa: PLR0917 - a row of the table below
    name: str,
    read: Callable[[Settings], Sequence[Listen]],
    habits: Habits,
    examples: Sequence[str],
    both: str,
    programs: tuple[str, ...] = (),
    version: str = "",
) -> Daemon:
    return Daemon(
        name=name,
        read=read,
        habits=habits,
        programs=programs or (name,),
        source=f"measured {version}",
        examples=tuple(Example(command=each) for each in examples),
        both=Example(command=both),
    )


UVICORN = _daemon(
    "uvicorn",
    _uvicorn,
    ASYNCIO,
    [
        f"uvicorn{each} app:app"
        for each in ("", " --host 0.0.0.0", " --host ::", " --host ''", " --host :: --workers 2")
    ],
    "uvicorn --host '' app:app",
    version="0.54; config.py, asyncio's create_server",
)
HYPERCORN = _daemon(
    "hypercorn",
    _hypercorn,
    _BY_COLON,
    [f"hypercorn{each} app:app" for each in ("", " -b 0.0.0.0:8000", " -b [::]:8000", " -b 0.0.0.0:8000 -b [::]:8000")],
    "hypercorn -b [::]:8000 app:app",
    version="0.18; config.py",
)
DAPHNE = _daemon(
    "daphne",
    _daphne,
    _BY_COLON,
    [f"daphne{each} app:app" for each in ("", " -b 0.0.0.0", " -b ::", " -e tcp6:port=8000")],
    "daphne -b :: app:app",
    version="4.2; Twisted's tcp.py",
)
WAITRESS = _daemon(
    "waitress",
    _waitress,
    STRICT,
    [f"waitress-serve --listen={each}:8000 app:wsgi" for each in ("*", "0.0.0.0", "[::]", "localhost")],
    "waitress-serve --listen=*:8000 app:wsgi",
    ("waitress-serve",),
    version="3.0.2; adjustments.py",
)
GRANIAN = _daemon(
    "granian",
    _granian,
    SYSCTL,
    [f"granian --interface asgi{each} app:app" for each in ("", " --host 0.0.0.0", " --host ::")],
    "granian --interface asgi --host :: app:app",
    version="2.8.9",
)
GUNICORN = _daemon(
    "gunicorn",
    _gunicorn,
    _BY_COLON,
    [f"gunicorn{each} app:wsgi" for each in ("", " -b :8000", " -b [::]:8000", " -b 0.0.0.0:8000 -b [::]:8000")],
    "gunicorn -b [::]:8000 app:wsgi",
    version="27; sock.py",
)
FLASK = _daemon(
    "flask",
    _flask,
    _BY_COLON,
    [f"flask --app app run{each}" for each in ("", " --host 0.0.0.0", " --host ::", " --host localhost")],
    "flask --app app run --host ::",
    version="3.1; werkzeug/serving.py",
)
HTTP_SERVER = _daemon(
    "python-http.server",
    _http_server,
    DUAL,
    [f"python3 -m http.server{each}" for each in ("", " --bind 0.0.0.0", " --bind ::", " --bind localhost")],
    "python3 -m http.server --bind ::",
    ("python3 -m http.server", "python -m http.server"),
    version="3.11; Lib/http/server.py",
)
