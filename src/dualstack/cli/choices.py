"""A choice of words on the command line that says which of them may have been meant."""

from collections.abc import Sequence
from typing import Any

import click

from dualstack.core.suggestion import closest

__all__ = ["OneOf"]


class OneOf(click.Choice):  # type: ignore[type-arg,unused-ignore] # generic from click 8.2 on
    """`click.Choice`, with a suggestion."""

    def __init__(self, choices: Sequence[str]) -> None:
        super().__init__(list(choices))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's signature
        """`value`, as one of the choices.

        Raises:
            click.BadParameter: it is none of them.
        """
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            close = closest(str(value), map(str, self.choices))
            if close is None:
                raise
            self.fail(f"{error.message} Did you mean {close!r}?", param, ctx)
