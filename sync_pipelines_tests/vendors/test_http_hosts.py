"""Whom a client talks to and what it may do: credentials stay with their own host, writes wait to be turned on."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from sync_pipelines.vendors.failures import HostRefused, WritesOff
from sync_pipelines.vendors.http import Http, checked_base
from sync_pipelines_tests.vendors.conftest import ScriptedServer, answer

Serve = Callable[..., ScriptedServer]
Client = Callable[..., Http]


class TestBaseAddress:
    @pytest.mark.parametrize(
        "url", ["https://api.example.com/api/v3", "http://127.0.0.1:8700/catsy", "http://localhost", "http://[::1]:80/x"]
    )
    def test_https_and_loopback_are_talked_to(self, url: str) -> None:
        assert checked_base("catsy", f"{url}/") == url

    @pytest.mark.parametrize(
        "url",
        [
            "http://api.example.com",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://0.0.0.0",
            "http://192.168.0.1",
        ],
    )
    def test_plain_http_is_for_loopback_only(self, url: str) -> None:
        with pytest.raises(HostRefused, match="plain http"):
            checked_base("catsy", url)

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "api.example.com",
            "ftp://api.example.com",
            "file:///etc/hosts",
            "https://",
            "https://user:password@api.example.com",
            "https://user@api.example.com",
            "http://127.0.0.1\\@example.com",
            "https://api.example.com/?key=1",
            "https://api.example.com/#part",
        ],
    )
    def test_anything_but_host_and_path_is_refused(self, url: str) -> None:
        with pytest.raises(HostRefused, match="Nothing was sent"):
            checked_base("catsy", url)

    @pytest.mark.parametrize("url", ["https://:password@api.example.com", "http://[::1", "https://127.0.0.1:99999"])
    def test_regression_a_password_without_a_user_and_a_broken_address_are_refused(self, url: str) -> None:
        with pytest.raises(HostRefused, match="Nothing was sent"):
            checked_base("catsy", url)

    def test_regression_the_refusal_does_not_repeat_the_password(self) -> None:
        with pytest.raises(HostRefused) as refused:
            checked_base("catsy", "https://user:hunter2@localhost")
        assert "hunter2" not in str(refused.value)

    @pytest.mark.parametrize("url", ["https://api.example.com", "https://app.sparklayer.io"])
    def test_while_the_sandbox_is_on_only_loopback_is_talked_to(self, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        assert checked_base("catsy", url) == url
        monkeypatch.setenv("SYNC_PIPELINES_SANDBOX", "1")
        with pytest.raises(HostRefused, match="sandbox is on"):
            checked_base("catsy", url)
        assert checked_base("catsy", "http://127.0.0.1:1") == "http://127.0.0.1:1"
        monkeypatch.setenv("SYNC_PIPELINES_SANDBOX", "0")
        assert checked_base("catsy", url) == url


class TestCredentialsStayHome:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed(self, serve: Serve, client: Client, status: int) -> None:
        elsewhere = serve(answer())
        here = serve(answer(status, Location=f"{elsewhere.url}/thing"))
        http = client(here)
        http.authorization = "Bearer very-secret"
        with pytest.raises(HostRefused, match="Redirects are not followed"):
            http.request("GET", "/thing", what="it")
        assert [call.headers["authorization"] for call in here.heard] == ["Bearer very-secret"]
        assert elsewhere.heard == []

    def test_netrc_is_not_used(self, serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login somebody password else\ndefault login any password body\n")
        monkeypatch.setenv("NETRC", str(netrc))
        server = serve(answer())
        http = client(server)
        http.request("GET", "/", what="it")
        http.authorization = "Bearer mine"
        http.request("GET", "/", what="it")
        http.request("GET", "/", what="it", headers={"Authorization": "Bearer newer"})
        assert [c.headers.get("authorization") for c in server.heard] == [None, "Bearer mine", "Bearer newer"]

    def test_regression_a_proxy_of_the_environment_never_hears_a_call_to_loopback(
        self, serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proxy, server = serve(answer(200, "proxy")), serve(answer(200, "server"))
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        http = client(server)
        http.authorization = "Bearer very-secret"
        assert http.request("GET", "/", what="it").text == "server"
        assert proxy.heard == []

    def test_who_is_calling_is_said(self, serve: Serve, client: Client) -> None:
        server = serve(answer())
        client(server).request("GET", "/", what="it")
        assert server.heard[0].headers["user-agent"].startswith("sync_pipelines/")
        assert server.heard[0].headers["accept"] == "application/json"


class TestFilesThatAVendorPutsSomewhereElse:
    @pytest.mark.parametrize(
        "url",
        [
            "http://files.example.com/x",
            "http://127.0.0.1:{port}/x",
            "https://127.0.0.1:{port}/x",
            "https://localhost:{port}/x",
            "https://[::1]:{port}/x",
            "https://[::ffff:127.0.0.1]:{port}/x",
            "https://10.0.0.7/x",
            "https://192.168.1.1/x",
            "https://169.254.169.254/latest/meta-data",
            "https://[fe80::1%25eth0]/x",
            "https://0.0.0.0:{port}/x",
            "https://224.0.0.1/x",
        ],
    )
    def test_an_address_of_this_machine_or_network_is_refused_and_nothing_is_sent(
        self, serve: Serve, client: Client, url: str
    ) -> None:
        here = serve(answer(200, "secret"))
        http = client("https://shop.example.com")
        with (
            pytest.raises(HostRefused, match="Nothing was sent"),
            http.download(url.format(port=here.server_address[1]), what="the file"),
        ):
            pytest.fail("it was fetched")
        assert here.heard == []
        assert http.meter.used.total() == 0

    @pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1"])
    def test_a_public_name_that_leads_to_this_machine_is_refused_before_anything_is_sent(
        self, serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch, address: str
    ) -> None:
        here = serve(answer(200, "secret"))
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        port = here.server_address[1]
        found = [(family, socket.SOCK_STREAM, 6, "", (address, port, 0, 0) if ":" in address else (address, port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        http = client("https://shop.example.com")
        with (
            pytest.raises(HostRefused, match="the file: its host leads to an address that is not public"),
            http.download(f"https://files.example.com:{port}/x?signature=s", what="the file"),
        ):
            pytest.fail("it was fetched")
        assert here.heard == []

    def test_a_redirect_is_not_followed_wherever_it_leads(self, serve: Serve, client: Client) -> None:
        elsewhere = serve(answer(200, "secret"))
        here = serve(answer(302, Location=f"{elsewhere.url}/x"))
        with (
            pytest.raises(HostRefused, match="Redirects are not followed"),
            client(here).download(f"{here.url}/x", what="the file"),
        ):
            pytest.fail("it was followed")
        assert elsewhere.heard == []

    def test_a_vendor_on_this_machine_has_its_files_here(self, serve: Serve, client: Client) -> None:
        here = serve(answer(200, "one\ntwo"))
        with client(here).download(f"{here.url}/x", what="the file") as lines:
            assert list(lines) == [b"one", b"two"]


class TestWrites:
    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
    def test_a_write_is_refused_while_writes_are_off_and_nothing_is_sent(self, serve: Serve, client: Client, method: str) -> None:
        server = serve(answer())
        http = client(server)
        with pytest.raises(WritesOff, match=r"read-only. Nothing was sent. .*sync-pipelines enable"):
            http.request(method, "/thing", what="a write", body={})
        assert server.heard == []
        assert http.meter.used.total() == 0

    @pytest.mark.parametrize("path", ["/other", "/things/1/more", "/x/things/1"])
    def test_only_the_read_list_counts_as_reading(self, serve: Serve, client: Client, path: str) -> None:
        server = serve(answer())
        http = client(server, reads=[("GET", r"/things/[^/]+"), ("POST", "/token")])
        http.request("GET", "/things/1", what="a read")
        http.request("POST", "/token", what="a login", body={})
        with pytest.raises(WritesOff):
            http.request("GET", path, what="something else")
        assert [call.path for call in server.heard] == ["/things/1", "/token"]

    def test_whether_writes_are_on_is_asked_for_each_call(self, serve: Serve, client: Client) -> None:
        server, leave = serve(answer(204)), [False]
        http = client(server, writes_on=lambda: leave[0])
        with pytest.raises(WritesOff):
            http.request("PATCH", "/", what="a write")
        leave[0] = True
        assert http.request("PATCH", "/", what="a write").status == 204
