"""Who runs a command, as it is kept with what the command found or did."""

import getpass
import os
import socket

NAME_MAX_LENGTH = 100


def operator() -> str:
    """`deploy@web-1`: the login and the host; a login that has no name is a number."""
    try:
        login = getpass.getuser()
    except (KeyError, OSError):  # in a container: until Python 3.13, and since
        login = str(os.getuid())
    return f"{login}@{socket.gethostname()}"[:NAME_MAX_LENGTH]
