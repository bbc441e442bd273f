"""`python -m dualstack` is the `dualstack` command."""

from dualstack.cli import main

if __name__ == "__main__":
    main()
