"""`dualstack explain --live`: a case made on this kernel, beside what the oracle says of it."""

from dualstack.core.oracle.case import Case
from dualstack.core.oracle.case_json import case_document, prediction_document
from dualstack.core.oracle.oracle import predict
from dualstack.errors import TrialError
from dualstack.kernel.trial.namespace import answers, open_namespace
from dualstack.kernel.trial.namespace_specs import spec_of

__all__ = ["ask_kernel", "beside_the_kernel"]


def ask_kernel(case: Case) -> dict[str, object]:
    """`{kernel, differences}`: what the kernel did, and where the oracle said something else.

    Raises:
        TrialError: there are no namespaces here, or the case is of another system.
    """
    if case.stack.name != "linux":
        raise TrialError(f"this is Linux, and the case is of {case.stack.title}")
    with open_namespace(spec_of(case), {"case": case_document(case)}) as child:
        return next(answers(child))


def beside_the_kernel(case: Case, destinations: list[str]) -> object:
    """The line of a batch: `{predicted, kernel, differences}`."""
    return {"predicted": prediction_document(case, predict(case), destinations), **ask_kernel(case)}
