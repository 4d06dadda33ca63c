"""What init writes is what every reader of .env gets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dagster._core.secrets.env_file import get_env_var_dict
from dotenv import dotenv_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipelines.operations import environment
from sync_pipelines.operations.setup import write_env

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
