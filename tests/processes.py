"""Processes that run side by side and have to end."""

import socket


def free_address():
    """Give HOST:PORT on this machine that nothing listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def wait_for(processes):
    """Wait until all have ended well; gives what each printed, (output, errors). None is left running."""
    printed = wait_for_end(processes)
    for process, (_, errors) in zip(processes, printed, strict=True):
        assert process.returncode == 0, errors[-4000:]
    return printed


def wait_for_end(processes, timeout=300):
    """Wait until all have ended, well or not; gives what each printed, (output, errors). None is left running."""
    try:
        return [process.communicate(timeout=timeout) for process in processes]
    finally:
        for process in processes:
            process.kill()
