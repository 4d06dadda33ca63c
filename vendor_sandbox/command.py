"""The sandbox as a program: print the environment that its clients need, then serve until a signal stops it."""

import argparse
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

from vendor_sandbox.catalogue import size_of
from vendor_sandbox.sandbox import Sandbox


def serve(
    port: int = 8700,
    seed: int = 7,
    scale: str | int = "small",
    speed: float = 1.0,
    env_file: Path | None = None,
    orders: int | None = None,
    listings_dir: Path | None = None,
    identity: str = "",
) -> int:
    """Serve until SIGINT or SIGTERM and return 0; 2 when the port or a file cannot be used. Needs the main thread.

    listings_dir: folder for the files that list the boots (`Boots.files`), written first.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        sandbox = Sandbox(port, seed, scale, speed, orders, identity)
    except (OSError, OverflowError) as error:
        sys.stderr.write(f"sandbox: cannot listen on port {port}: {_reason(error)}; try another --port\n")
        return 2
    with sandbox:
        lines = export_lines(sandbox.env)
        writing = listings_dir
        try:
            if listings_dir is not None:
                _write_files(listings_dir, sandbox.boots.files())
            writing = env_file
            if env_file is not None:
                _write_private(env_file, lines)
        except OSError as error:
            sys.stderr.write(f"sandbox: cannot write {writing}: {_reason(error)}\n")
            return 2
        # A comment, so that the whole output can be sourced.
        sys.stdout.write(f"{lines}# sandbox ready at {sandbox.url}\n")
        sys.stdout.flush()
        stop.wait()
    return 0


def export_lines(env: Mapping[str, str]) -> str:
    """Return `export NAME='value'` for each variable, safe for sh to source whatever the value holds."""
    quoted = {name: value.replace("'", "'\\''") for name, value in env.items()}
    return "".join(f"export {name}='{value}'\n" for name, value in quoted.items())


def _write_private(path: Path, text: str) -> None:
    """Write the file whole or not at all, readable only by its owner."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink()
        raise


def _write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def main(arguments: list[str] | None = None) -> int:
    """The command line of `python -m vendor_sandbox`."""
    parser = argparse.ArgumentParser(prog="python -m vendor_sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=8700, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="what the data is made from (default: %(default)s)")
    parser.add_argument("--scale", default="small", help="small (300 products), large (100000) or a number")
    parser.add_argument("--speed", type=float, default=1.0, help="how much faster rate windows and token lives run")
    parser.add_argument("--orders", type=int, help="orders of the shop (default: 400, or 2000 from 1001 products)")
    parser.add_argument("--env-file", type=Path, help="also write the environment to this file, once listening")
    parser.add_argument("--listings-dir", type=Path, help="write a marketplace's listings files here, once listening")
    parser.add_argument("--id", default="", help="what GET /_sandbox calls it (default: something random)")
    chosen = parser.parse_args(arguments)
    try:
        size_of(chosen.scale)
    except ValueError as error:
        parser.error(str(error))
    if not chosen.speed > 0:
        parser.error(f"speed must be more than 0, not {chosen.speed}")
    if chosen.orders is not None and chosen.orders < 0:
        parser.error(f"orders must be at least 0, not {chosen.orders}")
    made_of = (chosen.port, chosen.seed, chosen.scale, chosen.speed)
    return serve(*made_of, chosen.env_file, chosen.orders, chosen.listings_dir, chosen.id)
