"""What Compose and Kubernetes files publish of containers, over which family; never what a cluster makes of it."""
