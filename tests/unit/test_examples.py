"""The examples in the docstrings of core and wire say what happens."""

import doctest
import importlib
import pkgutil

import pytest

import dualstack.core
import dualstack.wire

MODULES = [
    module.name
    for floor in (dualstack.core, dualstack.wire)
    for module in pkgutil.walk_packages(floor.__path__, f"{floor.__name__}.")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
