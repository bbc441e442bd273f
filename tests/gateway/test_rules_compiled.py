"""Rules are compiled once: when a configuration begins to be served, and anew with each reload."""

import pickle
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from dualstack.core.access.access_list import AccessList
from dualstack.gateway.admission.rules import rules_of
from dualstack.gateway.config.toml import parse
from support.gateway import run, running

RULES = """
access = ["deny 192.0.2.0/24", "allow any"]
reach = ["deny 192.0.2.1", "allow any"]
proxy_in = ["192.0.2.7"]
"""
CONFIG = f"""
[[services]]
name = "web"
listen = "127.0.0.1:0"
to = "127.0.0.1:9"
{RULES}
[[services]]
name = "proxy"
listen = "127.0.0.1:0"
forward = ["socks5"]
access = ["allow 127.0.0.0/8", "allow 10.0.0.0/8"]
"""
# The last is what `public` leaves of the rules for what is near.
ONCE = Counter(
    {
        ("deny 192.0.2.0/24", "allow any"): 1,
        ("deny 192.0.2.1", "allow any"): 1,
        ("allow 192.0.2.7",): 1,
        ("allow 127.0.0.0/8", "allow 10.0.0.0/8"): 1,
        ("allow public",): 1,
        (): 1,
    }
)


@contextmanager
def compiled() -> Iterator[Counter[tuple[str, ...]]]:
    """Counts what is compiled meanwhile."""
    code = AccessList.__init__.__code__
    found: Counter[tuple[str, ...]] = Counter()

    def look(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code is code:
            found[tuple(frame.f_locals["rules"])] += 1

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield found
    finally:
        sys.setprofile(before)


def counted(act: Callable[[], object]) -> Counter[tuple[str, ...]]:
    with compiled() as found:
        act()
    return found


def test_the_rules_of_a_service_are_compiled_once_a_reload_and_not_as_a_port_stops() -> None:
    async def scenario() -> None:
        async with running(CONFIG) as r:
            with compiled() as found:
                await r.gateway.reload(parse(CONFIG, "test.toml"))
            assert found == ONCE
            upstream = r.gateway.services["web"].upstream
            with compiled() as found:
                await r.gateway.stop_port("web")
                await r.gateway.start_port("web")
            assert not found
            assert r.gateway.services["web"].upstream.access is upstream.access
            with compiled() as found:
                await r.gateway.reload(r.gateway.config)
            assert found == ONCE, "an interface that was made anew has another number"

    run(scenario)


def test_a_file_is_checked_without_compiling_its_rules() -> None:
    assert not counted(lambda: parse(CONFIG, "test.toml"))


def test_rules_go_to_another_process_as_their_texts() -> None:
    config = parse(CONFIG, "test.toml")
    assert counted(lambda: [rules_of(config, service) for service in config.services]) == ONCE
    there = pickle.loads(pickle.dumps(config))  # noqa: S301 - it is ours
    assert there == config
    assert not there.compiled
    assert counted(lambda: rules_of(config, config.services[0])) == Counter()
    assert counted(lambda: [rules_of(there, service) for service in there.services]) == ONCE
