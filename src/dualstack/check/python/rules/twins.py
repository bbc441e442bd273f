"""What has a twin for IPv6 that the file does not name: options, tables, commands, verbs, broadcast, ethertypes."""

import ast
import re
from collections.abc import Iterator

from dualstack.check.findings.finding import Remark
from dualstack.check.python.rule import Rule, at, at_text, calls, identifier, owner_name, references, template, written
from dualstack.check.python.values import GAP, Values
from dualstack.check.words.namings import vocabulary, words_of
from dualstack.check.words.twins import COMMANDS, OPTIONS, TABLES, VERBS, is_missing

__all__ = ["RULES"]


def _options(values: Values) -> Iterator[Remark]:
    for twin in OPTIONS:
        if not is_missing(twin, values.module.word_text):
            continue
        known = [word for word in values.references_by_name if twin.one.fullmatch(word)]
        for node in references(values, *known):
            if not _is_alias(values, node):
                yield at(twin.kind, node, values.last(node))
    for call in calls(values, "getsockopt"):
        if (
            len(call.args) > 1
            and values.constant(call.args[1]) == 80
            and is_missing(OPTIONS[2], values.module.word_text)
        ):
            yield at("ancillary-ipv4-only", call, "SO_ORIGINAL_DST")


def _is_alias(values: Values, node: ast.expr) -> bool:
    """Whether it is read for a name that is used elsewhere, or asked for with hasattr."""
    parent = values.module.parents.get(node)
    return isinstance(parent, (ast.Assign, ast.Attribute))


_HUMAN = vocabulary("help description epilog usage print doc info debug warning error title label")


_FTP = re.compile(r"227|^(?:USER |PAS[V]|RETR|STOR)", re.MULTILINE)
_TOLD = re.compile(r"/proc/|iptables|route|ping|-4|PASV|PORT|227|PROXY|IP4|tcp4|inet4|udp4|ip ")


def _words_in_texts(values: Values) -> Iterator[Remark]:
    words = values.module.all_words
    if not _TOLD.search(values.module.word_text):
        return
    missing = {twin: is_missing(twin, values.module.word_text) for twin in (TABLES, COMMANDS, *VERBS)}
    is_ftp = not words.isdisjoint({"ftp", "FTP"}) or _FTP.search(values.module.word_text) is not None
    for node, text in written(values):
        if len(text) > 400 or not any(twin.one.search(text) for twin in missing):
            continue
        if owner_name(values, node) in _HUMAN or _is_listed(values, node):
            continue
        for twin, is_alone in missing.items():
            is_verb = twin is not VERBS[0] or is_ftp or "PASV" in text
            if is_alone and is_verb and twin.one.search(text) and (twin is not COMMANDS or _is_run(values, node)):
                shown = text.strip().replace(GAP, "...")[:40]
                found = twin.one.search(text) if "\n" in text else None
                yield at_text(values, twin.kind, node, found[0].strip()) if found else at(twin.kind, node, shown)
    yield from _arguments(values)
    for call in calls(values, "net_connections", "connections"):
        kind = values.text(values.argument(call, 0, "kind"))
        if kind in {"tcp4", "udp4", "inet4"}:
            yield at("proc-net-ipv4", call, kind)


def _is_listed(values: Values, node: ast.AST) -> bool:
    """Whether a text is but looked for."""
    for each in values.module.above(node):
        if isinstance(each, ast.Compare):
            return True
        if isinstance(each, ast.stmt):
            return isinstance(each, ast.Raise)
    return False


_RUNNING = vocabulary(
    "run Popen call check_call check_output system popen getoutput getstatusoutput create_subprocess_exec "
    "create_subprocess_shell execute which execvp spawn cmd sh shell exec_command sudo local"
)


def _is_run(values: Values, node: ast.expr) -> bool:
    """Whether a text is part of a command: in a list that begins with it, or handed to what runs commands."""
    module = values.module
    parent = module.parents.get(node)
    if isinstance(parent, ast.List | ast.Tuple) and (
        parent.elts[0] is node
        or (len(parent.elts) > 1 and parent.elts[1] is node and template(parent.elts[0]) == "sudo")
    ):
        return True
    if " " in template(node).strip():
        return True
    for each in module.above(node):
        if isinstance(each, ast.Call) and identifier(each.func) in _RUNNING:
            return True
    return bool(
        re.search(r"iptables|cmd|command|tool|binary|bin|exe|program|path", owner_name(values, node), re.IGNORECASE)
    )


def _arguments(values: Values) -> Iterator[Remark]:
    """Commands as lists: `["ping", "-4", host]`, `["route", "-n"]`."""
    if not is_missing(COMMANDS, values.module.word_text):
        return
    for node in values.module.sequences:
        yield from _command(values, node, list(node.elts))
    for call in values.module.all(ast.Call):
        if identifier(call.func) in _RUNNING:
            yield from _command(values, call, call.args)


def _command(values: Values, node: ast.expr, parts: list[ast.expr]) -> Iterator[Remark]:
    texts = [values.text(each) or GAP for each in parts]
    if texts and texts[0] == "sudo":
        texts = texts[1:]
    if len(texts) > 1 and COMMANDS.one.search(" ".join(texts)) and "iptables" not in texts[0] and "\n" not in texts[0]:
        yield at("command-ipv4-only", node, " ".join(texts[:2]).replace(GAP, "..."))


def _broadcasts(values: Values) -> Iterator[Remark]:
    if re.search(r"ff0[0-9a-f]::|IPV6_JOIN_GROUP|IPV6_MULTICAST|AF_INET6", values.module.word_text):
        return
    if not re.search(r"BROADCAST|broadcast|255\.255", values.module.word_text):
        return
    said: set[ast.AST | None] = set()
    for option in references(values, "SO_BROADCAST"):
        said.add(values.module.function(option))
        yield at("broadcast-only", option, "SO_BROADCAST")
    for call in calls(values, "create_datagram_endpoint"):
        if any(each.arg == "allow_broadcast" and values.constant(each.value) is True for each in call.keywords):
            said.add(call)
            yield at("broadcast-only", call, "allow_broadcast")
    if said:
        return
    for node, text in written(values):
        is_sent = any(
            isinstance(each, ast.Call) and identifier(each.func) in {"sendto", "connect"}
            for each in values.module.above(node)
        )
        is_kept = "broadcast" in owner_name(values, node).lower()
        if (
            text in {"255.255.255.255", "<broadcast>"}
            and (
                is_sent or (is_kept and not isinstance(values.module.parents.get(node), ast.Tuple | ast.List | ast.Set))
            )
            and values.module.function(node) not in said
        ):
            yield at("broadcast-only", node, text)


_ETHERTYPES = frozenset(
    {"ETH_TYPE_IP", "ETHERTYPE_IP", "ETH_P_IP", "TYPE_IP", "ETHER_TYPE_IP", "ETHERTYPE_IPV4", "ETH_TYPE_IPV4"}
)
_V6_PACKETS = re.compile(r"IPv6|IP6|ip6|ipv6|IPV6|ETH_P_ALL")


def _is_swapped(side: ast.expr) -> bool:
    """Whether a number is an ethertype in the order of the wire: `htons(proto)`, `eth_proto`."""
    name = identifier(side)
    return name in {"htons", "ntohs"} or not words_of(name).isdisjoint({"eth", "ether", "ethertype", "proto"})


def _is_packet(name: str) -> bool:
    """Whether a name says that it is a captured packet."""
    return not words_of(name).isdisjoint({"packet", "pkt", "frame", "pkts"})


def _packets(values: Values) -> Iterator[Remark]:
    words = values.module.all_words
    numbers = {each.value for each in values.module.all(ast.Constant) if isinstance(each.value, int)}
    if not numbers & {0x0800, 8} and words.isdisjoint(_ETHERTYPES | {"IP", "ip", "ETH_P_IP", "\x08\x00"}):
        return
    if 0x86DD in numbers or _V6_PACKETS.search(values.module.word_text):
        return
    is_capture = bool(
        words
        & {
            "pcap",
            "dpkt",
            "scapy",
            "AF_PACKET",
            "sniff",
            "ethertype",
            "eth_type",
            "ether_type",
            "ethernet",
            "Ether",
            "pcapy",
            "eth",
            "proto",
        }
    )
    for compare in values.module.all(ast.Compare):
        sides = (compare.left, *compare.comparators)
        is_type = any(values.last(side) in _ETHERTYPES or values.constant(side) == 0x0800 for side in sides)
        is_raw = any(values.text(side) == "\x08\x00" for side in sides)
        is_swapped = (
            "AF_PACKET" in words and any(map(_is_swapped, sides)) and any(values.constant(side) == 8 for side in sides)
        )
        if (is_type and is_capture) or is_raw or is_swapped:
            yield at("packet-ipv4-only", compare, "IPv4's ethertype")
        elif isinstance(compare.ops[0], ast.In | ast.NotIn) and (
            values.name(compare.left).endswith(("scapy.all.IP", "inet.IP"))
            or (values.text(compare.left) == "IP" and _is_packet(identifier(compare.comparators[0])))
        ):
            yield at("packet-ipv4-only", compare, "IP")
    for call in calls(values, "haslayer", "isinstance", "socket"):
        yield from _packet_call(values, call)


def _packet_call(values: Values, call: ast.Call) -> Iterator[Remark]:
    last = values.last(call.func)
    names = [values.name(each) for each in call.args]
    is_layer = any(
        name.endswith(("scapy.all.IP", "inet.IP", "dpkt.ip.IP", "dpkt.ip")) or name == "IP" for name in names
    )
    if last == "haslayer" and is_layer:
        yield at("packet-ipv4-only", call, "haslayer(IP)")
    elif last == "isinstance" and len(names) == 2 and names[1].endswith(("dpkt.ip.IP", "scapy.all.IP")):
        yield at("packet-ipv4-only", call, "IP alone")
    elif values.name(call.func).endswith("socket.socket") and any(
        "ETH_P_IP" in values.module.words(a) or _is_number(a, 0x0800) for a in call.args[2:]
    ):
        yield at("packet-ipv4-only", call, "ETH_P_IP")


def _is_number(node: ast.expr, number: int) -> bool:
    return any(isinstance(each, ast.Constant) and each.value == number for each in ast.walk(node))


_SOCKS = re.compile(r"^\x05\x01\x00\x01|^\x05\x00\x00\x01")


def _socks(values: Values) -> Iterator[Remark]:
    """Requests to a SOCKS proxy with an address of type 1 alone."""
    words = values.module.all_words
    if "\x04" in words or any(re.search(r"inet_pton|AF_INET6|ATYP_IP_?V6|IPV6", word) for word in words):
        return
    for operation in values.module.all(ast.BinOp):
        is_four = isinstance(operation.op, ast.Add) and "inet_aton" in values.module.words(operation.right)
        if is_four and (values.text(operation.left) or "").endswith("\x01"):
            yield at("protocol-ipv4-verb", operation, "SOCKS address type 1")
    for node, text in written(values):
        if _SOCKS.match(text):
            yield at("protocol-ipv4-verb", node, "SOCKS address type 1")
    for call in calls(values, "pack"):
        numbers = [values.constant(each) for each in call.args[1:5]]
        if numbers[:4] in ([5, 1, 0, 1], [5, 0, 0, 1]):
            yield at("protocol-ipv4-verb", call, "SOCKS address type 1")


RULES: tuple[Rule, ...] = (_options, _words_in_texts, _broadcasts, _packets, _socks)
