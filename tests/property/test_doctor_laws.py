"""The doctor answers whatever stands in a file or a command: sockets, a refusal, or unknown; never an error."""

from hypothesis import given
from hypothesis import strategies as st

from dualstack.doctor.assumed_host import assumed_host
from dualstack.doctor.examine import Question, examine
from dualstack.doctor.formats.command_line import split_command
from dualstack.doctor.listening import NotUnderstood
from dualstack.doctor.registry import all_daemons
from dualstack.doctor.tree import Tree

HOST = assumed_host(["addresses=192.0.2.1%eth0,2001:db8::1%eth0"])
EXAMPLES = [(daemon, example) for daemon in all_daemons().values() for example in daemon.examples]
SCRAPS = st.one_of(
    st.text(max_size=8), st.sampled_from(["::", "[", "{", "}", '"', "99999", "0.0.0.0", "\n", "$x", ",", "="])
)


@given(st.sampled_from(EXAMPLES), st.data())
def test_no_text_makes_it_fail(example: tuple[object, object], data: st.DataObject) -> None:
    daemon, setting = example
    text = setting.text or setting.command  # type: ignore[attr-defined]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    text = text[:start] + data.draw(SCRAPS) + text[end:]
    path = daemon.files[0] if daemon.files else "/srv/program"  # type: ignore[attr-defined]
    if setting.text:  # type: ignore[attr-defined]
        answer = examine(Question(daemon, Tree("/nonexistent", {path: text}), HOST, path))  # type: ignore[arg-type]
    else:
        try:
            environ, argv = split_command(text)
        except NotUnderstood:
            return
        answer = examine(Question(daemon, Tree("/nonexistent"), HOST, "", "", argv, environ))  # type: ignore[arg-type]
    assert answer.starts in {True, False, None}
    assert set(answer.reach.values()) <= {"yes", "partly", "no", "unknown"}
