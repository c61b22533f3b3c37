from __future__ import annotations

import signal
import sys
import urllib.request
from pathlib import Path

import pytest

from simulator.live.server import ServerError, SpawnedServer

pytestmark = pytest.mark.slow

# Answers /health, and says what it was started with; asked to end, it takes its time to put things in order.
SMALL = """
import http.server, json, os, signal, sys
def drain(*_):
    print("drained", file=sys.stderr, flush=True)
    sys.exit(0)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, drain)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps([sys.argv[1:], os.environ["JWT_SECRET"], os.getpid()]).encode())
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[4])), Handler).serve_forever()
"""


def spoken(server: SpawnedServer) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/health", timeout=5) as answer:
        return str(answer.read().decode())


def test_a_server_is_started_killed_and_started_again_on_its_port_and_store(tmp_path: Path) -> None:
    server = SpawnedServer(tmp_path, "key", command=(sys.executable, "-c", SMALL))
    server.start()
    try:
        first, told = server.pid, spoken(server)
        assert f'"--port", "{server.port}", "--store", "sqlite:///{tmp_path}' in told
        assert '"key"' in told
        server.kill()
        with pytest.raises(OSError, match="refused"):
            spoken(server)
        server.start()
        assert str(server.pid) in spoken(server)
        assert server.pid != first
    finally:
        server.stop()
    with pytest.raises(OSError, match="refused"):
        spoken(server)


def test_a_kill_gives_a_server_no_time_to_put_anything_in_order(tmp_path: Path) -> None:
    server = SpawnedServer(tmp_path, "key", command=(sys.executable, "-c", SMALL))
    log = tmp_path / "server.log"
    for end, code, drains in ((server.kill, -signal.SIGKILL, 0), (server.stop, 0, 1)):
        server.start()
        process = server._process
        assert process is not None
        end()
        assert (process.returncode, log.read_text().count("drained")) == (code, drains)
        assert server.pid is None


def test_a_server_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import sys; sys.exit('no such store')")
    with pytest.raises(ServerError, match=r"ended with 1: no such store"):
        SpawnedServer(tmp_path, "key", command=command).start()
