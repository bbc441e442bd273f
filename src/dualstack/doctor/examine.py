"""The question and its answer: one daemon with these settings, on a host that is assumed, without running anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dualstack.doctor.access.access_list import findings_of
from dualstack.doctor.assumed_host import AssumedHost
from dualstack.doctor.findings import Finding
from dualstack.doctor.listening import NotUnderstood, Place, Refused
from dualstack.doctor.opening import Opened, open_all
from dualstack.doctor.reach import reach
from dualstack.doctor.settings import Daemon, Settings, version_of
from dualstack.doctor.tree import Tree

__all__ = ["Answer", "Question", "access_findings", "examine"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Args:
        daemon: which.
        tree: where its files are.
        host: on which host.
        path: its main file; empty for where it is by default, or for none.
        version: its version as text.
        argv: its command line.
        environ: its environment.
        is_blind: its files may be there, but were not named and are not looked at.
    """

    daemon: Daemon
    tree: Tree
    host: AssumedHost
    path: str = ""
    version: str = ""
    argv: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    is_blind: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found: `opened` None where the settings are not understood, and then `why` says what in them."""

    question: Question
    opened: Opened | None
    reach: Mapping[str, str]
    files: tuple[str, ...] = ()
    why: str = ""
    place: Place | None = None

    @property
    def starts(self) -> bool | None:
        """Whether the daemon starts; None where it is not known."""
        return None if self.opened is None else self.opened.starts


def examine(question: Question) -> Answer:
    """What becomes of the daemon's settings; a setting that is not understood leaves the whole answer open."""
    settings = _settings(question)
    try:
        opened = open_all(question.daemon.read(settings), question.host)
    except NotUnderstood as error:
        return Answer(
            question, None, {"ipv4": "unknown", "ipv6": "unknown"}, tuple(settings.seen), error.why, error.place
        )
    except Refused as error:
        opened = Opened(False, (), error.why, error.place)
    except (ValueError, LookupError, RecursionError) as error:
        # A value of another shape than the daemon's reader knows: it says nothing rather than something wrong.
        why = f"a value is not understood: {error}"
        unknown = {"ipv4": "unknown", "ipv6": "unknown"}
        return Answer(question, None, unknown, tuple(settings.seen), why, Place(settings.path, 1))
    reached = reach(opened.sockets, question.host, question.daemon.ports)
    return Answer(question, opened, reached, tuple(settings.seen), opened.why, opened.place)


def access_findings(question: Question) -> list[Finding]:
    """What the daemon's own access lists do to one family alone; of what is not understood, nothing."""
    if question.daemon.access is None:
        return []
    try:
        return [finding for each in question.daemon.access(_settings(question)) for finding in findings_of(each)]
    except (NotUnderstood, Refused, ValueError, LookupError, RecursionError):
        return []  # `examine` says of the same file what is not understood


def _settings(question: Question) -> Settings:
    return Settings(
        question.tree,
        question.host,
        question.path or ("" if question.is_blind else _default(question)),
        version_of(question.version),
        question.argv,
        question.environ,
        question.is_blind,
    )


def _default(question: Question) -> str:
    """The first of the daemon's files that is there."""
    return next((path for pattern in question.daemon.files for path in question.tree.matches(pattern)), "")
