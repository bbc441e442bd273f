"""Where datagrams to a name go: its addresses as the connector finds and sorts them, without a race.

UDP has no handshake to race, so the addresses are for the caller to try in order: RFC 6724's, families by turns
(RFC 8305 section 4). Both families are asked at the same time; once one has answered, the other has a second.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from socket import EAI_AGAIN
from time import monotonic

from dualstack.core.dial.order import Candidate, ordered
from dualstack.core.dial.resolution import SERVICES, Answer
from dualstack.errors import DialError, LookupFailed
from dualstack.net.dial.dialer import Dialer
from dualstack.net.dial.prepare import files_for, prepare
from dualstack.net.dial.target import HostLike, PortLike, read_target
from dualstack.net.names.host_looks import system_table
from dualstack.net.names.thread_pool import POOL, LimitReachedError, why_late

__all__ = ["destinations"]

_OTHER_FAMILY_S = 1.0


async def destinations(
    host: HostLike,
    port: PortLike,
    dialer: Dialer,
    *,
    timeout: float,  # noqa: ASYNC109 - it counts in the threads of the lookups too
    other_family_s: float = _OTHER_FAMILY_S,
) -> tuple[Candidate, ...]:
    """The addresses of a host that `dialer` may use, the best first; those without a way there last.

    Args:
        host: a name or an address.
        port: a number or a service's name.
        dialer: the policy.
        timeout: seconds for both lookups.
        other_family_s: how long the other family has once one has answered.

    Raises:
        LookupFailed: the name has no address, or nobody says within `timeout`.
        DialError: it has, and none of them may be dialled.
        AddressError: host or port can be none.
    """
    target = read_target(host, port)
    files = files_for(target, dialer)
    if files is not None:
        await files.looked()
    prepared = prepare(target, dialer.outlet, dialer, monotonic())
    answers = [answer for _, answer in prepared.known]
    questions = [partial(prepared.find, lookup) for lookup in prepared.lookups if lookup.family != SERVICES]
    tasks = [asyncio.ensure_future(POOL.run_async(question, timeout)) for question in questions]
    answers += await _first_answers(tasks, other_family_s) if tasks else []
    found = [candidate for answer in answers for candidate in answer.candidates]
    if not found:
        late = [_has_begun(task) for task in tasks if _is_late(task)]
        raise _why_none(str(target), str(host), answers, timeout, late)
    table = system_table() if dialer.policy is None else dialer.policy
    return tuple(ordered(found, table, first_family_count=dialer.timing.first_family_count))


async def _first_answers(tasks: Sequence[asyncio.Future[Answer]], other_family_s: float) -> list[Answer]:
    """The answers of all who answer in time."""
    waiting = set(tasks)
    limit_s: float | None = None
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                break
            if any(task.exception() is None and task.result().candidates for task in done):
                limit_s = other_family_s
    finally:
        for task in waiting:
            task.cancel()
    return [task.result() for task in tasks if task.done() and not task.cancelled() and not _was_late(task)]


def _is_late(task: "asyncio.Future[Answer]") -> bool:
    return task.cancelled() or _was_late(task)


def _has_begun(task: "asyncio.Future[Answer]") -> bool:
    error = None if task.cancelled() else task.exception()
    return not isinstance(error, LimitReachedError) or error.has_begun


def _was_late(task: "asyncio.Future[Answer]") -> bool:
    error = task.exception()
    if error is not None and not isinstance(error, LimitReachedError):
        raise error
    return error is not None


def _why_none(
    target: str, name: str, answers: list[Answer], timeout: float, late: list[bool]
) -> DialError | LookupFailed:
    """What is said where no lookup gave an address; of those that gave nothing in time, whether they had begun.

    That a server does not answer says more than that there is no address of the other family.
    """
    for answer in answers:
        for left_out in answer.left_out:
            return DialError.of(target, f"{left_out.address}: {left_out.why}", errno=left_out.errno)
    errors = [answer.error for answer in answers if answer.error is not None]
    if late:
        errors.append(LookupFailed(name, why_late(timeout, has_begun=any(late)), timed_out=True))
    return min(errors, key=lambda error: error.errno != EAI_AGAIN, default=LookupFailed(name, "it has no address"))
