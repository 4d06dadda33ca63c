"""`sync-pipelines lightspeed …`: the commands that only this pipeline has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from sync_pipelines.operations.cli.options import Json

app = typer.Typer()
ALSO = ("report",)
"""Commands of the whole program, too: `sync-pipelines report lightspeed_retail`."""


@app.command("prove")
def prove(json: Json = False) -> None:
    """Read every collection whole and hold the mirror against it; what it lacks is kept, what is gone is marked."""
    from sync_pipelines.operations import running
    from sync_pipelines.operations.cli import runs
    from sync_pipelines.pipelines.lightspeed_retail import PIPELINE

    with runs.progress(f"prove {PIPELINE.name}", json=json):
        ended = running.run(PIPELINE.name, "prove", {})
    raise typer.Exit(runs.show(ended, json=json))


@app.command("report")
def report(
    days: Annotated[
        int | None, typer.Option(min=1, help="how far back to look for sales and orders; dead_stock_days if left out")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="a folder for all answers as CSV, or one answer: to_reorder.csv")
    ] = None,
    json: Json = False,
) -> None:
    """What sells, what lies, what is missing and what to order, by the mirror as it is now."""
    from sync_pipelines.operations import answers, retail_store
    from sync_pipelines.operations.cli import screen

    found = retail_store.report(days, output)
    if json:
        screen.as_json(answers.plain(found))
        return
    screen.facts(found.numbers)
    for each in found.answers:
        screen.say(f"\n{each.asks}: {each.not_answered or each.rows} ({each.question})")
        screen.table([{name: value for name, value in row.items() if not name.endswith("_id")} for row in each.first])
        if each.csv:
            screen.say(f"all of them: {each.csv}")


@app.command("find")
def find(
    code: Annotated[str, typer.Argument(help="SKU, any code that is scanned, ISBN either way, a supplier's code, handle or id")],
    json: Json = False,
) -> None:
    """The products that have a code: price, cost, stock, suppliers, last sale and order. Exit code 1 if there is none."""
    from sync_pipelines.nearest import meant_one_of
    from sync_pipelines.operations import answers, retail_store
    from sync_pipelines.operations.cli import exits, screen

    found = retail_store.find(code)
    if json:
        screen.as_json(answers.plain(found))
    for product in () if json else found.products:
        screen.facts({**product, **{name: _in_words(product[name]) for name in ("options", "stock", "suppliers")}})
        screen.say("")
    if not found.products and not json:
        screen.problem(f"no product has the code {code!r}.{meant_one_of(found.did_you_mean)}")
    raise typer.Exit(exits.DONE if found.products else exits.NEEDS_A_PERSON)


def _in_words(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [" ".join(str(value) for value in row.values() if value is not None) for row in rows]


@app.command("order")
def order(
    file: Annotated[Path, typer.Argument(help="a supplier's order: CSV, Excel (.xlsx), or a PDF with tables in its text")],
    supplier: Annotated[str, typer.Option("--supplier", help="whose order it is, as the store names them")] = "",
    key: Annotated[str, typer.Option("--key", help="the column that becomes the SKU of new products; BARCODES if left out")] = "",
    reference: Annotated[str, typer.Option("--reference", help="the order's number; the file's name if left out")] = "",
    outlet: Annotated[
        str, typer.Option("--outlet", help="where the goods go; the setting, or the first outlet if left out")
    ] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="a folder for newproducts.csv and updateproducts.csv, to import by hand")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what each line means, and plan; change nothing")] = False,
    execute: Annotated[bool, typer.Option("--execute", help="make products, costs and the stock order")] = False,
    json: Json = False,
) -> None:
    """What a supplier's order means: what is there, new, or costs more; then the products, costs and one stock order."""
    from sync_pipelines.operations import answers, supplier_orders
    from sync_pipelines.operations.cli import runs, screen

    _one_of(dry_run, execute)
    with runs.progress(f"order {file.name}", json=json):
        done = supplier_orders.order(
            file, execute=execute, supplier=supplier, key=key, reference=reference, outlet=outlet, output=output
        )
    if not isinstance(done, supplier_orders.Ordered):
        raise typer.Exit(runs.show(done, json=json))
    if json:
        from sync_pipelines.operations.cli import exits

        code = exits.of_run(done.ended)
        screen.as_json({**answers.plain(done), "exit_code": code})
        raise typer.Exit(code)
    screen.table([_line(line) for line in done.lines], f"order {done.reference} of {done.supplier}, for {done.outlet}")
    for path, rows in done.files.items():
        screen.say(f"{path}: {rows} rows")
    raise typer.Exit(runs.show(done.ended, json=False))


def _line(line: Any) -> dict[str, Any]:
    """A line of an order for people."""
    cost = f"{line.old_cost} → {line.cost}" if line.verdict == "cost_changed" else line.cost
    price = f"{line.old_price} → {line.new_price}" if line.price_moves else line.old_price or line.new_price
    return {
        "row": line.row,
        "": line.verdict.replace("_", " "),
        "sku": line.sku,
        "name": line.name,
        "pieces": line.quantity,
        "cost": cost,
        "price": f"{price} (over 5 %)" if line.price_moves else price,
        "why": line.reason or line.note,
    }


@app.command("products")
def products(
    file: Annotated[Path, typer.Argument(help="products: CSV or Excel with the columns of the vendor's import, or JSON")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="plan; change nothing")] = False,
    execute: Annotated[bool, typer.Option("--execute", help="make them, and keep those that are there in step")] = False,
    json: Json = False,
) -> None:
    """Make and update products from a file that names suppliers, brands, tags and categories."""
    from sync_pipelines.operations import supplier_orders
    from sync_pipelines.operations.cli import runs

    _one_of(dry_run, execute)
    with runs.progress(f"products {file.name}", json=json):
        ended = supplier_orders.products(file, execute=execute)
    raise typer.Exit(runs.show(ended, json=json))


@app.command("images")
def images(
    folder: Annotated[
        Path | None, typer.Argument(help="a folder of jpg and png, named by SKU, code or the supplier's code")
    ] = None,
    supplier: Annotated[str, typer.Option("--supplier", help="only products of theirs")] = "",
    new_only: Annotated[bool, typer.Option("--new-only", help="only products that have no picture")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show whose each picture is; change nothing")] = False,
    execute: Annotated[bool, typer.Option("--execute", help="send them")] = False,
    missing: Annotated[bool, typer.Option("--missing", help="list the products without any picture")] = False,
    unused: Annotated[bool, typer.Option("--unused", help="list a parent's pictures that no variant uses")] = False,
    download: Annotated[Path | None, typer.Option("--download", help="write every picture into this folder")] = None,
    json: Json = False,
) -> None:
    """Pictures find their products and go there, each once; or what the store has of pictures, and lacks."""
    from sync_pipelines.operations import answers, store_pictures
    from sync_pipelines.operations.cli import exits, screen

    if sum((folder is not None, missing, unused, download is not None)) != 1:
        raise typer.BadParameter("say one: a folder, --missing, --unused or --download")
    if missing or unused:
        found = store_pictures.missing(supplier) if missing else store_pictures.unused()
        if json:
            screen.as_json({"products" if missing else "pictures": answers.plain(found)})
        else:
            screen.table(found)
            screen.say(f"{len(found)} {'products without a picture' if missing else 'pictures that no variant uses'}")
        return
    if download is not None:
        done = store_pictures.download(download)
        if json:
            screen.as_json(answers.plain(done))
        else:
            screen.facts({"written": done.files, "there before": done.there, "folder": download})
        for problem in () if json else done.problems:
            screen.problem(problem)
        raise typer.Exit(exits.NEEDS_A_PERSON if done.problems else exits.DONE)
    if folder is not None:
        _one_of(dry_run, execute)
        raise typer.Exit(_send(folder, execute=execute, supplier=supplier, new_only=new_only, json=json))


def _send(folder: Path, *, execute: bool, supplier: str, new_only: bool, json: bool) -> int:
    """Send the pictures of a folder, or show what would be sent. Returns the exit code."""
    from sync_pipelines.operations import answers, store_pictures
    from sync_pipelines.operations.cli import exits, runs, screen

    with runs.progress(f"images {folder.name}", json=json):
        sent = store_pictures.images(folder, execute=execute, supplier=supplier, new_only=new_only)
    if not isinstance(sent, store_pictures.Pictured):
        return runs.show(sent, json=json)
    if json:
        code = exits.of_run(sent.ended)
        screen.as_json({**answers.plain(sent), "exit_code": code})
        return code
    screen.table([{"file": e.file, "": e.state, "sku": e.sku, "by": e.how, "why": e.reason} for e in sent.files], "pictures")
    return runs.show(sent.ended, json=False)


def _one_of(dry_run: bool, execute: bool) -> None:
    if dry_run == execute:
        raise typer.BadParameter("say which: --dry-run or --execute")


@app.command("login")
def login(
    redirect_uri: Annotated[str, typer.Option("--redirect-uri", help="as the application has it")],
    code: Annotated[str | None, typer.Option("--code", help="what the store gave; asked for if left out")] = None,
) -> None:
    """Connect a store to your application (LIGHTSPEED_CLIENT_ID), instead of a personal token."""
    from sync_pipelines.operations.cli import screen
    from sync_pipelines.pipelines.lightspeed_retail import connecting

    if code is None:
        screen.say("Open this, allow the application, and copy `code` from the address that you are sent to:")
        screen.say(connecting.address(redirect_uri))
        code = typer.prompt("code", hide_input=True)
    connecting.connect(code, redirect_uri)
    screen.say("The store is connected. Its token renews itself from now on.")
