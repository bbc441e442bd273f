"""What is said of a race that nobody has won: one error, with that of every attempt in the order tried.

Decides nothing: which attempts failed, what was left out and who has not answered is told by the race.
"""

from collections.abc import Collection, Sequence
from errno import ETIMEDOUT
from socket import EAI_AGAIN

from dualstack.core.dial.actions import Attempt
from dualstack.core.dial.egress import FAMILY_NAMES, LeftOut
from dualstack.core.dial.resolution import Lookup
from dualstack.errors import AttemptFailed, DialError, LookupFailed

__all__ = ["no_address_left", "no_connection_within", "silent_lookups"]


def silent_lookups(pending: Collection[Lookup], asked: Collection[Lookup] | None, waited: str) -> str:
    """Why there was no address in time.

    Args:
        pending: the lookups without an answer.
        asked: those that somebody has been asked; None where all were.
        waited: how long.
    """
    families = " and ".join(FAMILY_NAMES[lookup.family] for lookup in pending if lookup.family in FAMILY_NAMES)
    whose = f"the lookup of its {families} addresses".replace("  ", " ")
    if asked is not None and not any(lookup in asked for lookup in pending):
        return f"{whose} waited for its turn for {waited}, behind lookups that nobody answers"
    return f"no answer to {whose} within {waited}"


def no_connection_within(why: str, target: object, failed: Sequence[Attempt], began: float) -> DialError:
    """The deadline has come: what was waited for, and what was tried.

    Args:
        why: what was waited for.
        target: for the message, as its text has it.
        failed: the attempts.
        began: when the race did.
    """
    return DialError.of(str(target), why, attempts=_errors(failed, began), errno=ETIMEDOUT)


def no_address_left(
    target: object,
    failed: Sequence[Attempt],
    began: float,
    left_out: Sequence[LeftOut],
    lookup_errors: Sequence[LookupFailed],
) -> DialError | LookupFailed:
    """Nothing is left to try: every attempt's error; else why no address may be dialled; else the lookup's error.

    Args:
        target: for the message, as its text has it.
        failed: the attempts.
        began: when the race did.
        left_out: the addresses that may not be dialled.
        lookup_errors: those of the lookups of the target's own addresses.
    """
    if failed:
        # Where a server did not answer, there may be addresses that nobody knows of.
        why = "; ".join(str(error) for error in lookup_errors if error.timed_out)
        return DialError.of(str(target), why, attempts=_errors(failed, began))
    if left_out:
        numbers = {left.errno for left in left_out}
        why = "; ".join(f"{left.address}: {left.why}" for left in left_out)
        return DialError.of(str(target), why, errno=numbers.pop() if len(numbers) == 1 else None)
    # That the servers do not answer says more than that one of them knows no such address.
    errors = sorted(lookup_errors, key=lambda error: error.errno != EAI_AGAIN)
    return errors[0] if errors else DialError(str(target), "it has no address")


def _errors(failed: Sequence[Attempt], began: float) -> tuple[tuple[str, AttemptFailed], ...]:
    return tuple((str(attempt.candidate.address), _error(attempt, began)) for attempt in failed)


def _error(attempt: Attempt, began: float) -> AttemptFailed:
    failed = AttemptFailed.of(
        str(attempt.candidate.address),
        attempt.errno,
        attempt.why,
        started_s=attempt.started - began,
        elapsed_s=attempt.elapsed_s,
    )
    failed.__cause__ = attempt.cause
    return failed
