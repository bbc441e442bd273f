"""No file imports another that leads back to it, be it for type checkers alone or inside of a function."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in SOURCE.rglob("*.py")
}


def imports_of(path: Path) -> set[str]:
    """The modules of ours that a file names, wherever it does."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            members = [f"{node.module}.{each.name}" for each in node.names]
            found |= {member if member in MODULES else node.module for member in members}
    return found & MODULES.keys()


def test_no_circle_of_files() -> None:
    graph = {name: imports_of(path) - {name} for name, path in MODULES.items()}
    assert sum(map(len, graph.values())) > 2 * len(MODULES)
    TopologicalSorter(graph).prepare()  # CycleError names the files
