"""One literal address by the default policy: it needs no race, and what goes wrong with it is one attempt's error."""

from errno import ENETUNREACH, ETIMEDOUT

from dualstack.core.address.address import Address
from dualstack.errors import AttemptFailed, DialError
from dualstack.net.dial.policy import DialPolicy
from dualstack.net.dial.target import Target

__all__ = ["failure", "is_plain"]


def is_plain(target: Target, policy: DialPolicy, *, limit_s: float | None, has_wishes: bool) -> bool:
    """Whether `target` is one address that the policy says nothing of.

    Args:
        target: where to.
        policy: the policy.
        limit_s: how long it may take; a deadline already past is the race's to tell.
        has_wishes: the caller wants a source, a family, or the steps.
    """
    return policy.is_plain and not has_wishes and type(target.host) is Address and limit_s != 0


def failure(target: Target, address: Address, policy: DialPolicy, error: OSError, elapsed_s: float) -> DialError | None:
    """The error of the one attempt; None where a translator may have another way to it."""
    number = error.errno or ETIMEDOUT  # a timeout of a socket has no number
    if number == ENETUNREACH and address.version == 4 and policy.discovers:
        return None
    from dualstack.core.dial.steps import DialStep, Kind  # who is connected has no use for it

    why = error.strerror or f"no answer within {elapsed_s:.3g} s"
    tried = AttemptFailed.of(str(address), number, why, elapsed_s=elapsed_s)
    failed = DialError.of(str(target), attempts=((str(address), tried),))
    facts = {"number": 0, "address": address, "source": None}
    failed.steps = (
        DialStep(0.0, Kind.ATTEMPT, facts),
        DialStep(elapsed_s, Kind.FAILED, {**facts, "errno": number, "error": why, "elapsed_s": elapsed_s}),
    )
    failed.elapsed_s = elapsed_s
    return failed
