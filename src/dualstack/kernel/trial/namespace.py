"""A network namespace of its own for trials: a child process in it, with the addresses that cases need.

As root, or as anybody where user namespaces are allowed; then one user alone can make sockets in it. The child reads
one task as JSON and answers in lines of JSON; it ends when we do, and the namespace with it. Nothing leaves: no
interface of the host is in it.
"""

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import IO, cast

from dualstack.core.address.address import Address
from dualstack.errors import TrialError
from dualstack.kernel.ourselves import our_code

__all__ = ["NamespaceSpec", "answers", "configure", "open_namespace", "other_users"]

_SETTINGS = Path("/proc/sys/net/ipv6")
_OTHER_USER = 65534
_SETTLING_S, _LOOK_AGAIN_S = 5.0, 0.001
# What Linux takes (dev_valid_name) and ip(8) reads as one word.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")


@dataclass(frozen=True, slots=True)
class NamespaceSpec:
    """What a namespace has: interfaces beside `lo` with their numbers (0: any), addresses by interface, settings."""

    interfaces: dict[str, int] = field(default_factory=dict)
    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    bindv6only: bool = False
    ipv6: bool = True


@contextmanager
def open_namespace(spec: NamespaceSpec, task: Mapping[str, object]) -> Iterator[subprocess.Popen[str]]:
    """A child in a namespace configured as `spec`, at work on `task`; it is gone when the block ends.

    Raises:
        TrialError: there are no network namespaces here.
    """
    programs = [name for name in ("unshare", "ip") if shutil.which(name) is None]
    if programs:
        raise TrialError(f"needs {' and '.join(programs)} (Debian: util-linux, iproute2), on Linux")
    mine = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    worker = our_code("from dualstack.kernel.trial.worker import main; main()")
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        ["unshare", "--net", *mine, "--", *worker],  # noqa: S607 - found in PATH, as every program of the system
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        # Where it has ended already, what it said is on its standard error: `answers` raises it.
        with suppress(BrokenPipeError):
            json.dump({"spec": asdict(spec), "task": task}, cast("IO[str]", child.stdin))
        with suppress(BrokenPipeError):
            cast("IO[str]", child.stdin).close()
        try:
            yield child
        finally:
            child.terminate()


def answers(child: subprocess.Popen[str]) -> Iterator[dict[str, object]]:
    """What the child says, line by line, to its end.

    Raises:
        TrialError: it could not do its task; the text is what it or the system said.
    """
    for line in cast("IO[str]", child.stdout):
        answer = json.loads(line)
        if "error" in answer:
            raise TrialError(answer["error"])
        yield answer
    if child.wait() != 0:
        said = cast("IO[str]", child.stderr).read().strip().splitlines()
        raise TrialError(said[-1] if said else f"the child ended with {child.returncode}")


def configure(spec: NamespaceSpec) -> dict[str, int]:
    """Make this process' namespace, which is new, into `spec`; the interfaces with their numbers.

    Raises:
        TrialError: an interface, address or setting cannot be made.
    """
    for name in (*spec.interfaces, *spec.addresses):
        if not _NAME.fullmatch(name):
            raise TrialError(f"{name!r} is no name for an interface")
    # A new address is tentative, and cannot be bound, until nobody else is known to have it.
    _set({"conf/all/accept_dad": "0", "conf/default/accept_dad": "0", "bindv6only": str(int(spec.bindv6only))})
    _ip(_links(spec))
    if spec.ipv6:
        _ip(_addresses(spec, {4, 6}))
        _settle(spec)
    else:
        names = ["all", "default", "lo", *spec.interfaces]
        _set({f"conf/{name}/disable_ipv6": "1" for name in names})
        _ip(_addresses(spec, {4}))
    return {name: index for index, name in socket.if_nameindex()}


def _settle(spec: NamespaceSpec) -> None:
    """Wait until every IPv6 address can be used: the kernel routes to a new one a little later (addrconf_dad_work).

    Raises:
        TrialError: one of them does not come up.
    """
    deadline = monotonic() + _SETTLING_S
    for name, texts in spec.addresses.items():
        for address in map(Address, texts):
            while address.version == 6 and not _is_usable(address, name):
                if monotonic() > deadline:
                    raise TrialError(f"{address} on {name} does not come up")
                sleep(_LOOK_AGAIN_S)


def _is_usable(address: Address, interface: str) -> bool:
    """Whether its own packets reach it: who is refused has been there.

    The route that makes it the host's own comes last; until then a packet that is on its way already is unreachable.
    """
    scope = socket.if_nametoindex(interface) if address.is_link_local else 0
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
        probe.settimeout(_LOOK_AGAIN_S * 10)
        try:
            probe.bind((str(address), 0, 0, scope))
            probe.connect((str(address), 9, 0, scope))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return True


def other_users() -> tuple[int, ...]:
    """Another user whose sockets this process can make, where there is one."""
    mine = os.geteuid()
    try:
        os.seteuid(_OTHER_USER)
    except OSError:
        return ()
    os.seteuid(mine)
    return (_OTHER_USER,)


def _links(spec: NamespaceSpec) -> Iterator[str]:
    yield "link set lo up"
    for number, (name, index) in enumerate(spec.interfaces.items()):
        wanted = f" index {index}" if index else ""
        yield f"link add {name}{wanted} type veth peer name peer{number}"
        for end in (name, f"peer{number}"):
            yield f"link set {end} addrgenmode none"
            yield f"link set {end} up"


def _addresses(spec: NamespaceSpec, versions: Iterable[int]) -> Iterator[str]:
    for name, texts in spec.addresses.items():
        for text in texts:
            address = Address(text)
            if address.version not in versions or (name == "lo" and (address.is_loopback or address.is_unspecified)):
                continue
            length = 32 if address.version == 4 else 64 if address.is_link_local else 128
            yield f"address add {text}/{length} dev {name}{' nodad' if address.version == 6 else ''}"


def _ip(commands: Iterable[str]) -> None:
    batch = "\n".join(commands)
    done = subprocess.run(
        ["ip", "-batch", "-"],  # noqa: S607 - found in PATH
        input=batch,
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise TrialError(f"ip: {' '.join(done.stderr.split())}")


def _set(values: Mapping[str, str]) -> None:
    for name, value in values.items():
        try:
            (_SETTINGS / name).write_text(value, encoding="ascii")
        except OSError as error:
            raise TrialError(f"net.ipv6.{name.replace('/', '.')}: {error.strerror}") from error
