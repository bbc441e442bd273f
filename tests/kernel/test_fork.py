"""A fork waits for whoever is changing what is shared, so that the child finds it whole and free."""

import os
import subprocess
import sys

import pytest

# A thread is in the midst of a change for as long as it takes the fork to begin, and half a second at the most.
CODE = """
import os, threading
from dualstack import SharedHistory
from dualstack.core.address.address import Address
from dualstack.core.dial.history import History
from dualstack.core.dial.order import Candidate

entered, never = threading.Event(), threading.Event()

class Slow(History):
    __slots__ = ()
    def learn(self, *arguments):
        entered.set()
        never.wait(0.5)
        super().learn(*arguments)

server = Candidate(Address("192.0.2.1"), Address("192.0.2.9"))
shared = SharedHistory(Slow())
thread = threading.Thread(target=shared.learn, args=(server, 0.1, 0.0))
thread.start()
entered.wait()
child = os.fork()
if child == 0:
    is_free = shared._lock.acquire(blocking=False)
    os._exit(0 if is_free and shared._history.recall(server, 0.0).is_used else 1)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
thread.join()
shared.learn(server, 0.1, 0.0)  # it is free here too
os._exit(code)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork(2) on this system")
def test_a_fork_in_the_midst_of_a_change_has_the_change_and_no_lock() -> None:
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", CODE], check=False, timeout=60, capture_output=True)
    assert (ended.returncode, ended.stderr) == (0, b"")
