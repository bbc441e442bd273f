"""How many descriptors this process may have."""

__all__ = ["descriptor_limit"]


def descriptor_limit() -> int | None:
    """How many files this process may have open; None on a system without such a limit."""
    try:
        import resource
    except ModuleNotFoundError:
        return None
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if limit == resource.RLIM_INFINITY else limit
