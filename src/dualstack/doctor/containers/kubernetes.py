"""Kubernetes' objects: the families of Services, host ports, and what containers' commands open."""

from collections.abc import Iterator

from dualstack.doctor.containers.program import Program, program_findings
from dualstack.doctor.containers.published import Published, one_sided
from dualstack.doctor.examine import Answer
from dualstack.doctor.findings import KINDS, Finding
from dualstack.doctor.formats.yaml_nodes import Node, items, place_of, text, under, values, words
from dualstack.doctor.tree import Document

__all__ = ["is_object", "kubernetes"]

# Where a kind has the spec of its pods.
_PODS = {
    "Pod": ("spec",),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    **dict.fromkeys(
        ("Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "Job", "ReplicationController"),
        ("spec", "template", "spec"),
    ),
}


def is_object(root: Node) -> bool:
    """Whether a document is one of the API's objects."""
    return {"apiVersion", "kind"} <= values(root).keys()


def kubernetes(document: Document, root: Node, examine: Program) -> Iterator[Finding | Answer]:
    """What is found of one object, of the elements of a List, and what its containers' programs open."""
    kind = text(under(root, "kind"))
    if kind == "List":  # which has none in it
        for each in items(under(root, "items")):
            if text(under(each, "kind")) != kind:
                yield from kubernetes(document, each, examine)
    subject = f"{kind} {text(under(root, 'metadata', 'name')) or 'without a name'}"
    if kind == "Service":
        yield from _service(document, subject, root)
    for each in items(under(root, *_PODS[kind], "containers")) if kind in _PODS else []:
        yield from _container(document, f"{subject}, {text(under(each, 'name'))}", each, examine)


def _service(document: Document, subject: str, root: Node) -> Iterator[Finding]:
    spec = values(under(root, "spec"))
    policy, families = text(spec.get("ipFamilyPolicy")), list(words(spec.get("ipFamilies")))
    if text(spec.get("type")) == "ExternalName" or policy in {"PreferDualStack", "RequireDualStack"}:
        return
    if text(spec.get("clusterIP")) == "None" and not values(spec.get("selector")) and not policy:
        return  # headless and without a selector: its endpoints are written by hand, of whatever family
    said = f"ipFamilyPolicy: {policy}" if policy else "it does not say ipFamilyPolicy, which is SingleStack"
    evidence = said + (f", ipFamilies: {', '.join(families)}" if families else "")
    node = spec.get("ipFamilyPolicy") or spec.get("ipFamilies") or under(root, "spec") or root
    yield Finding(KINDS["DS181"], subject, evidence, place_of(document, node))


def _container(document: Document, subject: str, container: Node, examine: Program) -> Iterator[Finding | Answer]:
    said = values(container)
    ports = [
        Published(
            text(under(each, "hostIP")),
            text(under(each, "hostPort")),
            text(under(each, "containerPort")),
            (text(under(each, "protocol")) or "tcp").casefold(),
            place_of(document, each),
        )
        for each in items(said.get("ports"))
    ]
    yield from one_sided(subject, [each for each in ports if each.published])
    argv = (*words(said.get("command")), *words(said.get("args")))
    if argv:
        place = place_of(document, said.get("command") or container)
        environ = {text(under(each, "name")): text(under(each, "value")) for each in items(said.get("env"))}
        yield from program_findings(subject, examine(argv, environ), ports, place, has_own_address=True)
