"""What an operator starts: the command line, the console, the daemon."""

__version__ = "0.1.0"
