"""The lines of `dualstack explain --batch`: one JSON case in, one JSON answer out, whatever the line is."""

import json
import sys
from collections.abc import Callable, Iterable

from dualstack.core.oracle.case import Case
from dualstack.core.oracle.case_json import prediction_document, read_case
from dualstack.core.oracle.oracle import predict
from dualstack.errors import CaseError, ExitCode, TrialError

__all__ = ["answer_lines", "predicted"]

Answer = Callable[[Case, list[str]], object]


def predicted(case: Case, destinations: list[str]) -> object:
    """What the oracle says; the destinations as the line wrote them."""
    return prediction_document(case, predict(case), destinations)


def answer_lines(lines: Iterable[bytes], answer: Answer = predicted) -> ExitCode:
    """Answer each line at once; a wrong one with its number, and then the code is 1."""
    code = ExitCode.YES
    write, flush = sys.stdout.write, sys.stdout.flush
    for number, line in enumerate(lines, 1):
        try:
            document = json.loads(line)
            case = read_case(document)
            said = answer(case, [to for to, _ in document.get("to", [])])
        except (CaseError, TrialError) as error:
            said, code = {"line": number, "error": str(error)}, ExitCode.NO
        except (ValueError, RecursionError) as error:
            said, code = {"line": number, "error": f"no JSON: {error}"}, ExitCode.NO
        write(json.dumps(said) + "\n")
        flush()
    return code
