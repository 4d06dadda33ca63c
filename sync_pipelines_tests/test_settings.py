"""The environment beats settings.toml beats the default; what is misspelt or missing is said by name."""

import os
from decimal import Decimal
from pathlib import Path

import pytest

from sync_pipelines import credentials
from sync_pipelines.credentials import CredentialMissing, redact, secret
from sync_pipelines.pipelines.catsy_sparklayer.settings import CatsySparkLayerSettings
from sync_pipelines.pipelines.sections import SECTIONS, account_of, check_file
from sync_pipelines.settings import AlertSettings, Section, SettingsError, data_dir
from sync_pipelines.vendors.catsy_settings import CatsySettings
from sync_pipelines.vendors.sparklayer_settings import SparkLayerSettings

PREFIXES = ("CATSY_", "SPARKLAYER_", "ALERT_", "RETENTION_", "SYNC_PIPELINES_")
OLD_NAMES = {
    "site_id": ("SITE_ID", SparkLayerSettings, "old-site", "new-site"),
    "batch_size": ("BATCH_SIZE", SparkLayerSettings, "11", "22"),
    "batch_delay": ("BATCH_DELAY", SparkLayerSettings, "1.5", "2.5"),
    "output_file": ("OUTPUT_FILE", CatsySettings, "old.csv", "new.csv"),
    "page_size": ("CATSY_LIMIT", CatsySettings, "11", "22"),
    "page_delay": ("CATSY_DELAY", CatsySettings, "1.5", "2.5"),
}


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without settings, and an environment without any of ours."""
    for name in list(os.environ):
        if name.upper().startswith(PREFIXES) or name.upper() in (
            *(old for old, *_ in OLD_NAMES.values()),
            "CLIENT_ID",
            "CLIENT_SECRET",
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SYNC_PIPELINES_HOME", str(tmp_path))
    monkeypatch.setattr(credentials, "_known", set())
    return tmp_path


def write(home: Path, text: str) -> None:
    (home / "settings.toml").write_text(text, encoding="utf-8")


def refused(section: type[Section]) -> str:
    with pytest.raises(SettingsError) as error:
        section.read()
    return str(error.value)


class TestWhichValueCounts:
    def test_a_default_then_the_file_then_the_environment(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert CatsySettings.read().page_size == 500
        write(home, "[catsy]\npage_size = 200\n")
        assert CatsySettings.read().page_size == 200
        monkeypatch.setenv("CATSY_PAGE_SIZE", "100")
        assert CatsySettings.read().page_size == 100

    def test_a_section_that_was_read_is_read_anew_once_anything_changed(
        self, home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(home, "[catsy]\npage_size = 200\n")
        before = (home / "settings.toml").stat()
        assert CatsySettings.read() is CatsySettings.read()
        write(home, "[catsy]\npage_size = 300\n")
        os.utime(home / "settings.toml", ns=(before.st_atime_ns, before.st_mtime_ns))
        assert CatsySettings.read().page_size == 300
        for value in ("100", "101"):
            monkeypatch.setenv("CATSY_PAGE_SIZE", value)
            assert CatsySettings.read().page_size == int(value)
        monkeypatch.delenv("CATSY_PAGE_SIZE")
        assert CatsySettings.read().page_size == 300
        monkeypatch.setenv("SYNC_PIPELINES_HOME", str(tmp_path_factory.mktemp("another")))
        assert CatsySettings.read().page_size == 500

    def test_an_empty_variable_is_none(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(home, '[catsy]\nquery_id = "from-file"\n')
        monkeypatch.setenv("CATSY_QUERY_ID", "")
        assert CatsySettings.read().query_id == "from-file"

    def test_nothing_set_is_all_defaults(self) -> None:
        for section in SECTIONS:
            section.read()
        check_file()

    def test_whole_tables_are_read_from_the_file(self, home: Path) -> None:
        write(
            home,
            """
            [catsy_sparklayer]
            max_price_move = "0.10"
            [[catsy_sparklayer.price_lists]]
            slug = "trade-nz"
            currency = "NZD"
            breaks = [{quantity = 1, attribute = "price_trade"}, {quantity = 100, attribute = "price_trade_100"}]
            """,
        )
        settings = CatsySparkLayerSettings.read()
        assert settings.max_price_move == Decimal("0.10")
        assert settings.attributes == ("price_trade", "price_trade_100")

    @pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.table)
    def test_regression_a_file_without_a_sections_table_leaves_it_its_defaults(self, home: Path, section: type[Section]) -> None:
        """One table in the file must not make every other section unreadable; nor must an empty file."""
        defaults = section.read()
        write(home, "")
        assert section.read() == defaults
        write(home, "[retention]\ndays = 400\n")
        assert section.read() == defaults

    def test_the_variables_of_one_section_do_not_trouble_another(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CATSY_SPARKLAYER_REMOVE_MISSING", "true")
        CatsySettings.read()
        assert CatsySparkLayerSettings.read().remove_missing is True


class TestOldNames:
    @pytest.mark.parametrize("field", OLD_NAMES)
    def test_an_old_name_works_and_the_new_one_wins(self, monkeypatch: pytest.MonkeyPatch, field: str) -> None:
        old_name, section, old, new = OLD_NAMES[field]
        monkeypatch.setenv(old_name, old)
        assert str(getattr(section.read(), field)) == old
        monkeypatch.setenv(f"{section.table.upper()}_{field.upper()}", new)
        assert str(getattr(section.read(), field)) == new

    @pytest.mark.parametrize("name", ["old", "new"])
    @pytest.mark.parametrize("field", OLD_NAMES)
    def test_regression_either_name_beats_the_file(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, field: str, name: str
    ) -> None:
        old_name, section, old, new = OLD_NAMES[field]
        in_file = {"site_id": '"file"', "output_file": '"file.csv"', "batch_delay": "3.5", "page_delay": "3.5"}.get(field, "33")
        write(home, f"[{section.table}]\n{field} = {in_file}\n")
        assert str(getattr(section.read(), field)) == in_file.strip('"')
        if name == "old":
            monkeypatch.setenv(old_name, old)
            assert str(getattr(section.read(), field)) == old
        else:
            monkeypatch.setenv(f"{section.table.upper()}_{field.upper()}", new)
            assert str(getattr(section.read(), field)) == new

    def test_old_names_of_secrets_work_and_the_new_ones_win(self, monkeypatch: pytest.MonkeyPatch) -> None:
        names = ("SPARKLAYER_CLIENT_SECRET", "CLIENT_SECRET")
        with pytest.raises(CredentialMissing, match=r"SPARKLAYER_CLIENT_SECRET or CLIENT_SECRET is not set"):
            secret(*names)
        monkeypatch.setenv("CLIENT_SECRET", "old-secret")
        assert secret(*names) == "old-secret"
        monkeypatch.setenv("SPARKLAYER_CLIENT_SECRET", "  ")
        assert secret(*names) == "old-secret"
        monkeypatch.setenv("SPARKLAYER_CLIENT_SECRET", " new-secret\n")
        assert secret(*names) == "new-secret"
        assert redact("old-secret new-secret") == "*** ***"


class TestWhatIsWrong:
    @pytest.mark.parametrize(
        ("section", "text", "named"),
        [
            (CatsySettings, "[catsy]\npage_sise = 5\n", "page_sise"),
            (CatsySettings, "[catsy]\npage_size = 0\n", "page_size"),
            (CatsySettings, "[catsy]\npage_size = 'many'\n", "page_size"),
            (SparkLayerSettings, "[sparklayer]\nsite = 'x'\n", "site"),
            (SparkLayerSettings, "[sparklayer]\nbatch_size = 0\n", "batch_size"),
            (AlertSettings, "[alerts]\nemail = 'x'\n", "email"),
            (CatsySparkLayerSettings, "[catsy_sparklayer]\nforeign_edits = 'ignore'\n", "foreign_edits"),
            (CatsySparkLayerSettings, "[catsy_sparklayer]\nprice_lists = []\n", "price_lists"),
        ],
    )
    def test_a_misspelt_key_or_a_wrong_value_is_refused_by_name(
        self, home: Path, section: type[Section], text: str, named: str
    ) -> None:
        write(home, text)
        told = refused(section)
        assert named in told
        assert str(home / "settings.toml") in told

    @pytest.mark.parametrize(
        "lists",
        [
            '[{slug = "a/b", currency = "AUD", breaks = [{quantity = 1, attribute = "p"}]}]',
            '[{slug = "a", currency = "aud", breaks = [{quantity = 1, attribute = "p"}]}]',
            '[{slug = "a", currency = "AUD", breaks = []}]',
            '[{slug = "a", currency = "AUD", breaks = [{quantity = 0, attribute = "p"}]}]',
            '[{slug = "a", currency = "AUD", breaks = [{quantity = 1, attribute = "p", unit = "each"}]}]',
            '[{slug = "a", currency = "AUD", breaks = [{quantity = 1, attribute = "p"}, {quantity = 1, attribute = "q"}]}]',
            '[{slug = "a", currency = "AUD", breaks = [{quantity = 1, attribute = "p"}]}, '
            '{slug = "a", currency = "NZD", breaks = [{quantity = 1, attribute = "p"}]}]',
        ],
        ids=["slash", "currency", "no break", "quantity", "misspelt", "quantity twice", "list twice"],
    )
    def test_a_price_list_that_makes_no_sense_is_refused(self, home: Path, lists: str) -> None:
        write(home, f"[catsy_sparklayer]\nprice_lists = {lists}\n")
        assert "price_lists" in refused(CatsySparkLayerSettings)

    def test_a_table_that_nothing_reads_is_refused_by_name(self, home: Path) -> None:
        write(home, "[catsy]\n[sparklayr]\nurl = 'x'\n")
        with pytest.raises(SettingsError, match="sparklayr"):
            check_file()

    @pytest.mark.parametrize("content", [b"[catsy\n", b"page_size = \n", b"[catsy]\nquery_id = '\xff'\n"])
    def test_a_file_that_is_no_toml_is_named(self, home: Path, content: bytes) -> None:
        (home / "settings.toml").write_bytes(content)
        told = refused(CatsySettings)
        assert f"{home / 'settings.toml'} cannot be read" in told
        with pytest.raises(SettingsError, match="cannot be read"):
            check_file()

    @pytest.mark.parametrize("text", ["catsy = 3\n", "[[catsy]]\npage_size = 3\n"])
    def test_regression_a_section_that_is_no_table_is_refused_by_name(self, home: Path, text: str) -> None:
        write(home, text)
        assert "catsy" in refused(CatsySettings)

    def test_a_variable_that_is_no_json_is_refused_by_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CATSY_SPARKLAYER_PRICE_LISTS", "[broken")
        assert "price_lists" in refused(CatsySparkLayerSettings)

    def test_a_needed_value_that_is_missing_says_where_to_put_it(self, home: Path) -> None:
        with pytest.raises(SettingsError, match=r"CATSY_QUERY_ID is not set.*settings.toml \[catsy\]"):
            CatsySettings.read().needed("query_id", "CATSY_QUERY_ID")


class TestWhoseDataAndWhere:
    def test_an_account_is_the_address_and_what_is_read_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CATSY_BASE_URL", "https://api.example.com/api/v3/")
        monkeypatch.setenv("CATSY_QUERY_ID", "q1")
        monkeypatch.setenv("SPARKLAYER_SITE_ID", "site-1")
        assert account_of("catsy") == "https://api.example.com/api/v3/queries/q1"
        assert account_of("sparklayer") == "https://app.sparklayer.io site site-1"
        with pytest.raises(KeyError):
            account_of("magento")

    def test_the_sandbox_keeps_its_data_apart(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert data_dir() == home / "data"
        monkeypatch.setenv("SYNC_PIPELINES_SANDBOX", "1")
        assert data_dir() == home / "data" / "sandbox"
        monkeypatch.setenv("SYNC_PIPELINES_DATA_DIR", str(home / "elsewhere"))
        assert data_dir() == home / "elsewhere"
