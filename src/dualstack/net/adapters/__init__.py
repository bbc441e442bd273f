"""Our sockets in the hands of other libraries, one module for each; users import `dualstack.httpx` and its like."""
