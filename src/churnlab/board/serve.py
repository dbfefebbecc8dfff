"""One page on the loopback interface: nobody else on the network can see it."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from churnlab.errors import UsageError

HOST = "127.0.0.1"


class _Handler(BaseHTTPRequestHandler):
    """Answers for the one page; the file is read anew each time, so a new run shows."""

    page: Path

    def do_GET(self) -> None:
        """Return the page, or say that there is nothing else."""
        asked = self.headers.get("Host", "").rpartition(":")[0]
        # A name of somebody else's that points here must not read the page.
        if self.path != "/" or asked not in (HOST, "localhost"):
            self.send_error(404)
            return
        content = self.page.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each visit."""


def server(page: Path, port: int) -> ThreadingHTTPServer:
    """Return a server of the page that is not running yet.

    Raises UsageError: The port is taken.
    """
    handler = type("Handler", (_Handler,), {"page": page})
    try:
        return ThreadingHTTPServer((HOST, port), handler)
    except OSError as error:
        raise UsageError(
            f"port {port} of this machine is taken ({error.strerror}); give another with port=N, "
            "or port=0 for a free one."
        ) from error


def serve(page: Path, port: int, say: Callable[[str], object]) -> None:
    """Serve the page until interrupted."""
    with server(page, port) as running:
        say(f"http://{HOST}:{running.server_address[1]}/ shows it; end with Ctrl-C")
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            return
