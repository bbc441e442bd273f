"""What a lab's resolver answers: its names, its faults, and when each answer goes out.

Decides on bytes and times that come in; `lab.resolver` has the sockets.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset

from dualstack.lab.declaration import DOMAIN
from dualstack.lab.faults import Fault
from dualstack.lab.records import ORIGIN, parsed_record

__all__ = ["Answer", "Zone"]

# So long is an answer held for the other family's, that it may come first.
SWAP_S = 0.5
_UDP_BYTES, _TCP_BYTES = 512, 65535
_FAMILIES = {dns.rdatatype.A: 4, dns.rdatatype.AAAA: 6}
_TYPES = {4: "A", 6: "AAAA"}


@dataclass(frozen=True, slots=True)
class Answer:
    """Bytes that go out `after_s`; with `swap_key`, as soon as the other family's answer for that key has."""

    packet: bytes
    after_s: float = 0.0
    swap_key: tuple[str, str, int] | None = None


@dataclass(frozen=True, slots=True)
class Zone:
    """The names and what is wrong with them.

    Args:
        names: by name, without the domain, its addresses.
        dead: by a client's address, the addresses beside it that never answer, by family; see `lookup-dead-first`.
        faults: of lookups.
        records: by name, what it has beside addresses, each as a zone file has it: "HTTPS 1 . port=8443".
    """

    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dead: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    records: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def answer(self, packet: bytes, client: str, *, over_tcp: bool = False) -> Answer | None:
        """What becomes of a question; None: nothing is ever heard of it."""
        try:
            query = dns.message.from_wire(packet)
        except (dns.exception.DNSException, ValueError):
            return None
        if len(query.question) != 1 or query.flags & dns.flags.QR or query.opcode() != dns.opcode.QUERY:
            return None
        question = query.question[0]
        name = question.name.relativize(ORIGIN).to_text() if question.name.is_subdomain(ORIGIN) else ""
        faults = [fault for fault in self.faults if _is_about(fault, name, _FAMILIES.get(question.rdtype, 0))]
        kinds = {fault.kind for fault in faults}
        if "lookup-lost" in kinds:
            return None
        if over_tcp:
            kinds.discard("lookup-truncated")
        reply = self._reply(query, name, client, kinds)
        late_s = sum(fault.seconds for fault in faults if fault.kind == "lookup-late")
        family = _FAMILIES.get(question.rdtype)
        swap_key = (client, name, family) if "lookup-swapped" in kinds and family else None
        # RFC 1035 section 4.2.1, RFC 6891 section 6.2.3: what a datagram may have at most.
        size = _TCP_BYTES if over_tcp else max(query.payload, _UDP_BYTES)
        # The order is part of the answer.
        return Answer(reply.to_wire(max_size=size, prefer_truncation=True, want_shuffle=False), late_s, swap_key)

    def _reply(self, query: dns.message.Message, name: str, client: str, kinds: Collection[str]) -> dns.message.Message:
        question = query.question[0]
        reply = dns.message.make_response(query, recursion_available=True)
        reply.flags |= dns.flags.AA
        if "lookup-servfail" in kinds:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif "lookup-nxdomain" in kinds or not self._knows(question.name, name):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif "lookup-truncated" in kinds:
            reply.flags |= dns.flags.TC
        else:
            reply.answer.extend(self._records(question, name, client, dead_first="lookup-dead-first" in kinds))
        return reply

    def _knows(self, asked: dns.name.Name, name: str) -> bool:
        return name.lower() in {*self.names, *self.records} or self._named(asked) is not None

    def _records(
        self, question: dns.rrset.RRset, name: str, client: str, *, dead_first: bool
    ) -> Iterator[dns.rrset.RRset]:
        if question.rdtype == dns.rdatatype.PTR:
            named = self._named(question.name)
            if named is not None:
                yield dns.rrset.from_text(question.name, 0, "IN", "PTR", f"{named}.{DOMAIN}.")
            return
        if question.rdclass != dns.rdataclass.IN:
            return
        family = _FAMILIES.get(question.rdtype)
        if family is None:
            records = map(parsed_record, self.records.get(name.lower(), ()))
            wanted = [record for record in records if record.rdtype == question.rdtype]
            if wanted:
                yield dns.rrset.from_rdata_list(question.name, 0, wanted)
            return
        texts = [text for text in self.names.get(name.lower(), ()) if ip_address(text).version == family]
        if dead_first and texts:
            texts = [self.dead.get(client, {}).get(family, texts[0]), *texts]
        if texts:
            yield dns.rrset.from_text(question.name, 0, "IN", _TYPES[family], *texts)

    def _named(self, asked: dns.name.Name) -> str | None:
        try:
            address = dns.reversename.to_address(asked)
        except (dns.exception.DNSException, ValueError):
            return None
        return next((name for name, addresses in self.names.items() if address in addresses), None)


def _is_about(fault: Fault, name: str, family: int) -> bool:
    wanted = (fault.host or name).removesuffix(f".{DOMAIN}").lower()
    return wanted == name.lower() and fault.concerns(family)
