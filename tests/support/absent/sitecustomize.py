"""Python as it is where packages are not installed: those of DUALSTACK_TEST_ABSENT, here and in every child."""

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder

ABSENT = os.environ.get("DUALSTACK_TEST_ABSENT", "").split()


class Without(PathFinder):
    """Finds what the real one finds, without these."""

    @classmethod
    def find_spec(cls, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if fullname.partition(".")[0] in ABSENT:
            return None
        return super().find_spec(fullname, path, target)  # type: ignore[arg-type]


sys.meta_path[sys.meta_path.index(PathFinder)] = Without
