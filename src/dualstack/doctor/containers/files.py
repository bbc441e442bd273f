"""YAML files of containers, by what stands in them."""

from collections.abc import Iterator

from dualstack.doctor.containers.compose import compose, is_compose
from dualstack.doctor.containers.kubernetes import is_object, kubernetes
from dualstack.doctor.containers.program import Program
from dualstack.doctor.examine import Answer
from dualstack.doctor.findings import KINDS, Finding
from dualstack.doctor.formats.yaml_nodes import documents
from dualstack.doctor.listening import Refused
from dualstack.doctor.tree import Document

__all__ = ["containers"]


def containers(document: Document, examine: Program) -> Iterator[Finding | Answer]:
    """What a Compose file or Kubernetes' objects publish; of another YAML file that nothing is known."""
    try:
        roots = documents(document)
    except Refused as error:
        yield Finding(KINDS["DS120"], document.path, error.why, error.place)
        return
    for root in roots:
        if is_object(root):
            yield from kubernetes(document, root, examine)
        elif is_compose(document.path):
            yield from compose(document, root, examine)
    if not is_compose(document.path) and not any(map(is_object, roots)):
        yield Finding(KINDS["DS121"], document.path, "neither a Compose file nor objects of Kubernetes")
