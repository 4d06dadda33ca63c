"""What init writes is what every reader of .env gets."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from dagster._core.secrets.env_file import get_env_var_dict
from dotenv import dotenv_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipelines.operations import environment
from sync_pipelines.operations.setup import write_env
from sync_pipelines_tests.terminal import Terminal

AWKWARD = st.sampled_from(
    ["$", "${", "}", "${HOME}", ":-", "\\", "'", '"', "#", " #", "\n", "\r", "\r\n", "=", " ", "`", "é", "\u2028"]
)
VALUE = st.lists(AWKWARD | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))).map("".join)


@given(first=VALUE, second=VALUE)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read_back_as_the_same_characters(tmp_path: Path, first: str, second: str) -> None:
    path = tmp_path / ".env"
    path.write_text("# a comment\nOTHER='stays ${HOME}'\nSECOND=old", encoding="utf-8")
    wanted = {"FIRST": first, "SECOND": second, "THIRD": first}
    write_env(path, wanted)
    write_env(path, {"FIRST": first})
    written = {"OTHER": f"stays {os.environ['HOME']}", **wanted}
    assert dotenv_values(path) == written
    assert get_env_var_dict(str(tmp_path)) == written  # what `dagster dev` takes


def test_regression_a_secret_with_a_dollar_sign_reaches_the_commands_unexpanded(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "pa${HOME}ss\\'#\" wörd\\"
    monkeypatch.delenv("CATSY_BEARER_TOKEN", raising=False)
    write_env(own_folder / ".env", {"CATSY_BEARER_TOKEN": secret})
    monkeypatch.setattr(os, "environ", dict(os.environ))
    environment.prepare()
    assert os.environ["CATSY_BEARER_TOKEN"] == secret


class TestAnswersThatAreKept:
    """At a terminal, `init` is interrupted and begun again."""

    SECRET = "a-secret-of-the-shop"

    def asked(self, terminal: Terminal, name: str, shown: str = "") -> None:
        """Wait until a variable is asked for, with this default, and the terminal listens."""
        terminal.until(lambda: re.search(rf"\({name}\)( \[[^]]*{shown}[^]]*\])?: ", terminal.printed) is not None)

    def begin(self, terminal: Terminal) -> None:
        for name, value in (
            ("CATSY_BASE_URL", "http://127.0.0.1:1/api"),
            ("CATSY_QUERY_ID", "42"),
            ("CATSY_BEARER_TOKEN", self.SECRET),
        ):
            self.asked(terminal, name)
            terminal.type(value)
        self.asked(terminal, "SPARKLAYER_URL")

    @pytest.mark.parametrize("how", ["interrupt", "kill"])
    def test_answers_survive_an_end_in_the_middle(self, own_folder: Path, how: str) -> None:
        kept = own_folder / ".env.init"
        with Terminal("catsy", "init") as terminal:
            self.begin(terminal)
            if how == "interrupt":
                terminal.interrupt_a_question()
                assert terminal.end() == 2
                assert f"What was answered is kept in {kept}" in terminal.printed
                assert self.SECRET not in terminal.printed
        assert not (own_folder / ".env").exists()
        assert dotenv_values(kept)["CATSY_BEARER_TOKEN"] == self.SECRET
        assert kept.stat().st_mode & 0o077 == 0
        elsewhere = [path for path in own_folder.rglob("*") if path.is_file() and path != kept]
        assert all(self.SECRET.encode() not in path.read_bytes() for path in elsewhere)

        impatient = {"CATSY_DEADLINE": "0.1", "SPARKLAYER_DEADLINE": "0.1"}
        with Terminal("catsy", "init", env={**os.environ, **impatient}) as terminal:
            terminal.wait_for("going on with what was answered before")
            for name, shown in (("CATSY_BASE_URL", "127.0.0.1:1"), ("CATSY_QUERY_ID", "42"), ("CATSY_BEARER_TOKEN", "as it is")):
                self.asked(terminal, name, shown)
                terminal.type("")
            for name in ("SPARKLAYER_URL", "SPARKLAYER_SITE_ID", "SPARKLAYER_CLIENT_ID", "SPARKLAYER_CLIENT_SECRET"):
                self.asked(terminal, name)
                terminal.type("http://127.0.0.1:1" if name == "SPARKLAYER_URL" else f"my-{name}")
            terminal.wait_for("Ask again for")
            terminal.type("n")
            terminal.wait_for("Write .env all the same?")
            terminal.type("y")
            assert terminal.end() == 0
        assert not kept.exists()
        written = dotenv_values(own_folder / ".env")
        assert (written["CATSY_QUERY_ID"], written["CATSY_BEARER_TOKEN"]) == ("42", self.SECRET)
