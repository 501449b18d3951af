"""Run a command whose io_uring_setup the kernel refuses with an error, as a seccomp profile does.

python without_io_uring.py ERRNO COMMAND …
"""

import ctypes
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, MODE_FILTER = 38, 22, 2
IO_URING_SETUP = 425  # on every architecture
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
REFUSE, ALLOW = 0x00050000, 0x7FFF0000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


error, *command = sys.argv[1:]
steps = [
    (LOAD, 0, 0, 0),  # the number of the call
    (EQUAL, 0, 1, IO_URING_SETUP),
    (RETURN, 0, 0, REFUSE | int(error)),
    (RETURN, 0, 0, ALLOW),
]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
program = _Program(len(steps), ctypes.addressof(code))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
    PR_SET_SECCOMP, MODE_FILTER, ctypes.byref(program)
):
    raise OSError(ctypes.get_errno(), "prctl")
os.execvp(command[0], command)
