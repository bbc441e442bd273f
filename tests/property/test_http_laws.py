"""Laws of the forward proxy's HTTP: any bytes are an answer or a request, however they come."""

from hypothesis import given
from hypothesis import strategies as st

from dualstack.core.planning.targets import ProxyProtocol
from dualstack.gateway.forward.http import Http
from dualstack.wire.handshake import Event, Outcome, Refusal, Request

PIECES = st.sampled_from(
    [
        *(b"GET ", b"CONNECT ", b"OPTIONS ", b"http://", b"HTTP://a:80/", b"a:1", b"[::1]:2", b"[", b"@", b"%", b"*"),
        *(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"Host: a\r\n", b"Connection: host, x\r\n", b"Content-Length: 3\r\n"),
        *(b"Transfer-Encoding: chunked\r\n", b"\r\n", b"\n", b"\r\n\r\n", b"\0", b"\xff", b"?q", b"/", b"x: y\r\n"),
        b"Proxy-Authorization: Basic YTpi\r\n",
    ]
)
REQUESTS = st.lists(PIECES | st.binary(max_size=20), max_size=14).map(b"".join)
USERS = st.sampled_from([None, lambda name, password: (name, password) == (b"a", b"b")])


def heard(http: Http, content: bytes, size: int) -> tuple[list[Event], bytes]:
    """The events; and, after a request, all that goes to the server."""
    events: list[Event] = []
    for at in range(0, len(content), size):
        events += http.receive(content[at : at + size])
        if events and isinstance(request := events[-1], Request):
            behind = b"" if request.plain is None else request.plain.behind
            return [Request(request.target)], request.first + behind + content[at + size :]
    return events, b""


@given(REQUESTS, USERS)
def test_any_bytes_are_an_answer_or_a_request_however_they_come(content: bytes, users) -> None:  # noqa: ANN001
    at_once = heard(Http(tuple(ProxyProtocol), users), content, max(len(content), 1))
    assert at_once == heard(Http(tuple(ProxyProtocol), users), content, 1)
    for event in at_once[0]:
        if isinstance(event, Refusal):
            assert event.answer.startswith(b"HTTP/1.1 4") or event.answer.startswith(b"HTTP/1.1 501")


@given(st.sampled_from(Outcome))
def test_every_outcome_has_an_answer_that_ends_by_its_length(outcome: Outcome) -> None:
    head, _, body = Http(()).failed(outcome).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}\r\n".encode() in head + b"\r\n"
