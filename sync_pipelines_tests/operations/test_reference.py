"""What is listed for people is what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_pipelines.operations import reference
from sync_pipelines.pipelines import PIPELINES
from sync_pipelines.pipelines.sections import SECTIONS


@pytest.mark.parametrize("path", sorted(reference.files()), ids=lambda path: path.name)
def test_the_files_that_list_what_there_is_are_as_the_declarations_have_it(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == reference.files()[path], "`make docs` writes it"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.table)
def test_every_setting_says_what_it_means(section: type) -> None:
    assert [name for name, field in section.model_fields.items() if not field.description] == []


def test_no_secret_has_a_default() -> None:
    secret = [each for pipeline in PIPELINES for each in pipeline.credentials if each.secret]
    assert secret
    assert [each.variable for each in secret if each.default] == []
