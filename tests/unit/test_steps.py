"""The trace as scripts read it."""

import json

from dualstack.core.address.address import Address
from dualstack.core.dial.steps import DialStep, Kind


def test_a_step_as_json_has_text_numbers_and_nothing_else() -> None:
    facts = {"addresses": [Address("::1"), Address("192.0.2.1")], "source": None, "errno": 111, "elapsed_s": 0.1234567}
    document = DialStep(0.00123456, Kind.FAILED, {**facts, "late": True}).as_json()
    assert json.loads(json.dumps(document)) == {
        "t_s": 0.001235,
        "kind": "failed",
        "addresses": ["::1", "192.0.2.1"],
        "source": None,
        "errno": 111,
        "elapsed_s": 0.123457,
        "late": True,
    }
