"""What the resolvers and routers of this host say when they are asked: two rounds, all questions of a round at once.

Nobody is asked but the servers of resolv.conf, hosts that `--reach` names, those of /etc/hosts that are no public ones,
and the routers on the way to them: without `--reach` nothing is sent to the Internet but to a resolver that is there.

Resolvers get the questions that every resolver answers itself: localhost (RFC 6761 section 6.3), ipv4only.arpa (RFC
8880), and this host's own name.
"""

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from dualstack.core.address.address import Address
from dualstack.core.address.embedded import rfc6052_encode
from dualstack.core.address.prefix import Prefix
from dualstack.core.dial.egress import IPV4ONLY_ARPA, WELL_KNOWN_IPV4, discovered_prefixes
from dualstack.core.host.network import Route
from dualstack.doctor.host.state import Answers, Nat64State, Role, Said, Server, TargetState
from dualstack.kernel.probes import Heard, Probe, Way, probe_all
from dualstack.wire.dns import NXDOMAIN, head, query, read

__all__ = ["FirstRound", "Target", "ask_all", "behind_routers", "translators"]

_PORT = 53
_TRACEROUTE = 33434  # a port that nobody has (traceroute(8))
_RESOLVER_S, _SMALL_S, _LARGE_S, _HOP_S = 2.0, 1.2, 1.0, 0.8
_SIZES = (1280, 1400)
_SMALLEST = 100
# How far is looked for a translator: its hops, and one behind it.
_HOPS_TO_TRANSLATOR = 6
_PADDING = 12  # RFC 7830
_LENGTH, _OPTION = struct.Struct("!H"), struct.Struct("!HH")
_LONGEST = 0xFFFF


@dataclass(frozen=True, slots=True)
class Target:
    """A host that is asked: the way to it, the MTU of the link (bytes), and a TCP port that it has, 0 for none."""

    address: Address
    name: str
    role: Role
    route: Route | None
    mtu: int
    port: int = 0


@dataclass(frozen=True, slots=True)
class FirstRound:
    """What came of the first round: each resolver's answers, each target's, and the NAT64 prefixes by resolver.

    `unasked` says of whom nothing is known, because there was no socket to ask with.
    """

    resolvers: tuple[Answers, ...]
    targets: tuple[TargetState, ...]
    prefixes: tuple[tuple[Address, Prefix], ...]
    unasked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question and what it is about."""

    about: Address
    what: str
    probe: Probe
    version: int = 0


def ask_all(servers: Sequence[Server], names: Sequence[str], targets: Sequence[Target]) -> FirstRound:
    """The first round: every question to every resolver, and packets of several sizes to every target."""
    asked = [each for server in servers for each in _questions(server.address, names)]
    asked += [each for target in targets if target.route is not None for each in _sizes(target)]
    heard = dict(zip(map(id, asked), probe_all([each.probe for each in asked]), strict=True))
    found = [(each, heard[id(each)]) for each in asked]
    resolvers = [_answers(server, found) for server in servers]
    states = [_target(target, found) for target in targets]
    silent = {each.server for each in resolvers if not each.is_alive}
    silent |= {each.address for each in states if not each.is_heard}
    unasked = {
        each.about: f"whether {each.about} is there: no socket to ask with ({os.strerror(said.errno)})"
        for each, said in found
        if said is not None and said.is_unasked and each.about in silent
    }
    return FirstRound(
        tuple(each for each in resolvers if each.server not in unasked),
        tuple(each for each in states if each.address not in unasked),
        tuple(_prefixes(found)),
        tuple(unasked.values()),
    )


def _questions(server: Address, names: Sequence[str]) -> Iterator[_Asked]:
    for name in names:
        for version in (4, 6):
            question = query(int.from_bytes(os.urandom(2), "big"), name, version)
            probe = Probe(
                Way.UDP,
                server,
                _PORT,
                question,
                limit_s=_RESOLVER_S,
                is_answer=partial(_is_answer, question),
            )
            yield _Asked(server, name, probe, version)


def _is_answer(question: bytes, packet: bytes) -> bool:
    return head(packet, question) is not None


def _sizes(target: Target) -> Iterator[_Asked]:
    """Echo and traceroute's datagram, small and as large as the link takes; to a resolver a long question over TCP."""
    address = target.address
    for what, size in (("small", _SMALLEST), *((str(size), size) for size in _SIZES), ("large", target.mtu)):
        if size > target.mtu:
            continue
        limit_s = _SMALL_S if what == "small" else _LARGE_S
        group = f"{what} {address}"
        yield _Asked(address, what, Probe(Way.ECHO, address, size=size, limit_s=limit_s, moot_with=group))
        yield _Asked(address, what, Probe(Way.UDP, address, _TRACEROUTE, size=size, limit_s=limit_s, moot_with=group))
    port = _PORT if target.role is Role.RESOLVER else target.port
    if port:
        yield _Asked(address, "small", Probe(Way.TCP, address, port, limit_s=_SMALL_S))
    if target.role is Role.RESOLVER:
        probe = Probe(Way.TCP, address, port, _long_question(target.mtu), limit_s=_LARGE_S)
        yield _Asked(address, "stream", probe)


def _long_question(size: int) -> bytes:
    """A question over TCP that is padded (RFC 7830) to more than one packet, or as long as one may be."""
    question = query(int.from_bytes(os.urandom(2), "big"), "localhost", 4)
    size = min(size, _LONGEST - len(question) - _OPTION.size)
    option = _OPTION.pack(_PADDING, size) + bytes(size)
    padded = question[: -_LENGTH.size] + _LENGTH.pack(len(option)) + option
    return _LENGTH.pack(len(padded)) + padded


def _answers(server: Server, found: Sequence[tuple[_Asked, Heard | None]]) -> Answers:
    mine = [(each, heard) for each, heard in found if each.version and each.about == server.address]
    said = {(each.what, each.version): _said(each, heard) for each, heard in mine}
    why = next((os.strerror(heard.errno) for _, heard in mine if heard is not None and heard.errno), "")
    return Answers(server.address, server.line, said, why)


def _said(asked: _Asked, heard: Heard | None) -> Said:
    if heard is None:
        return Said.SILENT
    if heard.errno:
        return Said.UNREACHABLE
    begins = head(heard.content, asked.probe.content)
    reply = read(heard.content, asked.probe.content, asked.version)
    if begins is None or reply is None or (begins.code and begins.code != NXDOMAIN):
        return Said.FAILED
    if reply.is_missing:
        return Said.NO_NAME
    return Said.ADDRESSES if reply.addresses else Said.NOTHING


def _prefixes(found: Sequence[tuple[_Asked, Heard | None]]) -> Iterator[tuple[Address, Prefix]]:
    for each, heard in found:
        if (each.what, each.version) == (IPV4ONLY_ARPA, 6) and heard is not None and heard.content:
            reply = read(heard.content, each.probe.content, 6)
            for prefix in discovered_prefixes(reply.addresses if reply is not None else ()):
                yield each.about, prefix


def _target(target: Target, found: Sequence[tuple[_Asked, Heard | None]]) -> TargetState:
    mine = [(each, heard) for each, heard in found if each.about == target.address and heard is not None]
    sizes = {"small": _SMALLEST, "large": target.mtu, **{str(size): size for size in _SIZES}}
    here = [(each, heard) for each, heard in mine if heard.is_from(target.address)]
    by_packet = {each.what for each, _ in here if each.probe.way is not Way.TCP and each.what in sizes}
    # A connection that was refused, or ended early, says nothing of large packets.
    is_stream = any(each.what == "stream" and not heard.errno for each, heard in here)
    # Who answers the smallest alone may be one that filters echoes.
    is_medium = not by_packet.isdisjoint(map(str, _SIZES))
    is_told = any(heard.is_too_big for _, heard in mine)
    return TargetState(
        target.address,
        target.name,
        target.role,
        None if target.route is None else target.route.gateway is not None,
        bool(here),
        _why(target, [heard for _, heard in mine]),
        max((sizes[each] for each in by_packet), default=None),
        target.mtu,
        router_heard=any(_is_from_router(heard, target) for _, heard in mine) or None,
        is_large_lost=is_medium and "large" not in by_packet and not is_stream and not is_told,
    )


def _is_from_router(heard: Heard, target: Target) -> bool:
    """Whether another host says so; where a neighbour does not answer, the kernel says it in this host's own name."""
    own = None if target.route is None else target.route.source
    return heard.sender not in {None, own, target.address.without_scope} and not heard.is_too_big


def _why(target: Target, heard: Sequence[Heard]) -> str:
    if target.route is None:
        return "there is no route to it"
    for each in heard:
        if each.errno and not each.is_from(target.address) and not each.is_too_big:
            by = f", says {each.sender}" if each.sender is not None else ""
            return f"{os.strerror(each.errno)}{by}"
    return ""


def behind_routers(targets: Sequence[Target], states: Sequence[TargetState]) -> tuple[TargetState, ...]:
    """The second round: of those that are silent behind a router, whether the router answers.

    It may do so at the end of a packet's hops, or when it is asked itself: one that does not forward says nothing else.
    """
    by_address = {each.address: each for each in targets}
    silent = [each for each in states if each.is_behind_router and not each.is_heard and not each.router_heard]
    asked: list[tuple[Target, Probe]] = []
    for each in silent:
        target, group = by_address[each.address], f"router of {each.address}"
        ends = Probe(Way.UDP, each.address, _TRACEROUTE, hops=1, limit_s=_HOP_S, moot_with=group)
        asked.append((target, ends))
        if target.route is not None and (router := target.route.gateway) is not None:
            asked.append((target, Probe(Way.ECHO, router, limit_s=_HOP_S, moot_with=group)))
            asked.append((target, Probe(Way.UDP, router, _TRACEROUTE, limit_s=_HOP_S, moot_with=group)))
    answered = {
        target.address
        for (target, _), heard in zip(asked, probe_all([probe for _, probe in asked]), strict=True)
        if heard is not None and (_is_from_router(heard, target) or not heard.errno)
    }
    return tuple(replace(each, router_heard=each.address in answered) if each in silent else each for each in states)


def translators(prefixes: Sequence[tuple[Address, Prefix]], ipv4: Sequence[Address]) -> tuple[Nat64State, ...]:
    """Whether something translates what is sent to each prefix.

    What is behind a translator answers from an address of the prefix: an echo, or a router where the hops are over.

    Args:
        prefixes: with the resolver that gave each away.
        ipv4: addresses that are reached over IPv4, or may be.
    """
    ways = list({prefix: (server, prefix) for server, prefix in reversed(prefixes)}.values())
    asked: list[tuple[int, Probe]] = []
    for index, (_, prefix) in enumerate(ways):
        for address in (*ipv4, WELL_KNOWN_IPV4[0]):
            there = rfc6052_encode(address, prefix)
            group = str(prefix)
            asked.append((index, Probe(Way.ECHO, there, limit_s=_HOP_S, moot_with=group)))
            asked += [
                (index, Probe(Way.UDP, there, _TRACEROUTE, hops=hops, limit_s=_HOP_S))
                for hops in range(1, _HOPS_TO_TRANSLATOR + 1)
            ]
    heard = [(index, found) for (index, _), found in zip(asked, probe_all([probe for _, probe in asked]), strict=True)]
    return tuple(
        _translator(server, prefix, [found for place, found in heard if place == index and found is not None])
        for index, (server, prefix) in enumerate(ways)
    )


def _translator(server: Address, prefix: Prefix, heard: Sequence[Heard]) -> Nat64State:
    is_there = any(not each.errno or (each.sender is not None and each.sender in prefix) for each in heard)
    said = next((each for each in heard if each.errno and not is_there), None)
    by = f", says {said.sender}" if said is not None and said.sender is not None else ""
    why = "" if is_there else f"{os.strerror(said.errno)}{by}" if said is not None else "nothing comes back"
    return Nat64State(server, str(prefix), is_there, why)
