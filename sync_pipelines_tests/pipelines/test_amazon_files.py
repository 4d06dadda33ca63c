"""The files that people drop: what is understood, and where a file that is not is wrong."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sync_pipelines.pipelines.amazon_plytix import entries, files, inbox, intake
from sync_pipelines.pipelines.amazon_plytix.files import FileRefused
from sync_pipelines.pipelines.amazon_plytix.listings import Listing
from sync_pipelines.pipelines.inbox import Seen, files_in, look_again
from sync_pipelines.vendors.amazon import Amazon
from sync_pipelines.vendors.amazon_settings import AmazonSettings
from sync_pipelines.vendors.http import CallMeter
from vendor_sandbox import Sandbox
from vendor_sandbox.boots import COLUMNS, FEW_COLUMNS, FIRST_STYLE, MORE_COLUMNS, Boots, export_json, listings_report

BOOTS = Boots(seed=7, size=40)
FIRST = BOOTS.of_style(FIRST_STYLE)
ASIN = "B0AAAAAAA1"
ROW = f"S-1\t{ASIN}\tA boot"


def rows_of(path: Path) -> list[Listing]:
    return list(files.listings(files.read(path), AmazonSettings.read()))


def report(folder: Path, text: str | bytes, name: str = "report.txt") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def mapping(folder: Path, document: Any, name: str = "x_mapping.json") -> Path:
    return report(folder, document if isinstance(document, str) else json.dumps(document), name)


def read_mapping(path: Path) -> entries.AsinMapping:
    return entries.read_mapping(files.read(path), AmazonSettings.read())


class TestReports:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
    @pytest.mark.parametrize("columns", [COLUMNS, MORE_COLUMNS], ids=["usual", "more and turned around"])
    def test_a_report_is_read_in_any_encoding_and_order_of_columns(
        self, own_folder: Path, encoding: str, columns: tuple[str, ...]
    ) -> None:
        """Row by row what the listings truly are, as far as the report says it."""
        found = {row.asin: row for row in rows_of(report(own_folder, listings_report(FIRST, encoding=encoding, columns=columns)))}
        truth = {item.asin: item for item in FIRST if item.seller_sku}
        assert found.keys() == truth.keys()
        for asin, row in found.items():
            item = truth[asin]
            assert row.title == item.title
            assert row.problem is None
            assert row.upc in (None, item.upc)
            assert row.ean in (None, item.ean)
            assert row.line > 1
        statuses = {row.status for row in found.values()}
        assert statuses == {"active", "inactive", "unknown"}

    def test_two_columns_are_enough(self, own_folder: Path) -> None:
        found = rows_of(report(own_folder, listings_report(FIRST, columns=FEW_COLUMNS)))
        assert all(row.upc is None and row.seller_sku and row.title for row in found)

    @pytest.mark.parametrize(
        ("kind", "found"),
        [
            ("1", (None, None)),
            ("2", (None, None)),
            ("3", ("0012", None)),
            ("4", (None, "0012")),
            ("", (None, None)),
            ("9", (None, None)),
        ],
    )
    def test_what_product_id_is_says_its_type(self, own_folder: Path, kind: str, found: tuple[str | None, str | None]) -> None:
        path = report(own_folder, f"seller-sku\tasin1\tproduct-id\tproduct-id-type\nS\t{ASIN}\t0012\t{kind}\n")
        (row,) = rows_of(path)
        assert (row.upc, row.ean) == found

    def test_the_asin_may_stand_in_product_id_alone(self, own_folder: Path) -> None:
        path = report(own_folder, f"seller-sku\tasin1\tproduct-id\tproduct-id-type\nS\t\t{ASIN}\t1\n")
        assert [row.asin for row in rows_of(path)] == [ASIN]

    def test_quotes_inside_a_title_spaces_and_windows_line_ends_are_what_they_are(self, own_folder: Path) -> None:
        path = report(own_folder, f'"seller-sku"\tASIN1 \titem-name\r\n S-1 \t{ASIN}\t6" "Quarry" Boot \r\n\r\n \t \r\n')
        (row,) = rows_of(path)
        assert (row.seller_sku, row.title) == ("S-1", '6" "Quarry" Boot')

    def test_rows_without_a_good_asin_go_on_with_their_place(self, own_folder: Path) -> None:
        path = report(own_folder, f"seller-sku\tasin1\nS-1\t{ASIN}\nS-2\tb0aaaaaaa1\nS-3\n")
        assert [row.problem for row in rows_of(path)] == [
            None,
            "line 3, column asin1: 'b0aaaaaaa1' is not an ASIN",
            "line 4, column asin1: '' is not an ASIN",
        ]

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            ("", "is empty"),
            (" \n\t\n", "is empty"),
            ("sku\tasin\n1\t2\n", "line 1: no column seller-sku and no column asin1 (or product-id with product-id-type)"),
            ("seller-sku\tproduct-id\nS\t0012\n", "line 1: no column asin1 (or product-id with product-id-type)"),
            (f"seller-sku\tasin1\tasin1\n{ROW}\n", "line 1: column asin1 appears twice"),
            (f"seller-sku\tasin1\titem-name\n{ROW}\n{ROW}\ttoo much\n", "line 3, column 4: 4 values under 3 names"),
            (b"PK\x03\x04\x00\x00", "not text (a NUL byte at 4)"),
            (b"seller-sku\tasin1\nS\t" + ASIN.encode() + b"\nS-2\xe9\x81\tB", "line 3, column 5: neither UTF-8 nor Windows-1252"),
        ],
    )
    def test_a_report_that_is_none_is_refused_with_its_line_and_column(
        self, own_folder: Path, content: str | bytes, told: str
    ) -> None:
        with pytest.raises(FileRefused) as refused:
            rows_of(report(own_folder, content))
        assert told in str(refused.value)

    def test_a_header_alone_is_refused_by_the_reading(self, own_folder: Path) -> None:
        path = report(own_folder, "seller-sku\tasin1\n")
        with pytest.raises(FileRefused, match="a header and no row"):
            intake.read_file(files.read(path), AmazonSettings.read(), None)

    def test_every_row_is_accounted_for(self, own_folder: Path) -> None:
        lines = listings_report(FIRST).decode().splitlines()
        path = report(own_folder, "\n".join([*lines, *lines[1:4], "x\tno asin"]) + "\n")
        for style in ("", FIRST_STYLE):
            found = intake.read_file(files.read(path), AmazonSettings.read(), None, style)
            wrong = [row for row in found.listings if row.problem]
            assert found.rows == found.of_the_file + found.repeats + len(wrong)
            assert len(wrong) == 1
        assert found.rows <= len(lines) + 3

    def test_a_style_that_is_not_there_is_told(self, own_folder: Path) -> None:
        path = report(own_folder, listings_report(FIRST))
        with pytest.raises(FileRefused, match="no listing of style NOBODY"):
            intake.read_file(files.read(path), AmazonSettings.read(), None, "NOBODY")


class TestExports:
    def test_an_export_is_read_for_the_marketplace_it_names(self, own_folder: Path) -> None:
        items = BOOTS.of_style(FIRST_STYLE, "CA")
        found = {row.asin: row for row in rows_of(report(own_folder, export_json(items, FIRST_STYLE), "x.json"))}
        assert found.keys() == {item.asin for item in items}
        for item in items:
            row = found[item.asin]
            assert (row.marketplace, row.seller_sku, row.status) == ("CA", item.part_number, None)
            assert (row.upc, row.ean, row.parent_asin, row.theme) == (item.upc, item.ean, item.parent_asin, item.theme)

    @pytest.mark.parametrize(
        ("document", "told"),
        [
            ({"variants": {}}, "`variants` is no list"),
            ({"variants": [5]}, "variants[0] is no object"),
            ({"variants": [], "metadata": {"marketplace_id": "A1F83G8C2ARO7P"}}, "marketplace_id A1F83G8C2ARO7P is not among"),
            ({"variants": [], "metadata": "x"}, "`metadata` is no object"),
            ({"products": []}, "neither a mapping"),
            ([], "neither a mapping"),
            ('{"variants": [\n  {"a": 1,}\n]}', "line 2, column 11"),
            ('{"variants": [', "line 1, column 15"),
            ("[" * 100_000, "nested too deep"),
        ],
    )
    def test_one_that_is_none_is_refused_with_its_place(self, own_folder: Path, document: Any, told: str) -> None:
        with pytest.raises(FileRefused) as refused:
            rows_of(mapping(own_folder, document, "x.json"))
        assert told in str(refused.value)

    def test_what_the_catalogue_adds_is_of_the_exports_own_marketplace(
        self, boots: Sandbox, own_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        boots.amazon.reset()
        boots.amazon.change_state({"settings": {"burst": 10_000}})
        for name, value in {**boots.env, "AMAZON_BURST": "10000"}.items():
            monkeypatch.setenv(name, value)
        both = next(
            i
            for i in boots.boots.items
            if i.marketplace == "CA" and any(o.asin == i.asin and o.marketplace == "US" for o in boots.boots.items)
        )
        boots.amazon.change_state({"set": {both.asin: {"parent_asin": None}}})
        document = {
            "metadata": {"marketplace_id": "A2EUQ1WTGCTBG2"},
            "variants": [{"amazon_asin": both.asin}, {"amazon_asin": "B0NOTINCA1"}],
        }
        before = len(boots.calls("amazon"))
        client = Amazon.connect(AmazonSettings.read(), CallMeter())
        found = intake.read_file(files.read(mapping(own_folder, document, "x.json")), AmazonSettings.read(), client)
        client.close()
        assert {row.marketplace for row in found.listings} == {"CA"}
        calls = [call for call in boots.calls("amazon")[before:] if "token" not in call["path"]]
        asked = {call["query"]["marketplaceIds"] for call in calls}
        assert asked == {"A2EUQ1WTGCTBG2"}


class TestMappings:
    FIRST_GENERATION = {
        "metadata": {"source_file": "x", "amazon_count": 2, "duplicate_count": 0},
        "matched": [
            {
                "amazon_asin": ASIN,
                "amazon_upc": "012345678905",
                "plytix_product_id": "65a0",
                "plytix_product_sku": "A-M-10",
                "plytix_gtin": "00012345678905",
                "plytix_label": "A boot",
                "match_type": "gtin",
            }
        ],
        "unmatched_amazon": [{"amazon_asin": "B0AAAAAAA2", "amazon_title": "Another"}],
        "duplicates": [],
    }

    def test_the_oldest_shape_is_read_and_written_in_the_newest(self, own_folder: Path) -> None:
        found = read_mapping(mapping(own_folder, self.FIRST_GENERATION))
        one, other = found.entries
        assert (one.state, one.suggested_sku, one.marketplace) == ("matched", f"AMZN-US-{ASIN}", "US")
        assert (one.canonical_plytix_sku, one.canonical_plytix_id, one.canonical_plytix_gtin) == (
            "A-M-10",
            "65a0",
            "00012345678905",
        )
        assert (one.match_method, one.match_confidence, other.state) == ("gtin", None, "unmatched")
        written = intake.write_mapping(found, own_folder / "y_mapping.json")
        assert list(read_mapping(written).entries) == list(found.entries)

    def test_what_is_written_is_read_again_as_it_was(self, own_folder: Path) -> None:
        full = entries.Entry(
            "matched",
            f"AMZN-CA-{ASIN}",
            "CA",
            ASIN,
            "B0AAAAAAA9",
            "S",
            "1",
            "2",
            "3",
            'A "boot"\n',
            "10",
            "Café",
            "T",
            "active",
            "BASE_PRODUCT",
            "M",
            "A",
            "id",
            "L",
            "G",
            "gtin",
            Decimal("0.95"),
            True,
        )
        rest = [
            entries.Entry("ambiguous", f"AMZN-US-{ASIN}", "US", ASIN, reason="2 fit", candidates="A,B"),
            entries.Entry("held", "AMZN-US-B0AAAAAAA3", "US", "B0AAAAAAA3", reason="unsure", candidates="A"),
            entries.Entry(
                "parent", "AMZN-US-B0AAAAAAA4", "US", "B0AAAAAAA4", item_classification="VARIATION_PARENT", reason="parent"
            ),
        ]
        written = intake.write_mapping(
            entries.AsinMapping({"style": "M"}, [full, *rest], [{"sku": "X"}], [{"what": "y"}]), own_folder / "z_mapping.json"
        )
        again = read_mapping(written)
        assert list(again.entries) == [full, *rest]
        assert (again.unlisted, again.duplicates) == ([{"sku": "X"}], [{"what": "y"}])
        counts = json.loads(written.read_text())["metadata"]
        assert (counts["amazon_count"], counts["matched_count"], counts["unmatched_count"]) == (4, 1, 3)

    @pytest.mark.parametrize(
        ("entry", "problem"),
        [
            ({"amazon_asin": "nonsense"}, "'nonsense' is not an ASIN"),
            ({}, "'' is not an ASIN"),
            ({"amazon_asin": ASIN, "marketplace": "DE"}, "marketplace DE is not among"),
            ({"amazon_asin": ASIN, "suggested_sku": "AMZN-CA-" + ASIN}, "is not that of"),
        ],
    )
    def test_an_entry_that_cannot_be_is_set_aside_and_the_others_go_on(self, own_folder: Path, entry: Any, problem: str) -> None:
        rows = [{**entry, "canonical_plytix_sku": "A"}, {"amazon_asin": "B0AAAAAAA2", "canonical_plytix_sku": "B"}]
        bad, good = read_mapping(mapping(own_folder, {"matched": rows})).entries
        assert (bad.state, good.state) == ("rejected", "matched")
        assert problem in (bad.reason or "")

    @pytest.mark.parametrize(
        ("sure", "read"), [(0.95, "0.95"), ("0.95", "0.95"), ("0.875", "0.88"), (1, "1.00"), (0.00001, "0.00"), (None, None)]
    )
    def test_how_sure_a_match_is_may_be_a_number_or_its_text(self, own_folder: Path, sure: Any, read: str | None) -> None:
        row = {"amazon_asin": ASIN, "canonical_plytix_sku": "A", "match_confidence": sure}
        (entry,) = read_mapping(mapping(own_folder, {"matched": [row]})).entries
        assert entry.match_confidence == (None if read is None else Decimal(read))

    @pytest.mark.parametrize(
        ("document", "told"),
        [
            ({"matched": {"a": 1}}, "`matched` is no list"),
            ({"matched": ["x"]}, "matched[0] is no object"),
            ({"matched": [{"amazon_asin": ASIN}]}, "names no product (canonical_plytix_sku)"),
            ({"matched": [], "metadata": ["x"]}, "`metadata` is no object"),
            *(
                (
                    {"matched": [{"amazon_asin": ASIN, "canonical_plytix_sku": "A", "match_confidence": sure}]},
                    f"match_confidence {sure!r} is not a number",
                )
                for sure in (1.5, -0.1, "high", "NaN", "Infinity", [], True)
            ),
            ('{"matched": [\n {"amazon_asin": }]}', "line 2, column 18"),
            ('{"matched": [{"match_confidence": NaN}]}', "matched[0]: match_confidence: NaN is not a number"),
        ],
    )
    def test_a_mapping_that_is_none_is_refused_with_its_place(self, own_folder: Path, document: Any, told: str) -> None:
        with pytest.raises(FileRefused) as refused:
            read_mapping(mapping(own_folder, document))
        assert told in str(refused.value)


class TestPartitions:
    def test_a_file_is_the_partition_of_its_stem(self) -> None:
        for name in ("mca0032.txt", "mca0032.json", "mca0032_mapping.json", "mca0032.TSV"):
            assert files.partition_of(Path(name)) == "mca0032"
        for name in ("all listings.txt", "_mapping.json", "Größe.txt", "a|b.txt"):
            with pytest.raises(FileRefused, match="letters, digits"):
                files.partition_of(Path(name))

    def test_a_mapping_comes_before_a_report_and_two_reports_are_a_question(self, own_folder: Path) -> None:
        report(own_folder, f"seller-sku\tasin1\nS\t{ASIN}\n", "x.txt")
        assert files.of_partition(own_folder, "x").kind == "listings_report"
        mapping(own_folder, {"matched": []})
        assert files.of_partition(own_folder, "x").kind == "mapping"
        (own_folder / "x_mapping.json").unlink()
        mapping(own_folder, {"variants": []}, "x.json")
        with pytest.raises(FileRefused, match=r"x\.json, x\.txt are all for 'x'"):
            files.of_partition(own_folder, "x")
        with pytest.raises(FileRefused, match="has no file for 'y'"):
            files.of_partition(own_folder, "y")


class TestLinksInTheInbox:
    def test_a_symbolic_link_is_refused_and_never_read(self, own_folder: Path, tmp_path: Path) -> None:
        outside = report(tmp_path, f"seller-sku\tasin1\nS\t{ASIN}\n", "outside.report")
        (own_folder / "x.txt").symlink_to(outside)
        (own_folder / "y.txt").symlink_to(tmp_path / "nowhere")
        for partition in ("x", "y"):
            with pytest.raises(FileRefused, match=rf"{partition}\.txt is a symbolic link"):
                files.of_partition(own_folder, partition)
        with pytest.raises(FileRefused, match="is a symbolic link"):
            inbox._read(own_folder / "x.txt")
        assert set(files_in(own_folder, files.is_droppable)) == {"x.txt", "y.txt"}
        assert files.read(own_folder / "x.txt", follow_links=True).kind == "listings_report"

    def test_a_refused_file_is_told_without_what_stands_in_it(self, own_folder: Path) -> None:
        path = report(own_folder, "Jo Doe\tjo@example.com\n1\t2\n")
        with pytest.raises(FileRefused) as refused:
            rows_of(path)
        assert str(refused.value).startswith(f"{path}, line 1: no column seller-sku and no column asin1 ")
        assert "Jo Doe" not in str(refused.value)
        assert "jo@example.com" not in str(refused.value)


class TestTheInbox:
    def test_a_file_is_ready_when_two_ticks_have_seen_no_change(self) -> None:
        seen: dict[str, Seen] = {}
        ticks = [(1, 1), (2, 2), (2, 3), (2, 3), (2, 3), (2, 4)]
        stills = []
        for size, changed in ticks:
            seen = look_again(seen, {"a": Seen(size, changed)})
            stills.append(seen["a"].still)
        assert stills == [0, 0, 0, 1, 2, 0]
        assert look_again(seen, {}) == {}

    def ticks(self, n: int, cursor: str | None, instance: dg.DagsterInstance) -> tuple[str | None, list[dg.RunRequest]]:
        requests: list[dg.RunRequest] = []
        for _ in range(n):
            context = dg.build_sensor_context(instance=instance, cursor=cursor)
            found = inbox.amazon_inbox(context)
            if isinstance(found, dg.SensorResult):
                cursor = found.cursor
                requests = [*(found.run_requests or ())]
            else:
                cursor, requests = context.cursor, []
        return cursor, requests

    def test_a_dropped_file_is_asked_for_once_it_is_still_and_anew_for_new_content_only(self, own_folder: Path) -> None:
        folder = intake.inbox()
        with dg.DagsterInstance.ephemeral() as instance:
            cursor, asked = self.ticks(3, None, instance)
            assert not asked
            folder.mkdir(parents=True)
            path = report(folder, "seller-sku\tasin1\n", "mca0032.txt")
            report(folder, "", "empty.txt")
            (folder / "notes.md").write_text("no listings")
            cursor, asked = self.ticks(2, cursor, instance)
            assert not asked
            path.write_text(f"seller-sku\tasin1\nS\t{ASIN}\n")  # still being written
            cursor, asked = self.ticks(2, cursor, instance)
            assert not asked
            cursor, (first,) = self.ticks(1, cursor, instance)
            assert first.partition_key == "mca0032"
            os.utime(path, (1_000_000_000, 1_000_000_000))  # touched
            cursor, asked = self.ticks(2, cursor, instance)
            assert not asked
            cursor, (again,) = self.ticks(1, cursor, instance)
            assert again.run_key == first.run_key
            path.write_text(f"seller-sku\tasin1\nS-2\t{ASIN}\n")
            cursor, (new,) = self.ticks(3, cursor, instance)
            assert new.run_key != first.run_key
            path.unlink()
            cursor, asked = self.ticks(3, cursor, instance)
            assert not asked

    def test_a_file_that_is_refused_is_told_and_keeps_no_other_back(self, own_folder: Path) -> None:
        folder = intake.inbox()
        folder.mkdir(parents=True)
        report(folder, "{", "broken.json")
        report(folder, f"seller-sku\tasin1\nS\t{ASIN}\n", "good.txt")
        with dg.DagsterInstance.ephemeral() as instance:
            _, asked = self.ticks(3, None, instance)
            assert [request.partition_key for request in asked] == ["good"]
            (folder / "good.txt").unlink()
            context = dg.build_sensor_context(
                instance=instance, cursor=json.dumps({"broken.json": [1, (folder / "broken.json").stat().st_mtime_ns, 1]})
            )
            skipped = inbox.amazon_inbox(context)
        assert isinstance(skipped, dg.SkipReason)
        assert "line 1, column 2" in (skipped.skip_message or "")
