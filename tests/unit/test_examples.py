"""The examples in core's docstrings say what happens."""

import doctest
import importlib
import pkgutil

import pytest

import dualstack.core

MODULES = [f"dualstack.core.{module.name}" for module in pkgutil.iter_modules(dualstack.core.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
