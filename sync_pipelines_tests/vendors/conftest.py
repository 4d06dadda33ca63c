"""A server that answers exactly what a test tells it, clients that nap without waiting, and a clean environment."""

import logging
import os
import socketserver
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines import credentials
from sync_pipelines.vendors.amazon import Amazon
from sync_pipelines.vendors.amazon_settings import AmazonSettings
from sync_pipelines.vendors.catsy import Catsy
from sync_pipelines.vendors.catsy_settings import CatsySettings
from sync_pipelines.vendors.http import CallMeter, Http
from sync_pipelines.vendors.plytix import Plytix
from sync_pipelines.vendors.plytix_settings import PlytixSettings
from sync_pipelines.vendors.sentos import Sentos
from sync_pipelines.vendors.sentos_settings import SentosSettings
from sync_pipelines.vendors.shopify import Pace, Shopify
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.vendors.sparklayer import SparkLayer
from sync_pipelines.vendors.sparklayer_settings import SparkLayerSettings
from vendor_sandbox import Sandbox

SPEED = 1000
_OURS = (
    "CATSY_",
    "SPARKLAYER_",
    "SHOPIFY_",
    "PLYTIX_",
    "AMAZON_",
    "SENTOS_",
    "LIGHTSPEED_",
    "ALERT_",
    "SYNC_PIPELINES_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NETRC",
)
_OLD_NAMES = ("SITE_ID", "CLIENT_ID", "CLIENT_SECRET", "BATCH_SIZE", "BATCH_DELAY", "OUTPUT_FILE")

Answer = bytes | Sequence[bytes | float]
"""What goes back for one request: bytes, or pieces with pauses (seconds) between them. The connection ends after it."""


@dataclass(frozen=True)
class Heard:
    """One request as it came over the wire."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class ScriptedServer(socketserver.ThreadingTCPServer):
    """Gives the first request the first answer and so on; the last answer again and again."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.answers, self.heard, self.closing = list(answers), list[Heard](), threading.Event()
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is part of the game."""


class _Handler(socketserver.StreamRequestHandler):
    server: ScriptedServer

    def handle(self) -> None:
        line = self.rfile.readline().decode("latin-1").split()
        if not line:
            return
        headers = {}
        while text := self.rfile.readline().decode("latin-1").strip():
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", 0)))
        with self.server.lock:
            self.server.heard.append(Heard(time.monotonic(), line[0], line[1], headers, body))
            answer = self.server.answers[min(len(self.server.heard), len(self.server.answers)) - 1]
        for piece in [answer] if isinstance(answer, bytes) else answer:
            if isinstance(piece, bytes):
                self.wfile.write(piece)
            elif self.server.closing.wait(piece):
                return


def answer(status: int = 200, body: str | bytes = b"", **headers: str) -> bytes:
    """A whole reply; underscores in header names become hyphens."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Said"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if "Content_Length" not in headers and "Transfer_Encoding" not in headers:
        lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + content


class Naps(list[float]):
    """A sleep that does not: it notes how long it should have been."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings, secrets or proxies of the machine the tests run on, and a home of their own."""
    for name in list(os.environ):
        if name.upper().startswith(_OURS) or name in _OLD_NAMES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("SYNC_PIPELINES_HOME", str(tmp_path))
    monkeypatch.setattr(credentials, "_known", set())


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Start a server with these answers."""
    running: list[ScriptedServer] = []

    def start(*answers: Answer) -> ScriptedServer:
        running.append(ScriptedServer(answers))
        return running[-1]

    yield start
    for server in running:
        server.close()


@pytest.fixture
def client() -> Iterator[Callable[..., Http]]:
    """A client that may GET anything, on a server or an address, and naps instead of sleeping."""
    made: list[Http] = []

    def make(where: ScriptedServer | str, **options: Any) -> Http:
        url = where if isinstance(where, str) else where.url
        given = {"meter": CallMeter(), "reads": [("GET", ".*")], "timeout": 5.0, "sleep": Naps(), **options}
        made.append(Http("catsy", url, **given))
        return made[-1]

    yield make
    for http in made:
        http.close()


@pytest.fixture
def log_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for the log files; whatever logs there is taken off again."""
    logger = logging.getLogger("sync_pipelines")
    before, level = list(logger.handlers), logger.level
    yield tmp_path / "logs"
    for handler in [h for h in logger.handlers if h not in before]:
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(level)


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Three hundred products, no rate limits in the way, and its settings in the environment. Catsy pages hold 100."""
    with Sandbox(speed=SPEED) as running:
        for vendor in running.vendors.values():
            vendor.change_state({"settings": {"burst": 1_000_000}})
        for name, value in running.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("CATSY_PAGE_SIZE", "100")
        yield running


@pytest.fixture
def catsy(sandbox: Sandbox) -> Iterator[Callable[[], Catsy]]:
    """Connect to Catsy with the environment as it is by then."""
    made: list[Catsy] = []

    def connect() -> Catsy:
        made.append(Catsy.connect(CatsySettings.read(), CallMeter()))
        made[-1].http.sleep = Naps()
        return made[-1]

    yield connect
    for each in made:
        each.close()


@pytest.fixture
def sparklayer(sandbox: Sandbox) -> Iterator[Callable[..., SparkLayer]]:
    """Connect to SparkLayer with the environment as it is by then; writes are on unless a test turns them off."""
    made: list[SparkLayer] = []

    def connect(writes_on: bool = True) -> SparkLayer:
        made.append(SparkLayer.connect(SparkLayerSettings.read(), CallMeter(), lambda: writes_on))
        made[-1].http.sleep = Naps()
        return made[-1]

    yield connect
    for each in made:
        each.close()


@pytest.fixture
def shopify(sandbox: Sandbox) -> Iterator[Callable[[], Shopify]]:
    """Connect to Shopify with the environment as it is by then. It naps, unless a test gives it a real sleep."""
    made: list[Shopify] = []

    def connect() -> Shopify:
        client = Shopify.connect(ShopifySettings.read(), CallMeter())
        client.http.sleep = client.sleep = Naps()
        client.pace = Pace(client.sleep)
        made.append(client)
        return client

    yield connect
    for each in made:
        each.close()


@pytest.fixture
def plytix(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Plytix]]:
    """Connect to Plytix with the environment as it is by then; its searches do not lag, and its limits are out of the way."""
    sandbox.plytix.change_state({"settings": {"token_seconds": 1_000_000, "search_lag": 0}})
    monkeypatch.setenv("PLYTIX_CALLS_PER_WINDOW", "1000000")
    monkeypatch.setenv("PLYTIX_CALLS_PER_HOUR", "2000000")
    made: list[Plytix] = []

    def connect(writes_on: bool = True, limits: Path | None = None) -> Plytix:
        made.append(Plytix.connect(PlytixSettings.read(), CallMeter(), lambda: writes_on, limits))
        made[-1].http.sleep = made[-1].auth.sleep = Naps()
        return made[-1]

    yield connect
    for each in made:
        each.close()


@pytest.fixture
def amazon(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Amazon]]:
    """Connect to Amazon's catalogue with the environment as it is by then. It naps."""
    monkeypatch.setenv("AMAZON_BURST", "1000")
    monkeypatch.setenv("AMAZON_CALLS_PER_SECOND", "1000000")
    made: list[Amazon] = []

    def connect() -> Amazon:
        made.append(Amazon.connect(AmazonSettings.read(), CallMeter()))
        made[-1].http.sleep = made[-1].auth.sleep = Naps()
        return made[-1]

    yield connect
    for each in made:
        each.close()


@pytest.fixture
def sentos(sandbox: Sandbox) -> Iterator[Callable[..., Sentos]]:
    """Connect to Sentos with the environment as it is by then; writes are on unless a test turns them off. It naps between
    tries, and its rate windows are out of the way unless a test puts them there."""
    made: list[Sentos] = []

    def connect(*, writes_on: bool = True, limits: Path | None = None, **settings: Any) -> Sentos:
        wide = {"calls": 100_000, "writes": 100_000, "same_reads": 100_000}
        given = SentosSettings.read().model_copy(update=wide | settings)
        made.append(Sentos.connect(given, CallMeter(), lambda: writes_on, limits))
        made[-1].http.sleep = Naps()
        return made[-1]

    yield connect
    for each in made:
        each.close()
