"""What the scenarios share: the proxy as a process, origin servers, clients and workers. Standard library only."""
