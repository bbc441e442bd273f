"""What is found of containers: a part of the table of findings."""

from dualstack.doctor.kinds import Kind, Severity

__all__ = ["CONTAINER_KINDS"]

CONTAINER_KINDS = (
    Kind(
        "DS180",
        Severity.WARNING,
        "is published over one family alone",
        "The host's port is opened on an address of one family; without an address it is opened on both (Docker's "
        "documentation, port publishing; Kubernetes' hostPort).",
        "Leave the address out, or publish the port on one of each family.",
    ),
    Kind(
        "DS181",
        Severity.WARNING,
        "has one family alone",
        "A Service has the cluster's first family alone unless it asks for both (Kubernetes' documentation, IPv4/IPv6 "
        "dual-stack); where the cluster has one family, PreferDualStack is that one.",
        "Add to its spec: ipFamilyPolicy: PreferDualStack",
    ),
    Kind(
        "DS182",
        Severity.ERROR,
        "is published and listens on the container's own loopback",
        "What comes from outside of the container arrives at an address that is not its loopback's: nobody reaches it.",
        "Let it listen on :: or 0.0.0.0 inside of the container.",
    ),
)
