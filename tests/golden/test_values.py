"""Values are frozen and have slots; what changes is named here, and has slots too."""

import dataclasses
import importlib
import inspect
import pkgutil

from msgspec import Struct

import dualstack

FLOORS = ("core", "wire", "net", "kernel", "gateway")
# What lives and changes: counts, ports and processes. All else is a value.
CHANGES = {
    "core.dial.history._Record",
    "core.ping.probes._Probe",
    "core.ping.probes._Source",
    "core.ping.probes._Tally",
    "core.spate._Kind",
    "net.names.dns_exchange._Question",
    "core.planning.wildcard_split.Settlement",
    "core.oracle.linux_tcp.Remembered",
    "core.oracle.outgoing.Caller",
    "gateway.relay.datagram.counts.Counts",
    "gateway.transparent.gate._Pending",
    "gateway.listeners.listening.ListeningSocket",
    "gateway.listeners.named_port.NamedPort",
    "gateway.listeners.port_life.PortLife",
    "gateway.processes.shared_listeners.SharedListener",
    "gateway.processes.shared_listeners.SharedPort",
    "gateway.processes.upgrade.Predecessor",
}
# msgspec's: what is filled step by step, or read from a file.
FILLED = {
    "gateway.config.schema",
    "gateway.processes.handover",
    "gateway.status.page.samples",
    "gateway.status.snapshot",
}
# Each is itself and no other, whatever it holds.
ITSELF = {
    "core.dial.policy_table.PolicyTable",
    "gateway.listeners.listening.ListeningSocket",
    "gateway.listeners.named_port.NamedPort",
    "gateway.listeners.port_life.PortLife",
    "gateway.processes.shared_listeners.SharedListener",
    "gateway.processes.shared_listeners.SharedPort",
    "net.dial.dialer.Dialer",
    "net.dial.policy.DialPolicy",
}
SORTED = {"core.address.prefix.Prefix", "core.address.sockaddr.SocketAddress"}
BY_NAME_ALONE = {
    "core.address.describe.Description",
    "core.oracle.stack.Stack",
    "net.dial.dialer.Dialer",
    "net.dial.policy.DialPolicy",
}

# Long, or secret.
HIDDEN = {
    "core.planning.configuration.Configuration.compiled",
    "core.planning.configuration.Configuration.ports_by_key",
    "core.planning.targets.ForwardTarget.users",
}
# What two that are alike may differ in.
PASSED_OVER = {
    "core.planning.configuration.Configuration.compiled",
    "core.planning.configuration.Configuration.ports_by_key",
    "core.planning.wildcard_split.Claim.name",
}


def classes() -> dict[str, type]:
    found = {}
    for path in pkgutil.walk_packages(dualstack.__path__, "dualstack."):
        if path.name.split(".")[1] in FLOORS:
            module = importlib.import_module(path.name)
            for each in vars(module).values():
                if isinstance(each, type) and each.__module__ == path.name:
                    found[f"{path.name}.{each.__qualname__}".removeprefix("dualstack.")] = each
    return found


ALL = classes()
CLASSES = {name: each for name, each in ALL.items() if dataclasses.is_dataclass(each)}
STRUCTS = {name: each for name, each in ALL.items() if issubclass(each, Struct)}


def those(holds: str) -> set[str]:
    return {name for name, each in CLASSES.items() if getattr(each.__dataclass_params__, holds)}


def test_a_value_is_frozen_and_what_changes_is_named() -> None:
    assert set(CLASSES) - those("frozen") == CHANGES


def test_all_have_slots() -> None:
    assert [name for name, each in CLASSES.items() if "__slots__" not in vars(each)] == []


def test_values_are_equal_by_what_they_hold_and_the_others_are_named() -> None:
    assert set(CLASSES) - those("eq") == ITSELF


def test_those_that_have_an_order_are_named() -> None:
    assert those("order") == SORTED


def test_what_is_made_by_name_alone_is_named() -> None:
    by_name = {name for name, each in CLASSES.items() if all(field.kw_only for field in dataclasses.fields(each))}
    assert by_name - {name for name in by_name if not dataclasses.fields(CLASSES[name])} == BY_NAME_ALONE


def fields_that(lack: str) -> set[str]:
    return {
        f"{name}.{field.name}"
        for name, each in CLASSES.items()
        for field in dataclasses.fields(each)
        if not getattr(field, lack)
    }


PRIVATE = {
    f"{name}.{field.name}"
    for name, each in CLASSES.items()
    for field in dataclasses.fields(each)
    if field.name.startswith("_") and name not in CHANGES
}


def test_what_is_private_long_or_secret_is_not_shown_and_all_else_is() -> None:
    assert fields_that("repr") == PRIVATE | HIDDEN


def test_what_is_private_is_not_compared_and_all_else_is() -> None:
    assert PRIVATE <= fields_that("compare") <= PRIVATE | PASSED_OVER


def test_what_is_encoded_is_frozen_unless_it_is_filled() -> None:
    assert {name for name, each in STRUCTS.items() if not each.__struct_config__.frozen} == {
        name for name in STRUCTS if name.rpartition(".")[0] in FILLED
    }


def test_a_table_of_the_configuration_has_no_key_that_is_unknown_and_is_made_by_name() -> None:
    tables = {name for name in STRUCTS if name.startswith("gateway.config.schema.")}
    assert {name for name, each in STRUCTS.items() if each.__struct_config__.forbid_unknown_fields} == tables
    for name in tables:
        kinds = {each.kind for each in inspect.signature(STRUCTS[name]).parameters.values()}
        assert kinds == {inspect.Parameter.KEYWORD_ONLY}


def test_a_message_says_which_it_is() -> None:
    told = {name.rpartition(".")[2] for name, each in STRUCTS.items() if not each.__struct_config__.tag}
    messages = {name.rpartition(".")[2] for name in STRUCTS if name.startswith("gateway.processes.messages.")}
    assert messages & told == {"Asked", "PortCount"}
