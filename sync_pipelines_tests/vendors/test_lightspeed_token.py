"""Lightspeed's tokens over real sockets: renewed in time and once, by one process, and on the disk before they are used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from sync_pipelines.credentials import CredentialMissing, redact
from sync_pipelines.vendors import lightspeed_token
from sync_pipelines.vendors.failures import Permanent, RateLimited, Transient
from sync_pipelines.vendors.http import CallMeter, Http
from sync_pipelines.vendors.lightspeed import Lightspeed
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings
from sync_pipelines.vendors.lightspeed_token import RenewedToken
from sync_pipelines_tests.vendors.conftest import Naps, ScriptedServer, answer
from vendor_sandbox import Sandbox
from vendor_sandbox.lightspeed import CLIENT_ID, CLIENT_SECRET


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def store(running: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sandbox:
    """A store that somebody has connected to an application."""
    running.reset()
    running.lightspeed.change_state({"settings": {"burst": 1_000_000}})
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LIGHTSPEED_TOKEN", "")
    monkeypatch.setenv("LIGHTSPEED_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("LIGHTSPEED_CLIENT_SECRET", CLIENT_SECRET)
    monkeypatch.setenv("SYNC_PIPELINES_DATA_DIR", str(tmp_path / "data"))
    token().begin(running.lightspeed.change_state({"authorize": {}})["code"], "http://127.0.0.1/")
    return running


@pytest.fixture
def client() -> Iterator[Callable[[], Lightspeed]]:
    made: list[Lightspeed] = []

    def connect() -> Lightspeed:
        made.append(Lightspeed.connect(LightspeedSettings.read(), CallMeter()))
        made[-1].http.sleep = Naps()
        return made[-1]

    yield connect
    for each in made:
        each.close()


def token() -> RenewedToken:
    made = RenewedToken(LightspeedSettings.read(), CallMeter(), Path(os.environ["SYNC_PIPELINES_DATA_DIR"]) / "tokens")
    made._http.sleep = Naps()
    return made


def kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(token().file.read_text(encoding="utf-8"))
    return found


def renewals(store: Sandbox) -> int:
    """How many times the store was asked for a token, the first time left out."""
    return sum(call["path"].endswith("/api/1.0/token") for call in store.calls("lightspeed")) - 1


class TestRenewing:
    def test_a_token_is_renewed_near_its_end_and_not_before(self, store: Sandbox, client: Callable[[], Lightspeed]) -> None:
        client().retailer()
        assert renewals(store) == 0
        first = kept()
        assert 86_400 - 120 < first["renew_at"] - time.time() < 86_400
        token().file.write_text(json.dumps({**first, "renew_at": time.time() - 1}), encoding="utf-8")
        client().retailer()
        assert renewals(store) == 1
        assert kept()["access"] != first["access"]

    @pytest.mark.parametrize("days", [0, 30])
    def test_a_token_that_the_store_refuses_is_renewed_once(
        self, store: Sandbox, client: Callable[[], Lightspeed], monkeypatch: pytest.MonkeyPatch, days: int
    ) -> None:
        """Whatever our clock says: here it is a month behind, too."""
        now = time.time
        monkeypatch.setattr(lightspeed_token.time, "time", lambda: now() - days * 86_400)
        store.lightspeed.clock.skip(86_500)
        connected = client()
        assert connected.retailer()["currency"]["code"] == "NZD"
        assert connected.may_read("products")
        assert renewals(store) == 1

    def test_a_token_refused_again_after_renewing_is_an_error_and_no_circle(
        self, store: Sandbox, client: Callable[[], Lightspeed]
    ) -> None:
        store.faults("lightspeed", [{"on": "GET */retailer", "kind": "expired_token", "times": 9}])
        with pytest.raises(Permanent, match="401"):
            client().retailer()
        assert renewals(store) == 1

    def test_a_connection_that_was_revoked_says_to_connect_again(self, store: Sandbox, client: Callable[[], Lightspeed]) -> None:
        store.lightspeed.change_state({"revoke_tokens": True})
        with pytest.raises(Permanent, match="sync-pipelines lightspeed login"):
            client().retailer()

    def test_an_answer_that_is_lost_is_asked_for_again_where_the_store_gives_it_again(
        self, store: Sandbox, client: Callable[[], Lightspeed]
    ) -> None:
        store.lightspeed.change_state({"settings": {"refresh_reuse": "grace"}})
        store.lightspeed.clock.skip(86_500)
        store.faults("lightspeed", [{"on": "POST */token", "kind": "lost_reply"}])
        client().retailer()
        assert renewals(store) == 2

    def test_an_answer_that_is_lost_for_good_says_to_connect_again(
        self, store: Sandbox, client: Callable[[], Lightspeed]
    ) -> None:
        store.lightspeed.clock.skip(86_500)
        store.faults("lightspeed", [{"on": "POST */token", "kind": "lost_reply"}])
        with pytest.raises(Permanent, match="sync-pipelines lightspeed login"):
            client().retailer()
        token().begin(store.lightspeed.change_state({"authorize": {}})["code"], "http://127.0.0.1/")
        client().retailer()

    @pytest.mark.parametrize("kind", ["html", "cut_body", "lost_request", "status"])
    def test_a_fault_on_the_way_costs_a_try(self, store: Sandbox, client: Callable[[], Lightspeed], kind: str) -> None:
        store.lightspeed.change_state({"settings": {"refresh_reuse": "grace"}})
        store.lightspeed.clock.skip(86_500)
        more = {"status": 500} if kind == "status" else {}
        store.faults("lightspeed", [{"on": "POST */token", "kind": kind, **more}])
        client().retailer()

    def test_a_token_endpoint_that_is_busy_for_long_is_told(self, store: Sandbox, client: Callable[[], Lightspeed]) -> None:
        store.lightspeed.clock.skip(86_500)
        before = kept()
        store.faults("lightspeed", [{"on": "POST */token", "kind": "rate_limited", "retry_after": "299"}])
        with pytest.raises(RateLimited):
            client().retailer()
        assert kept() == before


class TestTwoAtOnce:
    PROGRAM = """
import os
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.lightspeed import Lightspeed
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings
connected = Lightspeed.connect(LightspeedSettings.read(), CallMeter())
print("ready", flush=True)
input()
for _ in range(5):
    connected.retailer()
print(connected.http.meter.used["lightspeed"])
"""

    def test_two_processes_renew_once_and_both_go_on(self, store: Sandbox) -> None:
        both = [
            subprocess.Popen([sys.executable, "-c", self.PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        for process in both:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        store.lightspeed.clock.skip(86_500)
        store.faults("lightspeed", [{"on": "POST */token", "kind": "slow", "seconds": 0.5}])
        for process in both:
            assert process.stdin
            process.stdin.write("\n")
            process.stdin.flush()
        assert [process.wait(60) for process in both] == [0, 0]
        assert renewals(store) == 1

    def test_a_process_that_is_killed_while_it_renews_holds_up_nobody(
        self, store: Sandbox, client: Callable[[], Lightspeed]
    ) -> None:
        """Its lock ends with it; whether the answer that it would have had can be had again is the store's affair."""
        store.lightspeed.change_state({"settings": {"refresh_reuse": "grace"}})
        store.lightspeed.clock.skip(86_500)
        store.faults("lightspeed", [{"on": "POST */token", "kind": "slow", "seconds": 0.3}])
        process = subprocess.Popen([sys.executable, "-c", self.PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        process.stdin.write("\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        while not renewals(store):
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
        process.wait(10)
        client().retailer()
        assert renewals(store) == 2

    def test_a_lock_that_is_held_for_long_is_told(
        self, store: Sandbox, client: Callable[[], Lightspeed], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lightspeed_token, "LONGEST_TURN", 0.1)
        store.lightspeed.clock.skip(86_500)
        with FileLock(token()._lock.lock_file), pytest.raises(Transient, match="another process"):
            client().retailer()
        assert renewals(store) == 0


class TestTheFile:
    def test_it_is_its_owners_alone_and_holds_what_was_given(self, store: Sandbox) -> None:
        assert token().file.stat().st_mode & 0o077 == 0
        assert set(kept()) == {"access", "refresh", "renew_at"}

    def test_the_new_token_is_in_it_before_it_is_used(
        self, store: Sandbox, client: Callable[[], Lightspeed], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        used: list[bool] = []
        request = Http.request

        def watched(http: Http, method: str, path: str, **more: Any) -> Any:
            if path.endswith("/retailer"):
                used.append(more["headers"]["Authorization"] == f"Bearer {kept()['access']}")
            return request(http, method, path, **more)

        store.lightspeed.clock.skip(86_500)
        monkeypatch.setattr(Http, "request", watched)
        client().retailer()
        assert used == [True, True]

    def test_a_disk_that_is_full_keeps_the_tokens_that_were(
        self, store: Sandbox, client: Callable[[], Lightspeed], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = kept()

        def full(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            token().begin(store.lightspeed.change_state({"authorize": {}})["code"], "http://127.0.0.1/")
        assert kept() == before

    @pytest.mark.parametrize(
        "content", ["", "{", "\0" * 40, "[]", "{}", '{"access": "a"}', '{"access": 1, "refresh": "b", "renew_at": 0}',
                    '{"access": "a", "refresh": "b", "renew_at": "soon"}', "null"]
    )  # fmt: skip
    def test_a_damaged_one_says_to_connect_again(self, store: Sandbox, client: Callable[[], Lightspeed], content: str) -> None:
        token().file.write_text(content, encoding="utf-8")
        with pytest.raises(CredentialMissing, match=r"is damaged\. Connect the store again"):
            client().retailer()

    def test_without_one_and_without_a_personal_token_it_is_said_what_to_do(
        self, store: Sandbox, client: Callable[[], Lightspeed], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token().file.unlink()
        with pytest.raises(CredentialMissing, match="lightspeed login"):
            client().retailer()
        monkeypatch.delenv("LIGHTSPEED_CLIENT_ID")
        with pytest.raises(CredentialMissing, match="LIGHTSPEED_TOKEN"):
            client()

    def test_another_store_has_another(self, store: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        before = token().file
        monkeypatch.setenv("LIGHTSPEED_STORE", "another")
        assert token().file != before

    def test_no_message_shows_a_token(self, store: Sandbox, client: Callable[[], Lightspeed]) -> None:
        connected = client()
        connected.retailer()
        for secret in (kept()["access"], kept()["refresh"], CLIENT_SECRET):
            assert secret not in redact(f"status 500: {secret}")


class TestPersonal:
    def test_a_personal_token_comes_first_and_does_not_renew(
        self, store: Sandbox, client: Callable[[], Lightspeed], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(
            "LIGHTSPEED_TOKEN", store.lightspeed.change_state({"personal_token": {"seconds": 60}})["personal_token"]
        )
        client().retailer()
        store.lightspeed.clock.skip(61)
        with pytest.raises(Permanent, match="The credentials are not accepted"):
            client().retailer()
        assert renewals(store) == 0


def test_what_the_store_grants_must_be_texts(
    serve: Callable[..., ScriptedServer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = serve(answer(200, '{"access_token": 5, "refresh_token": "r"}'))
    for name, value in {"URL": said.url, "STORE": "shop", "CLIENT_ID": "i", "CLIENT_SECRET": "s"}.items():
        monkeypatch.setenv(f"LIGHTSPEED_{name}", value)
    monkeypatch.setenv("SYNC_PIPELINES_DATA_DIR", str(tmp_path))
    with pytest.raises(Transient, match="not what was asked for"):
        token().begin("code", "http://127.0.0.1/")
    assert not token().file.exists()
