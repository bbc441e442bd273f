"""A command with verbs that are imported when they are called, so that `--help` stays quick."""

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from dualstack.cli.streams import give_up_output, is_output_over
from dualstack.core.suggestion import closest
from dualstack.net.extras import need

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["Verbs"]


class Verbs(click.Group):
    """Verbs by their names, each with a line for the list; the module of a verb defines `command`.

    Args:
        package: where the verbs' modules are.
        verbs: what each is for.
        needs: the extras of those that need more than the command itself.
    """

    def __init__(
        self,
        *arguments: object,
        package: str,
        verbs: Mapping[str, str],
        needs: Mapping[str, Sequence[str]] | None = None,
        **options: object,
    ) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self._package = package
        self.verbs = verbs
        self._needs = needs or {}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order of their table."""
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb, imported now; None where there is none of that name.

        Raises:
            NotInstalled: it needs packages that are not there.
        """
        if cmd_name not in self.verbs:
            return None
        need(cmd_name, *self._needs.get(cmd_name, ()))
        command = importlib.import_module(f"{self._package}.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - a verb's file defines `command`
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that is meant.

        Raises:
            click.UsageError: there is none of that name; it says which may be meant.
        """
        word = args[0]
        if word in self.verbs or word.startswith("-"):
            return super().resolve_command(ctx, args)
        close = closest(word, self.verbs)
        meant = f"Did you mean {close!r}?" if close else f"There are {', '.join(self.verbs)}."
        raise click.UsageError(f"No such command {word!r}. {meant}", ctx)

    def invoke(self, ctx: click.Context) -> object:
        """Do the verb; a reader of standard error that has gone ends it as one of standard output does."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            give_up_output()
        except KeyboardInterrupt:
            if is_output_over():
                give_up_output()
            raise

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """The verbs that begin so, from the table, without importing any; and the options."""
        from click.shell_completion import CompletionItem

        verbs = [CompletionItem(verb, help=said) for verb, said in self.verbs.items() if verb.startswith(incomplete)]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.verbs.items()))
