"""Our sockets in the hands of other libraries, one module for each (`dualstack.httpx`...); never races by itself."""
