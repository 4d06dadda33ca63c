"""Listings reports as they are met: their encodings, what spreadsheet programs did to them, and those of other countries."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from sync_pipelines.decoding import LOST, NotText, decoded
from sync_pipelines.pipelines.amazon_plytix import files, intake, listings
from sync_pipelines.pipelines.amazon_plytix.files import FileRefused
from sync_pipelines.pipelines.amazon_plytix.listings import Listing
from sync_pipelines.pipelines.spreadsheets import overwritten, separator_of, unquoted
from sync_pipelines.vendors.amazon import CatalogItem
from sync_pipelines.vendors.amazon_settings import AmazonSettings
from vendor_sandbox.boots import EUROPEAN_COLUMNS, FIRST_STYLE, FRENCH_COLUMNS, Boots, listings_report

FIRST = Boots(seed=7, size=40).of_style(FIRST_STYLE)
ASIN = "B0AAAAAAA1"
HEADER = "seller-sku\tasin1\titem-name\tproduct-id\tproduct-id-type\tstatus"


def read(folder: Path, content: str | bytes, name: str = "report.txt") -> intake.ReadFile:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return intake.read_file(files.read(path), AmazonSettings.read(), None)


def row_of(folder: Path, *cells: str, header: str = HEADER) -> Listing:
    (found,) = read(folder, f"{header}\n" + "\t".join(cells) + "\n").listings
    return found


class TestEncodings:
    def test_one_cut_character_changes_no_other_title_and_is_told_with_its_place(
        self, own_folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        whole = listings_report(FIRST)
        place = whole.index("é".encode())
        cut = whole[: place + 1] + whole[place + 2 :]
        before = {row.asin: row.title for row in read(own_folder, whole).listings}
        found = read(own_folder, cut)
        changed = [row for row in found.listings if row.title != before[row.asin]]
        assert len(changed) == 1
        assert LOST in str(changed[0].title)
        line = whole[:place].count(b"\n") + 1
        start = whole.rfind(b"\n", 0, place) + 1
        column = len(whole[start:place].decode()) + 1
        assert found.dropped.lost == (f"line {line}, column {column}: c3",)
        assert changed[0].note == f"line {line}, column item-name: it has bytes that are not text"
        assert f"line {line}, column {column}: c3" in caplog.text

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    def test_utf_16_needs_no_mark(self, own_folder: Path, encoding: str) -> None:
        usual = read(own_folder, listings_report(FIRST)).listings
        assert read(own_folder, listings_report(FIRST, encoding=encoding)).listings == usual

    @pytest.mark.parametrize("title", ["Crème", "Año “Oak” – 6½", "Ã© by chance, é è ê"])
    def test_windows_1252_is_taken_where_it_explains_more(self, title: str) -> None:
        assert decoded(title.encode("cp1252")).text == title

    def test_shift_jis_is_read_for_the_japanese_marketplace_alone(
        self, own_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        report = f"{HEADER}\nS-1\t{ASIN}\tブーツ、ブラウン 10.5\t\t\t出品中\n"
        with pytest.raises(FileRefused, match="neither UTF-8 nor Windows-1252"):
            read(own_folder, report.encode("cp932"))
        monkeypatch.setenv("AMAZON_MARKETPLACE", "JP")
        monkeypatch.setenv("AMAZON_MARKETPLACES", '{"JP": "A1VC38T7YXB528"}')
        for content in (report.encode("cp932"), report.encode()):
            (row,) = read(own_folder, content).listings
            assert (row.title, row.status) == ("ブーツ、ブラウン 10.5", "active")

    def test_a_file_that_is_cut_in_utf_16_or_after_a_mark_tells_its_place_too(self) -> None:
        cut = decoded("ab\ncé".encode("utf-16")[:-1])
        assert (cut.text, cut.lost) == (f"ab\nc{LOST}", ("line 2, column 2: some bytes",))
        assert decoded(b"\xef\xbb\xbfa\xc3").lost == ("line 1, column 2: c3",)

    @pytest.mark.parametrize("data", [b"PK\x03\x04\x14\x00\x00\x00\x08\x00", b"\xd0\xcf\x11\xe0" + b"\0" * 40])
    def test_what_is_zipped_or_a_workbook_is_not_text(self, data: bytes) -> None:
        with pytest.raises(NotText, match="NUL byte"):
            decoded(data)


class TestStatus:
    @pytest.mark.parametrize(
        ("word", "status"),
        [
            ("Active", "active"),
            ("Aktiv", "active"),
            ("ACTIF", "active"),
            ("Inactive", "inactive"),
            ("Inactive (Out of Stock)", "inactive"),
            ("Inaktiv (nicht vorrätig)", "inactive"),
            ("Niet actief", "inactive"),
            ("Incomplete", "unknown"),
            ("Suppressed", "suppressed"),
            ("", None),
        ],
    )
    def test_its_words_are_known_in_the_languages_of_amazon(self, own_folder: Path, word: str, status: str | None) -> None:
        row = row_of(own_folder, "S-1", ASIN, "A boot", "", "", word)
        assert (row.status, row.note) == (status, None)

    def test_a_word_that_nobody_knows_is_noticed_and_says_nothing(self, own_folder: Path) -> None:
        row = row_of(own_folder, "S-1", ASIN, "A boot", "", "", "Ruhend")
        assert (row.status, row.title) == (None, "A boot")
        assert row.note == "line 2, column status: 'Ruhend' is not a status that is known, so it says nothing"

    def test_a_report_without_the_column_says_nothing_of_it(self, own_folder: Path) -> None:
        row = row_of(own_folder, "S-1", ASIN, header="seller-sku\tasin1")
        assert (row.status, row.title, row.note) == (None, None, None)


class TestSpreadsheets:
    def test_quoted_cells_are_unquoted_and_others_stay_as_they_are(self, own_folder: Path) -> None:
        title = '6" ""Quarry"" Boot'
        assert row_of(own_folder, "S-1", ASIN, f'"{title.replace(chr(34), chr(34) * 2)}"').title == title
        for raw in ('"Quarry" Boot', '"Good" and "Bad"', '6" Boot', '"'):
            assert row_of(own_folder, "S-1", ASIN, raw).title == raw
        assert unquoted('"a, b"') == "a, b"

    @pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
    @pytest.mark.parametrize("separator", ["\t", ",", ";"])
    @pytest.mark.parametrize("before", ["", "\n", " \t \n"])
    def test_line_ends_separators_and_blank_first_lines_are_recognised(
        self, own_folder: Path, end: str, separator: str, before: str
    ) -> None:
        rows = [HEADER.split("\t"), ["S-1", ASIN, '"Boot, Brown; 10 W"', "", "", "Active"]]
        text = before + "\n".join(separator.join(row) for row in rows) + "\n"
        (row,) = read(own_folder, text.replace("\n", end)).listings
        assert (row.seller_sku, row.title, row.status) == ("S-1", "Boot, Brown; 10 W", "active")
        assert row.line == (3 if before else 2)

    @pytest.mark.parametrize("cell", ["1.23E+05", "1,23E+05", "01-Mar", "Mar-01", "1-Mar-26", "#N/A", "#NAME?", "####"])
    def test_what_a_spreadsheet_program_put_in_the_place_of_a_code_is_told(self, cell: str) -> None:
        assert str(overwritten(f" {cell} ")).startswith(f"{cell!r} is ")

    @pytest.mark.parametrize("cell", ["5E2", "1E10", "MAR-01", "10-MAY", "MCA0032-M-9.5", "#12", "12345", "A1-Mar", ""])
    def test_codes_that_only_look_a_little_like_that_are_codes(self, cell: str) -> None:
        assert overwritten(cell) is None

    def test_a_separator_is_the_one_by_which_the_header_has_the_columns(self) -> None:
        assert separator_of("sku;price, net;name", ["sku", "price"]) == ";"
        assert separator_of("sku,price;x", ["sku"]) == ","
        assert separator_of("nothing known", ["sku"]) == "\t"

    @pytest.mark.parametrize("separator", ["\t", ",", ";"])
    def test_a_report_that_a_spreadsheet_program_saved_is_the_same_report(self, own_folder: Path, separator: str) -> None:
        raw = listings_report(FIRST)
        saved = io.StringIO()
        csv.writer(saved, delimiter=separator).writerows(line.split("\t") for line in raw.decode().splitlines())
        assert '""' in saved.getvalue()
        assert read(own_folder, saved.getvalue()).listings == read(own_folder, raw).listings

    def test_a_quote_that_is_never_closed_is_refused_with_its_line(self, own_folder: Path) -> None:
        with pytest.raises(FileRefused, match="line 2: "):
            read(own_folder, f'seller-sku,asin1,item-name\nS,{ASIN},"6" boot\n')


class TestOtherCountries:
    @pytest.mark.parametrize("columns", [EUROPEAN_COLUMNS, FRENCH_COLUMNS], ids=["european", "french"])
    def test_their_reports_list_what_the_usual_one_does(self, own_folder: Path, columns: Sequence[str]) -> None:
        usual = {(row.asin, row.seller_sku, row.title, row.status) for row in read(own_folder, listings_report(FIRST)).listings}
        found = read(own_folder, listings_report(FIRST, columns=columns)).listings
        assert {(row.asin, row.seller_sku, row.title, row.status) for row in found} == usual

    def test_columns_that_nobody_reads_may_have_one_name_and_those_that_are_read_may_not(self, own_folder: Path) -> None:
        deprecated = "\t".join(["Deprecated column"] * 10)
        row = row_of(own_folder, "S-1", *[""] * 10, ASIN, header=f"seller-sku\t{deprecated}\tasin1")
        assert (row.asin, row.problem) == (ASIN, None)
        with pytest.raises(FileRefused, match="line 1: column status appears twice"):
            read(own_folder, f"seller-sku\tasin1\tstatus\tstatus\nS\t{ASIN}\tActive\tInactive\n")

    @pytest.mark.parametrize(
        ("kind", "code", "found"),
        [
            ("1", ASIN, (ASIN, None, None)),
            ("ASIN", ASIN, (ASIN, None, None)),
            ("UPC", "012345678905", ("", "012345678905", None)),
            ("ean", "0012345678905", ("", None, "0012345678905")),
            ("ISBN", "0123456789", ("", None, None)),
        ],
    )
    def test_without_asin1_the_asin_is_product_id_where_its_type_says_so(
        self, own_folder: Path, kind: str, code: str, found: Sequence[str | None]
    ) -> None:
        row = row_of(own_folder, "S-1", code, kind, header="seller-sku\tproduct-id\tproduct-id-type")
        assert [row.asin, row.upc, row.ean] == [*found]
        assert row.problem == (None if found[0] else "line 2, column product-id: '' is not an ASIN")

    def test_a_type_that_nobody_knows_is_noticed(self, own_folder: Path) -> None:
        row = row_of(own_folder, "S-1", ASIN, "A boot", "0012", "9", "")
        assert "'9' is not a type of identifier that is known" in str(row.note)

    def test_amazons_own_file_name_is_taken_and_the_partition_is_made_from_it(self, own_folder: Path) -> None:
        name = "All+Listings+Report_05-12-2026.txt"
        assert files.partition_of(Path(name)) == "All-Listings-Report_05-12-2026"
        read(own_folder, f"{HEADER}\nS-1\t{ASIN}\n", name)
        assert files.of_partition(own_folder, "All-Listings-Report_05-12-2026").path.name == name


class TestTitles:
    @pytest.mark.parametrize(
        ("written", "known", "title"),
        [
            ("Caf? Boot", "Café Boot", "Café Boot"),
            (f"Caf{LOST} Boot", "Café Boot", "Café Boot"),
            ("??????", "ブーツ", "ブーツ"),
            ("Why Not? Boot", "Why Not? Boot, Brown", "Why Not? Boot"),
            ("Café Boot", "Caf? Boot", "Café Boot"),
            ("Caf? Boot", None, "Caf? Boot"),
        ],
    )
    def test_the_catalogues_title_is_taken_where_the_files_has_lost_letters(
        self, written: str, known: str | None, title: str
    ) -> None:
        (row,) = listings.enriched([Listing(ASIN, "US", title=written)], {ASIN: CatalogItem(ASIN, title=known)})
        assert row.title == title
