"""What an order file says, by the layout of its supplier: each bad cell is told with its row and column, and nothing is guessed."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from openpyxl import Workbook

from sync_pipelines.pipelines.lightspeed_orders import file_tables
from sync_pipelines.pipelines.lightspeed_orders.file_tables import FileRefused
from sync_pipelines.pipelines.lightspeed_orders.layouts import (
    Columns,
    LayoutRefused,
    OrderLayout,
    layout_for,
    layout_of,
    read_layout,
)
from sync_pipelines.pipelines.lightspeed_orders.order_files import OrderLine, read_order
from sync_pipelines.pipelines.lightspeed_orders.price_rules import PriceRule, moves

HEADER = "CODE,DESCRIPTION,BARCODES,QNTY,COST,VARIANTNAME,VARIANTTYPE,VARIANTVALUE"


def read(tmp_path: Path, text: str, layout: OrderLayout | None = None, name: str = "order.csv") -> list[OrderLine]:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_order(path, layout or OrderLayout())


def one(tmp_path: Path, row: str, layout: OrderLayout | None = None, header: str = HEADER) -> OrderLine:
    (line,) = read(tmp_path, f"{header}\n{row}\n", layout)
    return line


def layout(tmp_path: Path, text: str) -> OrderLayout:
    path = tmp_path / "supplier.toml"
    path.write_text(text)
    return read_layout(path)


class TestTheOlderColumns:
    def test_hold_without_a_layout(self, tmp_path: Path) -> None:
        line = one(tmp_path, "A1,Boot wax,4006381333931,3,4.10,,,")
        assert line == OrderLine(2, "4006381333931", "A1", "Boot wax", 3, Decimal("4.10"))

    def test_name_a_variant_of_a_family(self, tmp_path: Path) -> None:
        line = one(tmp_path, "A1,laces,L-1,3,4.10,Fancy laces,Colour,Red")
        assert (line.family, line.options) == ("Fancy laces", (("Colour", "Red"),))

    def test_have_up_to_three_options(self, tmp_path: Path) -> None:
        header = f"{HEADER},VARIANTTYPE2,VARIANTVALUE2,VARIANTTYPE3,VARIANTVALUE3"
        line = one(tmp_path, "A1,boot,B-1,3,4.10,Boot,Colour,Red,Size,9,Width,M", header=header)
        assert line.options == (("Colour", "Red"), ("Size", "9"), ("Width", "M"))

    @pytest.mark.parametrize("mark", [";", "\t", "|"])
    def test_may_stand_between_other_marks(self, tmp_path: Path, mark: str) -> None:
        text = f"{HEADER}\nA1,Boot wax,W-1,3,4.10,,,\n".replace(",", mark)
        assert read(tmp_path, text)[0].cost == Decimal("4.10")

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
    def test_may_be_in_any_usual_encoding(self, tmp_path: Path, encoding: str) -> None:
        path = tmp_path / "order.csv"
        path.write_bytes(f"{HEADER}\nA1,Café crème,W-1,3,4.10,,,\n".encode(encoding))
        assert read_order(path, OrderLayout())[0].description == "Café crème"

    def test_may_be_written_in_small_letters_and_with_blanks(self, tmp_path: Path) -> None:
        line = one(tmp_path, "W-1,3,4.10", header=" barcodes ,Qnty,cost")
        assert (line.key, line.quantity) == ("W-1", 3)

    def test_keep_text_that_holds_a_mark_or_a_new_line(self, tmp_path: Path) -> None:
        lines = read(tmp_path, f'{HEADER}\nA1,"wax, brown\nand black",W-1,3,4.10,,,\nA2,next,W-2,1,1,,,\n')
        assert [(line.row, line.description) for line in lines] == [(2, "wax, brown\nand black"), (4, "next")]


class TestABadRow:
    @pytest.mark.parametrize(
        ("row", "told"),
        [
            ('A1,x,W-1,"1,200",4.10,,,', "QNTY: '1,200' has a ','"),
            ('A1,x,W-1,3,"4,10",,,', "COST: '4,10' has a ','"),
            ("A1,x,W-1,0,4.10,,,", "QNTY is 0: whole pieces are ordered"),
            ("A1,x,W-1,-3,4.10,,,", "QNTY is -3"),
            ("A1,x,W-1,2.5,4.10,,,", "QNTY is 2.5"),
            ("A1,x,W-1,,4.10,,,", "QNTY is empty"),
            ("A1,x,W-1,three,4.10,,,", "QNTY: not a plain number: 'three'"),
            ("A1,x,W-1,3,-1,,,", "COST is -1"),
            ("A1,x,W-1,3,,,,", "COST is empty"),
            ("A1,x,9.78E+12,3,4.10,,,", "BARCODES: '9.78E+12' is a number that a spreadsheet program put there"),
            (",x,,3,4.10,,,", "neither BARCODES nor CODE says what it is"),
            ("A1,x,W-1,3,4.10,Fancy,,", "VARIANTNAME names a family, and no option"),
            ("A1,x,W-1,3,4.10,Fancy,Colour,", "an option is Colour: without a value"),
            ("A1,x, y,W-1,3,4.10,,,Red", "more cells than the header"),
            ("A1,x,W-1,4006381333931,4.10,,,", "QNTY is 4006381333931: whole pieces are ordered, 1 to 1,000,000"),
            ("A1,x,W-1,99999999999999999999,4.10,,,", "QNTY is 99999999999999999999"),
            ("A1,x,W-1,3,0,,,", "COST is 0: a cost is more than 0"),
            ("A1,x,W-1,3,4006381333931,,,", "COST is 4006381333931: a cost is more than 0, and not as much"),
            ("A1,x,4006381333931.0,3,4.10,,,", "BARCODES: '4006381333931.0' is a number that a spreadsheet program put there"),
            ('A1,x,"400638\n1333931",3,4.10,,,', "stands on several lines"),
            ("A1,x,#N/A,3,4.10,,,", "BARCODES: '#N/A' is an error value"),
            ("A1,x,W-1,3,4.10,Fancy,Size,12-Oct", "VARIANTVALUE: '12-Oct' is a date"),
        ],
    )
    def test_is_told_and_the_others_are_read(self, tmp_path: Path, row: str, told: str) -> None:
        bad, good = read(tmp_path, f"{HEADER}\n{row}\nA2,next,W-2,1,1,,,\n")
        assert told in bad.problem
        assert (good.problem, good.key) == ("", "W-2")

    def test_with_a_currency_sign_is_read(self, tmp_path: Path) -> None:
        assert one(tmp_path, "A1,x,W-1,3,€ 4.10,,,").cost == Decimal("4.10")

    def test_with_bytes_that_are_not_text_is_told(self, tmp_path: Path) -> None:
        path = tmp_path / "order.csv"
        path.write_bytes(f"{HEADER}\nA1,Café,W-1,3,4.10,,,\nA2,Caf".encode() + b"\xe9,W-2,3,4.10,,,\n")
        good, bad = read_order(path, OrderLayout())
        assert (good.problem, good.description) == ("", "Café")
        assert "DESCRIPTION: 'Caf\ufffd' has bytes that are not text" in bad.problem

    def test_is_told_by_what_the_code_looks_like_and_not_by_what_it_might_be(self, tmp_path: Path) -> None:
        for code in ("2E10", "10.50", "MAR-21", "0012345", "A/1-2"):
            assert (one(tmp_path, f"{code},x,W-1,3,4.10,,,").problem, code) == ("", code)


class TestABadFile:
    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("", "is empty"),
            ("\n\n", "is empty"),
            (HEADER, "has a header and no row"),
            ("CODE,QTY,COST\nA,1,1\n", r"no column QNTY. It has: CODE, QTY, COST. Did you mean QTY\?"),
            ("NAME,QNTY,COST\nA,1,1\n", "no column BARCODES or CODE"),
            ("CODE,QNTY,COST,cost \nA,1,1,2\n", "has the column COST 2 times"),
            (f'{HEADER}\nA1,"x,W-1,3,4.10,,,\n', "line 2: .*quote may be missing"),
        ],
    )
    def test_is_refused_and_says_what_to_do(self, tmp_path: Path, text: str, told: str) -> None:
        with pytest.raises(FileRefused, match=told):
            read(tmp_path, text)

    @pytest.mark.parametrize(
        ("name", "content", "told"),
        [
            ("order.xlsx", b"not a zip", "is not an Excel file"),
            ("order.pdf", b"%PDF-1.4 nothing", "is not a PDF that can be read"),
            ("order.doc", b"x", "cannot be read: .csv, .pdf"),
            ("order.csv", b"\xff\xfe\x00\xd8\x00\xd8", "has no column"),
        ],
    )
    def test_of_another_kind_is_refused(self, tmp_path: Path, name: str, content: bytes, told: str) -> None:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(FileRefused, match=told):
            read_order(path, OrderLayout())

    def test_that_lacks_a_column_of_its_layout_is_refused(self, tmp_path: Path) -> None:
        text = "CODE,QNTY,COST,Brand\nA,1,1,x\n"
        assert read(tmp_path, text)[0].problem == ""
        with pytest.raises(FileRefused, match=r"no column Brands. It has: CODE, QNTY, COST, Brand. Did you mean Brand\?"):
            read(tmp_path, text, OrderLayout(columns=Columns(brand="Brands")))
        with pytest.raises(FileRefused, match="no column EAN"):
            read(tmp_path, text, OrderLayout().with_key("EAN"))

    def test_of_more_than_it_may_have_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(file_tables, "LARGEST", 1024**2)
        with pytest.raises(FileRefused, match="has 2 MB; 1 MB can be read"):
            read(tmp_path, "x" * 2 * 1024**2)


class TestExcel:
    def write(self, tmp_path: Path, *rows: list[Any], sheet: str = "Order") -> Path:
        book = Workbook()
        book.active.title = sheet  # type: ignore[union-attr]
        for row in rows:
            book.active.append(row)  # type: ignore[union-attr]
        path = tmp_path / "order.xlsx"
        book.save(path)
        return path

    def test_is_read_with_its_numbers_as_they_are(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, HEADER.split(","), ["A1", "Wax", 4006381333931, 3, 4.1, None, None, None])
        (line,) = read_order(path, OrderLayout())
        assert (line.key, line.quantity, line.cost, line.problem) == ("4006381333931", 3, Decimal("4.1"), "")

    def test_a_date_or_a_broken_number_is_no_code(self, tmp_path: Path) -> None:
        rows = [["A", "x", code, 1, 1, None, None, None] for code in (dt.date(2026, 3, 4), 9.781e-3, True)]
        lines = read_order(self.write(tmp_path, HEADER.split(","), *rows), OrderLayout())
        assert all("that a spreadsheet program put there" in line.problem for line in lines)

    def test_keeps_fifteen_digits_of_a_number(self, tmp_path: Path) -> None:
        path = self.write(
            tmp_path, HEADER.split(","), *([code, "x", "W-1", 1, 1] for code in (99999999999999, 340123450000000018))
        )
        good, bad = read_order(path, OrderLayout())
        assert (good.supplier_code, good.problem) == ("99999999999999", "")
        assert "CODE: a spreadsheet program keeps 15 digits of 3401234500000000" in bad.problem

    def test_makes_dates_of_sizes(self, tmp_path: Path) -> None:
        sizes = [["A", "boot", n, 1, 1, "Boot", "Size", size] for n, size in (("W-1", 9.5), ("W-2", dt.date(2026, 10, 12)))]
        good, bad = read_order(self.write(tmp_path, HEADER.split(","), *sizes), OrderLayout())
        assert (good.options, good.problem) == ((("Size", "9.5"),), "")
        assert "VARIANTVALUE: '2026-10-12 00:00:00' is a date or time" in bad.problem

    def test_is_read_whole_whatever_size_it_says_it_has(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, HEADER.split(","), ["A1", "Wax", "W-1", 3, 4.1], [], ["A2", "Wax", "W-2", 3, 4.1])
        changed(path, "xl/worksheets/sheet1.xml", lambda xml: re.sub(rb'dimension ref="[^"]*"', b'dimension ref="A1"', xml))
        assert [(line.row, line.key) for line in read_order(path, OrderLayout())] == [(2, "W-1"), (4, "W-2")]

    @pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "[Content_Types].xml"])
    def test_that_is_broken_inside_is_refused(self, tmp_path: Path, part: str) -> None:
        path = self.write(tmp_path, HEADER.split(","), ["A1", "Wax", "W-1", 3, 4.1])
        changed(path, part, lambda xml: xml[: len(xml) // 2])
        with pytest.raises(FileRefused, match="is not an Excel file"):
            read_order(path, OrderLayout())

    def test_that_unpacks_to_too_much_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = self.write(tmp_path, HEADER.split(","), ["A1", "Wax", "W-1", 3, 4.1])
        changed(path, "docProps/app.xml", lambda _: b" " * 3 * 1024**2)
        monkeypatch.setattr(file_tables, "UNPACKED", 2 * 1024**2)
        with pytest.raises(FileRefused, match="more than 2 MB once it is unpacked"):
            read_order(path, OrderLayout())

    def test_has_the_sheet_that_the_layout_names(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, ["Order 7"], HEADER.split(","), ["A1", "Wax", "W-1", 3, 4.1])
        assert read_order(path, OrderLayout(sheet="Order", skip_rows=1))[0].row == 3
        with pytest.raises(FileRefused, match="no sheet 'Ordre'; it has Order"):
            read_order(path, OrderLayout(sheet="Ordre"))


def changed(path: Path, part: str, change: Callable[[bytes], bytes]) -> None:
    """Change a part of an Excel file."""
    with ZipFile(path) as before:
        parts = {name: before.read(name) for name in before.namelist()}
    with ZipFile(path, "w", ZIP_DEFLATED) as after:
        for name, content in parts.items():
            after.writestr(name, change(content) if name == part else content)


def test_the_tables_in_the_text_of_a_pdf_are_read(tmp_path: Path) -> None:
    path = tmp_path / "order.pdf"
    path.write_bytes(pdf([["BARCODES", "QNTY", "COST"], ["W-1", "3", "4.10"], ["W-2", "12", "0.95"]]))
    lines = read_order(path, OrderLayout())
    assert [(line.key, line.quantity, line.cost) for line in lines] == [("W-1", 3, Decimal("4.10")), ("W-2", 12, Decimal("0.95"))]


def pdf(rows: list[list[str]]) -> bytes:
    """A page with a ruled table, written by hand."""
    drawn = ["0.5 w"]
    top, left, wide, high = 700, 50, 120, 20
    for n in range(len(rows) + 1):
        drawn.append(f"{left} {top - n * high} m {left + wide * len(rows[0])} {top - n * high} l S")
    for n in range(len(rows[0]) + 1):
        drawn.append(f"{left + n * wide} {top} m {left + n * wide} {top - high * len(rows)} l S")
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            drawn.append(f"BT /F1 10 Tf {left + x * wide + 5} {top - y * high - 14} Td ({cell}) Tj ET")
    stream = "\n".join(drawn).encode()
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + b"xref\n0 6\n0000000000 65535 f \n%strailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (
        table,
        len(out),
    )


class TestALayout:
    def test_names_columns_marks_and_packs(self, tmp_path: Path) -> None:
        found = layout(
            tmp_path,
            """
            supplier = "Mesa Cordwain"
            decimal_mark = ","
            thousands = true
            skip_rows = 2
            pieces_per_pack = "VPE"
            cost_of = "pack"
            [columns]
            key = "EAN"
            quantity = "Menge"
            cost = "Preis"
            """,
        )
        text = "Auftrag;;;\nvom 1.12.;;;\nEAN;Menge;Preis;VPE\n4006381333931;2;1.224,00;12\n"
        (line,) = read(tmp_path, text, found)
        assert (line.row, line.quantity, line.cost) == (4, 24, Decimal("102.00000"))

    @pytest.mark.parametrize(("pack", "quantity", "cost"), [(12, 36, "4.10"), (1, 3, "4.10")])
    def test_may_say_how_many_a_pack_is(self, tmp_path: Path, pack: int, quantity: int, cost: str) -> None:
        line = one(tmp_path, "A1,x,W-1,3,4.10,,,", OrderLayout(pieces_per_pack=pack))
        assert (line.quantity, line.cost) == (quantity, Decimal(cost))

    def test_a_pack_without_pieces_is_told(self, tmp_path: Path) -> None:
        line = one(tmp_path, "W-1,3,4.10,0", OrderLayout(pieces_per_pack="PACK"), header="BARCODES,QNTY,COST,PACK")
        assert "PACK is 0: whole pieces are ordered" in line.problem

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ('suplier = "x"', r"nothing reads suplier. Did you mean supplier\?"),
            ("[columns]\nquantiti = 'x'", r"nothing reads columns.quantiti. Did you mean quantity\?"),
            ("decimal_mark = 'x'", "decimal_mark"),
            ("pieces_per_pack = 0", "1 at least"),
            ("[price]\nfactor = 0", "price.factor"),
            ("x = = 1", "cannot be read"),
            ("[columns]\nvariant_types = ['A', 'B']\nvariant_values = ['C']", "go in pairs"),
            ("[columns]\nquantity = ''", "columns.quantity"),
        ],
    )
    def test_that_is_wrong_says_where(self, tmp_path: Path, text: str, told: str) -> None:
        with pytest.raises(LayoutRefused, match=told):
            layout(tmp_path, text)

    def test_is_found_by_its_name_or_by_the_suppliers(self, tmp_path: Path) -> None:
        (tmp_path / "mesa.toml").write_text('supplier = "Mesa Cordwain"\ndecimal_mark = ","')
        assert layout_of(tmp_path, "mesa cordwain ").decimal_mark == ","
        assert layout_of(tmp_path, "MESA").supplier == "Mesa Cordwain"
        assert layout_of(tmp_path, "Another") == OrderLayout(supplier="Another")

    @pytest.mark.parametrize("name", ["mesa-cordwain", "Mesa_Cordwain", "MESA CORDWAIN"])
    def test_has_the_suppliers_name_as_files_have_it(self, tmp_path: Path, name: str) -> None:
        (tmp_path / f"{name}.toml").write_text('decimal_mark = ","')
        assert layout_of(tmp_path, "Mesa Cordwain") == OrderLayout(supplier="Mesa Cordwain", decimal_mark=",")

    def test_of_a_supplier_that_has_two_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "mesa.toml").write_text('supplier = "Mesa Cordwain"')
        (tmp_path / "mesa-cordwain.toml").write_text("")
        with pytest.raises(LayoutRefused, match="2 layouts for the same supplier"):
            layout_of(tmp_path, "Mesa Cordwain")
        assert layout_of(tmp_path, "Mesa").supplier == "Mesa Cordwain"

    def test_that_is_broken_stops_only_whose_it_may_be(self, tmp_path: Path) -> None:
        (tmp_path / "broken.toml").write_text("x = = 1")
        (tmp_path / "mesa.toml").write_text('supplier = "Mesa Cordwain"')
        assert layout_of(tmp_path, "Mesa Cordwain").supplier == "Mesa Cordwain"
        for supplier in ("Broken", "Another"):
            with pytest.raises(LayoutRefused, match="cannot be read"):
                layout_of(tmp_path, supplier)

    @pytest.mark.parametrize(
        ("file", "supplier"),
        [
            ("mesa-2026.csv", "Mesa"),
            ("Mesa Cordwain 2026-12.csv", "Mesa Cordwain"),
            ("MESA_CORDWAIN.csv", "Mesa Cordwain"),
            ("mesabi-2026.csv", None),
            ("sik-7.csv", "Şık"),
            ("order-mesa.csv", None),
        ],
    )
    def test_is_found_by_the_name_that_an_orders_file_begins_with(self, tmp_path: Path, file: str, supplier: str | None) -> None:
        for name, whose in (("m1", "Mesa"), ("m2", "Mesa Cordwain"), ("sik", "Şık")):
            (tmp_path / f"{name}.toml").write_text(f'supplier = "{whose}"', encoding="utf-8")
        found = layout_for(tmp_path, Path(file))
        assert (found and found.supplier) == supplier

    @pytest.mark.parametrize(
        ("cost", "mark", "read"),
        [("1,224.00", ".", "1224.00"), ("1 224,00", ",", "1224.00"), ("1'224.00", ".", "1224.00"), ("1 22", ".", None)],
    )
    def test_may_have_marks_for_thousands(self, tmp_path: Path, cost: str, mark: Any, read: str | None) -> None:
        line = one(tmp_path, f'A1,x,W-1,3,"{cost}",,,', OrderLayout(thousands=True, decimal_mark=mark))
        assert (str(line.cost) if line.cost else None, bool(line.problem)) == (read, read is None)

    @pytest.mark.parametrize(
        ("case", "name"),
        [("title", "Boot Wax 50ml O'neil"), ("upper", "BOOT WAX 50ML O'NEIL"), ("as_is", "boot WAX 50ml o'neil")],
    )
    def test_says_how_names_are_cased(self, case: Any, name: str) -> None:
        assert OrderLayout(names=case).cased("boot  WAX 50ml o'neil") == name


class TestThePriceRule:
    @pytest.mark.parametrize(
        ("cost", "rule", "price"),
        [
            ("4.10", {}, "10.25"),
            ("4.11", {}, "10.50"),
            ("4.00", {}, "10.00"),
            ("4.00", {"round_up_to": "0.15", "less": "0.05"}, "10.00"),
            ("4.01", {"round_up_to": "0.15", "less": "0.05"}, "10.15"),
            ("4.10", {"factor": "2", "adds_tax": True}, "10.00"),
            ("0.01", {}, "0.25"),
        ],
    )
    def test_rounds_up(self, cost: str, rule: dict[str, Any], price: str) -> None:
        found = PriceRule(**rule).price(Decimal(cost), Decimal("0.2"), exclusive=False)
        assert found == Decimal(price)

    def test_gives_the_price_without_tax_to_a_store_that_counts_so(self) -> None:
        assert PriceRule().price(Decimal("4.80"), Decimal("0.2"), exclusive=True) == Decimal("10.00000")

    @pytest.mark.parametrize(
        ("old", "new", "moved"),
        [("100", "105", False), ("100", "105.01", True), ("100", "94.99", True), (None, "5", False), ("0", "5", False)],
    )
    def test_tells_prices_that_would_move(self, old: str | None, new: str, moved: bool) -> None:
        assert moves(None if old is None else Decimal(old), Decimal(new)) is moved
