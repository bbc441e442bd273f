"""XML as its elements with their lines; entities of its own are not expanded."""

from dataclasses import dataclass, field
from xml.parsers import expat

from dualstack.doctor.listening import NotUnderstood, Place, Refused
from dualstack.doctor.tree import Document

__all__ = ["Element", "elements"]


@dataclass(slots=True)
class Element:
    """An element: its name, its attributes, the text right inside of it, and the names of those around it."""

    name: str
    attributes: dict[str, str]
    place: Place
    parents: tuple[str, ...]
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def child(self, name: str) -> "Element | None":
        """The last of its elements with this name."""
        return next((each for each in reversed(self.children) if each.name == name), None)


def elements(document: Document) -> list[Element]:
    """Every element in order, outer ones first.

    Raises:
        Refused: it is no XML.
        NotUnderstood: it defines entities.
    """
    found: list[Element] = []
    stack: list[Element] = []
    parser = expat.ParserCreate()

    def begin(name: str, attributes: dict[str, str]) -> None:
        place = Place(document.path, parser.CurrentLineNumber)
        made = Element(name, attributes, place, tuple(each.name for each in stack))
        if stack:
            stack[-1].children.append(made)
        found.append(made)
        stack.append(made)

    def say(text: str) -> None:
        stack[-1].text += text

    def entity(*_: object) -> None:
        raise NotUnderstood("it defines entities", Place(document.path, parser.CurrentLineNumber))

    parser.StartElementHandler = begin
    parser.EndElementHandler = lambda _: stack.pop()
    parser.CharacterDataHandler = say
    parser.EntityDeclHandler = entity
    if document.text.strip():
        try:
            parser.Parse(document.text, True)
        except expat.ExpatError as error:
            raise Refused(str(error), Place(document.path, error.lineno)) from None
    return found
