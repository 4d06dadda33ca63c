"""What a reviewer found in Amazon → Plytix: what is left unfinished, what an undo may delete, what the files say of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from sync_pipelines.delivery import guards
from sync_pipelines.delivery.applying import Report
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.delivery.plans import Plan
from sync_pipelines.operations import launch, running
from sync_pipelines.pipelines.amazon_plytix import (
    LINKS,
    PIPELINE,
    commands,
    entries,
    files,
    inbox,
    intake,
    listings,
    planning,
    questions,
    reports_for_people,
    unfinished,
)
from sync_pipelines.pipelines.amazon_plytix.catalogue import PRODUCTS_KEY, Catalogue, candidates
from sync_pipelines.pipelines.amazon_plytix.entries import Entry
from sync_pipelines.pipelines.amazon_plytix.inbox import FROM_MAPPING, go_on
from sync_pipelines.pipelines.amazon_plytix.listings import Listing
from sync_pipelines.pipelines.amazon_plytix.matching import Products, candidate, match
from sync_pipelines.pipelines.amazon_plytix.settings import AmazonPlytixSettings
from sync_pipelines.pipelines.building import path_of, tags
from sync_pipelines.pipelines.plan_and_apply import refuse_too_early
from sync_pipelines.pipelines.resources import PIPELINE_TAG, VERB_TAG
from sync_pipelines.settings import SettingsError, data_dir
from sync_pipelines.vendors import amazon
from sync_pipelines.vendors.amazon_settings import AmazonSettings
from sync_pipelines.vendors.plytix import Plytix
from sync_pipelines.vendors.plytix_settings import PlytixSettings
from sync_pipelines.warehouse.snapshots import Warehouse
from sync_pipelines_tests.pipelines.listing_scene import (
    CREATE,
    FAMILY,
    GET,
    HIERARCHY,
    LISTINGS,
    PARENT,
    PATCH,
    SEARCH,
    ListingScene,
    asin,
    canonical,
    entry,
    few,
    parent,
    sku,
)
from sync_pipelines_tests.test_alerts import Listener
from vendor_sandbox.boots import with_check_digit

P = "amazon_plytix"
OURS, FOOTWEAR = "8 - Amazon", "2 - Footwear"
UPC = with_check_digit("01234567890")
FOR_HOURS = "20000.5"
"""Seconds to wait that no run has patience for."""

PLANNED = ["plytix/amazon_product_plan", "plytix/amazon_link_plan"]
PARTS = [*PLANNED, "plytix/amazon_products", "plytix/amazon_links"]


def alone(n: int, **changes: Any) -> Entry:
    """A listing without a parent."""
    return entry(n, amazon_parent_asin=None, **changes)


def document(found: Sequence[Entry]) -> dict[str, Any]:
    """A mapping file of these."""
    parts = entries.json_parts(entries.AsinMapping({"source_file": "by hand"}, found))
    made: dict[str, Any] = json.loads("".join(parts))
    return made


def listed(*more: str) -> str:
    """A report that lists the first product's ASIN."""
    return f"seller-sku\tasin1\titem-name\n{canonical(1)}\t{asin(1)}\tBoot\n" + "".join(f"{line}\n" for line in more)


@dataclass
class Ran:
    """One run in Dagster, as the command line tells it."""

    result: dg.ExecuteInProcessResult
    ended: launch.Ended

    @property
    def state(self) -> str:
        return self.ended.state


class Office:
    """A desk whose steps Dagster runs, in this process."""

    def __init__(
        self, desk: ListingScene, instance: dg.DagsterInstance, daemon: dg.DagsterInstance, defs: dg.Definitions
    ) -> None:
        self.desk, self.instance, self.daemon, self.defs = desk, instance, daemon, defs
        self.hour = datetime(2026, 1, 1, 0, 20, tzinfo=UTC)

    def drop(self, name: str, content: str | Sequence[Entry]) -> Path:
        """Drop a report, or a mapping of these entries."""
        path = intake.inbox() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(document(content)), encoding="utf-8")
        return path

    def run(
        self,
        verb: str,
        partition: str | None = "boots",
        *,
        assets: Sequence[str] | None = None,
        ops: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Ran:
        keys = None if assets is None else [dg.AssetKey(name.split("/")) for name in assets]
        if partition:
            self.instance.add_dynamic_partitions("amazon_files", [partition])
        job = self.defs.resolve_job_def(f"{'sync' if verb == 'retry' else verb}_{P}")
        config = {"ops": {name: {"config": dict(values)} for name, values in (ops or {}).items()}}
        done = job.execute_in_process(
            run_config=config,
            instance=self.instance,
            partition_key=partition,
            asset_selection=keys,
            raise_on_error=False,
            tags={VERB_TAG: verb},
        )
        self.desk.clock.sleep(10)
        return Ran(done, launch._ended(P, done.run_id, 0.0, 0.0, "", partition))

    def undo(self, run: Ran) -> Ran:
        """Take a run back with the plans that the command takes, in its order."""
        plans = running.plans_to_take_back(P, run.ended.run_id)
        return self.run("undo", None, ops={PIPELINE.undo_step: {"plans": plans}})

    @property
    def unfinished(self) -> dict[str, unfinished.Since]:
        return unfinished.unfinished(self.desk.ledger, PlytixSettings.read().account)

    def asked_to_go_on(self) -> list[dg.RunRequest]:
        """What the schedule asks for."""
        known = self.instance.get_dynamic_partitions("amazon_files")
        self.daemon.add_dynamic_partitions("amazon_files", known)
        self.hour += timedelta(hours=1)
        with dg.build_schedule_context(
            instance=self.daemon, scheduled_execution_time=self.hour, repository_def=self.defs.get_repository_def()
        ) as context:
            return list(go_on.evaluate_tick(context).run_requests or ())

    def go_on(self) -> list[Ran]:
        """What the schedule asks for, run."""
        return [
            self.run(
                "sync",
                request.partition_key,
                assets=[key.to_user_string() for key in request.asset_selection] if request.asset_selection else None,
            )
            for request in self.asked_to_go_on()
        ]

    def told(self, partition: str = "boots", *, preview: bool = False) -> dict[str, Any]:
        """The result file."""
        name = f"{partition}.preview.json" if preview else f"{partition}_mapping.sync_products.json"
        found: dict[str, Any] = json.loads((data_dir() / name).read_text(encoding="utf-8"))
        return found

    def items(self, partition: str = "boots", *, preview: bool = False) -> dict[str, tuple[str, str]]:
        """Status and error of each item of the result file."""
        rows = self.told(partition, preview=preview)["items"]
        return {row["sku"]: (row["status"], row.get("error", "")) for row in rows}


@pytest.fixture(scope="session")
def defs() -> dg.Definitions:
    from sync_pipelines.definitions import defs

    return defs()


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """An instance on the disk, which a schedule needs."""
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("daemon"))) as instance:
        yield instance


@pytest.fixture
def office(merchandiser: ListingScene, defs: dg.Definitions, daemon: dg.DagsterInstance) -> Iterator[Office]:
    for partition in daemon.get_dynamic_partitions("amazon_files"):
        daemon.delete_dynamic_partition("amazon_files", partition)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Office(merchandiser, instance, daemon, defs)


def catalogue_down(office: Office) -> None:
    office.drop("boots.txt", listed())
    assert office.desk.sandbox
    office.desk.sandbox.clear_faults("amazon")
    fault = {"on": "GET /catalog/*", "kind": "status", "status": 503, "headers": {"Retry-After": FOR_HOURS}}
    office.desk.sandbox.faults("amazon", [fault])


def no_quota_to_plan(office: Office) -> None:
    office.drop("boots_mapping.json", few(1, 2))
    assert office.run("preview").state == "done"  # the products of the PIM are in the cache
    office.desk.fault(SEARCH, "rate_limited", retry_after=FOR_HOURS, times=9)


def no_quota_to_write(office: Office) -> None:
    office.drop("boots_mapping.json", few(1, 2))
    office.desk.fault(CREATE, "rate_limited", after=1, retry_after=FOR_HOURS)


class TestUnfinishedFiles:
    @pytest.mark.parametrize(
        ("trouble", "since"), [(catalogue_down, "file"), (no_quota_to_plan, "mapping"), (no_quota_to_write, "mapping")]
    )
    def test_a_sync_that_ends_on_the_way_is_gone_on_with_from_where_it_was_and_then_is_no_more(
        self, office: Office, monkeypatch: pytest.MonkeyPatch, trouble: Callable[[Office], None], since: str
    ) -> None:
        trouble(office)
        assert office.run("sync").state == "failed"
        assert office.unfinished == {"boots": since}
        monkeypatch.setenv("PLYTIX_ALIAS", "second")
        assert office.unfinished == {}
        assert office.asked_to_go_on() == []
        monkeypatch.delenv("PLYTIX_ALIAS")
        assert office.desk.sandbox
        office.desk.sandbox.clear_faults("plytix")
        (request,) = office.asked_to_go_on()
        assert request.partition_key == "boots"
        chosen = None if since == "file" else {dg.AssetKey(path_of(asset)) for asset in FROM_MAPPING}
        assert (request.asset_selection and {*request.asset_selection}) == chosen
        (done,) = office.go_on()
        assert done.state == "done", done.ended.message
        assert office.unfinished == {}
        assert office.asked_to_go_on() == []
        assert office.desk.doubled() == []
        if trouble is not catalogue_down:
            office.desk.settled(few(1, 2))

    def test_one_that_dies_between_products_and_links_is_gone_on_with(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        office.drop("boots_mapping.json", few(1, 2))

        def die(*_: Any, **__: Any) -> None:
            raise RuntimeError("the machine is gone")

        with monkeypatch.context() as patch:
            patch.setattr(reports_for_people, "write_result", die)
            office.run("sync")
        assert set(office.desk.products) >= {sku(1), sku(2), sku(PARENT)}
        assert office.desk.state["counts"]["link_calls"] == 0
        assert office.unfinished == {"boots": "mapping"}
        (done,) = office.go_on()
        assert done.state == "done"
        office.desk.settled(few(1, 2))
        assert office.unfinished == {}

    def test_a_sync_that_a_guard_stopped_waits_for_a_person_and_not_for_the_schedule(self, office: Office) -> None:
        office.drop("boots_mapping.json", few(1, 2))
        office.desk.change(relationships={"Amazon Hierarchy": None})
        assert office.run("sync").state == "stopped"
        assert office.unfinished == {}

    @pytest.mark.parametrize("content", ["sku\tasin\n1\t2\n", "seller-sku\tasin1\n"])
    def test_nor_is_a_file_that_is_refused_read_again(self, office: Office, content: str) -> None:
        office.drop("boots.txt", content)
        assert office.run("sync").state == "failed"
        assert office.unfinished == {}

    def test_an_account_that_may_not_be_written_to_owes_nothing(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        office.drop("boots_mapping.json", few(1, 2))
        unfinished.note(office.desk.ledger, PlytixSettings.read().account, "boots", "mapping", "an earlier run")
        monkeypatch.setenv("SYNC_PIPELINES_SANDBOX", "")
        done = office.run("sync")
        assert done.state == "failed"
        assert "is read-only" in done.ended.message
        assert f"enable {P}" in done.ended.message
        assert office.unfinished == {}

    def test_a_preview_does_not_end_what_a_file_is_owed(self, office: Office) -> None:
        office.drop("boots_mapping.json", few(1, 2))
        unfinished.note(office.desk.ledger, PlytixSettings.read().account, "boots", "mapping", "an earlier run")
        office.run("preview")
        assert office.unfinished == {"boots": "mapping"}

    def test_a_retry_of_one_item_does_not_end_what_the_others_are_owed(self, office: Office) -> None:
        no_quota_to_write(office)
        office.run("sync")
        office.run(
            "retry", assets=PARTS, ops={f"plytix__{n}": {"only": [sku(1)]} for n in ("amazon_product_plan", "amazon_link_plan")}
        )
        assert office.unfinished == {"boots": "mapping"}
        office.go_on()
        office.desk.settled(few(1, 2))
        assert office.unfinished == {}

    def test_the_schedule_asks_for_what_dagster_knows_and_waits_for_a_run_that_is_under_way(self, office: Office) -> None:
        account = PlytixSettings.read().account
        for partition, since in (("a", "file"), ("b", "mapping"), ("nobody's", "mapping")):
            unfinished.note(office.desk.ledger, account, partition, since, "run")  # type: ignore[arg-type]
        office.instance.add_dynamic_partitions("amazon_files", ["a", "b", "c"])
        requests = office.asked_to_go_on()
        asked = {str(r.partition_key): r.asset_selection is None for r in requests}
        assert asked == {"a": True, "b": False}
        keys = [r.run_key for r in [*requests, *office.asked_to_go_on()]]
        assert len({*keys}) == 4, "the next hour asks again"
        for status in ("NOT_STARTED", "STARTING", "STARTED"):
            run = dg.DagsterRun(f"sync_{P}", status=dg.DagsterRunStatus[status], tags=tags(P, "sync"))
            office.daemon.add_run(run)
            assert office.asked_to_go_on() == []
            office.daemon.delete_run(run.run_id)
        done = dg.DagsterRun(f"sync_{P}", status=dg.DagsterRunStatus.SUCCESS, tags={PIPELINE_TAG: P})
        office.daemon.add_run(done)
        assert len(office.asked_to_go_on()) == 2

    def test_no_other_mapping_is_made_of_a_file_whose_sync_is_unfinished(self, office: Office) -> None:
        for name in ("boots", "others"):
            office.drop(f"{name}_mapping.json", few(1))
        unfinished.note(office.desk.ledger, PlytixSettings.read().account, "boots", "mapping", "an earlier run")
        refused = office.run("map")
        assert refused.state == "failed"
        assert f"sync-pipelines sync {P} --partition boots" in refused.ended.message
        assert office.run("map", "others").state == "done"

    def test_a_mapping_alone_begins_no_sync_needs_no_right_to_write_and_can_be_made_again(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        office.drop("boots_mapping.json", few(1, 2))
        monkeypatch.setenv("SYNC_PIPELINES_SANDBOX", "")
        for _ in range(2):
            done = office.run("map")
            assert done.state == "done", done.ended.message
            assert office.unfinished == {}
        assert office.asked_to_go_on() == []

    def test_what_of_a_listing_is_not_written_is_told_at_the_end_of_the_run(self, office: Office) -> None:
        office.drop("boots.txt", f"seller-sku\tasin1\tstatus\n{canonical(1)}\t{asin(1)}\tRuhend\n")
        done = office.run("map")
        assert done.state == "done"
        assert f"of 1 listings not all is written; of {asin(1)}: line 2, column status: 'Ruhend'" in done.ended.message
        written = json.loads((data_dir() / "boots_mapping.json").read_text(encoding="utf-8"))
        assert "'Ruhend'" in written["matched"][0]["note"]

    def test_a_mapping_that_an_earlier_version_noted_as_a_sync_is_not_gone_on_with(self, office: Office) -> None:
        office.drop("boots_mapping.json", few(1, 2))
        looked = office.run("map")
        unfinished.note(office.desk.ledger, PlytixSettings.read().account, "boots", "mapping", looked.ended.run_id)
        assert office.unfinished == {}
        assert office.asked_to_go_on() == []
        assert office.run("map").state == "done"

    @pytest.mark.parametrize(
        ("verb", "assets", "writes"),
        [("sync", None, True), ("sync", PARTS, True), ("preview", None, False), ("sync", PLANNED, False), ("map", None, False)],
    )
    def test_a_run_is_noted_as_a_sync_only_where_its_job_has_the_step_that_writes(
        self, office: Office, monkeypatch: pytest.MonkeyPatch, verb: str, assets: Sequence[str] | None, *, writes: bool
    ) -> None:
        begun: list[str] = []
        monkeypatch.setattr(unfinished, "note", lambda _ledger, _account, partition, *_: begun.append(partition))
        office.drop("boots_mapping.json", few(1))
        office.run("map")
        assert office.run(verb, assets=assets).state == "done"
        assert set(begun) == ({"boots"} if writes else set())


# --- undo ---------------------------------------------------------------------------------------------------------------


def undone(desk: ListingScene, plan: Plan) -> tuple[Report, dict[str, tuple[str, str]]]:
    """Take a plan of products back; how each row of that ended."""
    back = desk.make_undo(plan).plan
    report = desk.apply(desk.desk().products(every_field=True), back)
    return report, desk.outcomes(back)


def as_made(product: Mapping[str, Any]) -> dict[str, Any]:
    """A product without what is its own alone."""
    return {name: product[name] for name in ("sku", "label", "status", "attributes", "family")}


class TestUndoDeletesNoWorkOfAnybodys:
    @pytest.mark.parametrize(
        ("change", "what"),
        [
            ({"set": {sku(1): {"status": "Completed"}}}, "status"),
            ({"set": {sku(1): {"attributes": {"model_number": "worked on"}}}}, "model_number"),
            ({"set": {sku(1): {"gtin": UPC}}}, "gtin"),
            ({"set": {canonical(5): {"parent": sku(1)}}}, "variants"),
            ({"link": [{"relationship": "Amazon Hierarchy", "from": sku(1), "to": [canonical(5)]}]}, "relationships"),
            ({"family": {sku(1): FOOTWEAR}}, "family"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_a_product_with_more_than_was_put_there_stays_and_is_told(
        self, merchandiser: ListingScene, change: dict[str, Any], what: str
    ) -> None:
        merchandiser.links = False
        done = merchandiser.sync([alone(1), alone(2)])
        merchandiser.clock.sleep(10)
        merchandiser.change(**change)
        before = merchandiser.product(sku(1))
        report, ended = undone(merchandiser, done.products)
        assert report.counts == {"drifted": 1, "delivered": 1}
        state, told = ended[sku(1)]
        assert state == "drifted"
        assert f"somebody has worked on it since: {what}" in told
        assert merchandiser.product(sku(1)) == before
        assert sku(2) not in merchandiser.products

    @pytest.mark.parametrize("what", ["assets", "categories", "thumbnail"])
    def test_so_does_one_with_pictures_or_in_a_category(self, merchandiser: ListingScene, what: str) -> None:
        """The sandbox has none of these: it is made to answer so."""
        merchandiser.links = False
        done = merchandiser.sync([alone(1)])
        merchandiser.clock.sleep(10)
        id_, made = next((i, p) for i, p in merchandiser.state["products"].items() if p["sku"] == sku(1))
        shown = {**made, "id": id_, "product_family_id": made["family_id"], what: [{"id": "x"}]}
        merchandiser.fault(GET, "status", status=200, body={"data": [shown]})
        report, ended = undone(merchandiser, done.products)
        assert report.counts == {"drifted": 1}
        assert ended[sku(1)][1].endswith(what)
        assert sku(1) in merchandiser.products

    def test_a_relationship_that_holds_no_product_any_more_is_no_work_of_somebody(self, merchandiser: ListingScene) -> None:
        """An account may show one after its last link was taken back; the sandbox does not: it is made to answer so."""
        merchandiser.links = False
        done = merchandiser.sync([alone(1)])
        merchandiser.clock.sleep(10)
        id_, made = next((i, p) for i, p in merchandiser.state["products"].items() if p["sku"] == sku(1))
        empty = [{"relationship_label": "amazon_hierarchy", "related_products": []}]
        shown = {**made, "id": id_, "product_family_id": made["family_id"], "relationships": empty}
        merchandiser.fault(GET, "status", status=200, body={"data": [shown]})
        report, _ = undone(merchandiser, done.products)
        assert report.counts == {"delivered": 1}
        assert sku(1) not in merchandiser.products

    def test_a_product_that_somebody_made_anew_under_the_same_sku_stays(self, merchandiser: ListingScene) -> None:
        merchandiser.links = False
        done = merchandiser.sync([alone(1), alone(2)])
        merchandiser.clock.sleep(10)
        same = as_made(merchandiser.product(sku(1)))
        merchandiser.change(set={sku(1): None})
        merchandiser.change(add=[same])
        report, ended = undone(merchandiser, done.products)
        assert report.counts == {"drifted": 1, "delivered": 1}
        assert ended[sku(1)][0] == "drifted"
        assert as_made(merchandiser.product(sku(1))) == same
        assert sku(2) not in merchandiser.products

    def test_what_nobody_touched_is_deleted_and_a_redo_makes_it_again_products_first_and_then_links(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        office.drop("boots_mapping.json", few(1, 2))
        before = set(office.desk.products)
        done = office.run("sync")
        back = office.undo(done)
        assert back.state == "done"
        assert set(office.desk.products) == before
        again = office.undo(back)
        assert again.state == "done", again.ended
        assert again.ended.counts["delivered"] == done.ended.counts["delivered"] == 7
        assert set(office.desk.wrong(few(1, 2))) == {f"{sku(n)} was made twice" for n in (PARENT, 1, 2)}
        assert {office.desk.ledger.plan(plan)["state"] for plan in again.ended.plan_ids} == {"done"}

    def test_a_sync_that_died_and_was_gone_on_with_is_taken_back_wholly_by_undoing_both_runs(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = merchandiser.products
        real, calls = merchandiser.client.set_family, 0

        def dying(*args: Any) -> None:
            nonlocal calls
            calls += 1
            if calls == 3:
                raise RuntimeError("the machine is gone")
            real(*args)

        first = merchandiser.plan_products(few(1, 2, 3))
        target = merchandiser.desk().products()
        with monkeypatch.context() as patch:
            patch.setattr(merchandiser.client, "set_family", dying)
            with pytest.raises(RuntimeError):
                merchandiser.apply(target, first)
        second = merchandiser.sync(few(1, 2, 3))
        merchandiser.clock.sleep(10)
        assert merchandiser.wrong(few(1, 2, 3)) == []
        for plan in (second.links, second.products, first):
            report = merchandiser.undo(plan)
            assert set(report.counts) <= {"delivered"}, merchandiser.outcomes(plan)
        assert merchandiser.products.keys() == before.keys()
        assert not any(p["links"].get(LISTINGS) for s, p in merchandiser.products.items() if s not in before)


# --- families -----------------------------------------------------------------------------------------------------------


def told_of(desk: ListingScene, found: Sequence[Entry], products: str, links: str = "", **options: Any) -> dict[str, Any]:
    """The result file by these plans."""
    options = {"dry_run": False, "whole": True, **options}
    path = reports_for_people.write_result(desk.ledger, desk.files, found, "boots", products, links, run="run", **options)
    written: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return written


def items_of(result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["sku"]: item for item in result["items"]}


class TestFamilies:
    def test_a_family_that_somebody_chose_is_held_and_none_is_mended_and_the_preview_says_so(
        self, merchandiser: ListingScene
    ) -> None:
        merchandiser.links = False
        for n, family in ((1, None), (2, FOOTWEAR), (3, OURS)):
            merchandiser.change(add=[{"sku": sku(n), "family": family}])
        found = [alone(n) for n in (1, 2, 3)]
        plan = merchandiser.plan_products(found, check_families=True)
        items = items_of(told_of(merchandiser, found, plan.id, dry_run=True))
        assert items[sku(1)] == {"sku": sku(1), "status": "exists", "changed": "family"}
        assert items[sku(2)]["status"] == "error"
        assert "in another family; moving it may lose values" in items[sku(2)]["error"]
        assert items[sku(3)] == {"sku": sku(3), "status": "exists"}
        assert merchandiser.writes == 0
        done = merchandiser.sync(found, check_families=True)
        assert done.held == {sku(2): "target"}
        assert done.writes == 1
        assert [merchandiser.product(sku(n))["family"] for n in (1, 2, 3)] == [OURS, FOOTWEAR, OURS]
        assert merchandiser.sync(found).writes == 0

    def test_a_product_left_without_its_family_gets_that_one_call_and_its_undo_works(self, merchandiser: ListingScene) -> None:
        merchandiser.links = False
        merchandiser.fault(FAMILY, "status", status=422)
        found = [alone(1), alone(2)]
        first = merchandiser.sync(found)
        assert first.made.counts == {"rejected": 1, "delivered": 1}
        before = merchandiser.state["counts"]
        second = merchandiser.sync(found)
        now = merchandiser.state["counts"]
        assert (second.made.counts, second.writes) == ({"delivered": 1}, 1)
        assert (now["family_calls"] - before["family_calls"], now["patched"]) == (1, 0)
        merchandiser.clock.sleep(10)
        for plan in (second.products, first.products):
            assert set(merchandiser.undo(plan).counts) <= {"delivered"}
        assert not {sku(1), sku(2)} & set(merchandiser.products)


# --- result files and plans ---------------------------------------------------------------------------------------------


class TestTheResultFile:
    def test_after_a_retry_of_one_item_the_others_stand_as_they_were(self, office: Office) -> None:
        found = [alone(n) for n in (1, 2, 3)]
        office.drop("boots_mapping.json", found)
        office.desk.fault(CREATE, "status", status=422, times=2)
        office.run("sync")
        before = office.items()
        assert {n: before[sku(n)][0] for n in (1, 2, 3)} == {1: "error", 2: "error", 3: "created"}
        keys = planning.full_keys([sku(1)], found)
        ops = {f"plytix__{name}": {"only": sorted(keys)} for name in ("amazon_product_plan", "amazon_link_plan")}
        again = office.run("retry", assets=PARTS, ops=ops)
        assert again.state == "done"
        now = office.items()
        assert now == {sku(1): ("created", ""), sku(2): before[sku(2)], sku(3): ("exists", "")}
        assert [error["sku"] for error in office.told()["errors"]] == [sku(2)]

    def test_where_only_links_were_applied_no_product_is_said_to_be_there_that_is_not(self, merchandiser: ListingScene) -> None:
        merchandiser.sync([alone(1)])
        found = [alone(1), alone(2), alone(3, state="rejected", reason="no ASIN", canonical_plytix_sku=None)]
        links = merchandiser.plan_links(found)
        items = items_of(told_of(merchandiser, found, "", links.id, whole=False))
        assert {s: (i["status"], i.get("error", "")) for s, i in items.items()} == {
            sku(1): ("exists", ""),
            sku(2): ("error", "not looked at in this run"),
            sku(3): ("error", "no ASIN"),
        }

    def test_a_run_that_fails_leaves_the_file_of_the_one_before(self, office: Office) -> None:
        office.drop("boots_mapping.json", few(1))
        office.run("sync")
        before = office.told()
        assert before["created"] == 2
        office.desk.fault(SEARCH, "rate_limited", retry_after=FOR_HOURS, times=9)
        assert office.run("sync").state == "failed"
        assert office.told() == before

    def linked_before(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        """Drop a mapping of which half is linked, and half held: more than may be."""
        monkeypatch.setattr(guards, "ENOUGH_ROWS", 2)
        office.desk.sync([alone(3), alone(4)])
        found = [alone(n, canonical_plytix_sku=f"NOBODY-{n}") for n in (1, 2)] + [alone(3), alone(4)]
        office.drop("boots_mapping.json", found)

    def test_a_plan_of_links_that_is_stopped_beside_a_clear_one_of_products_is_not_forgotten(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.linked_before(office, monkeypatch)
        done = office.run("sync")
        assert done.state == "stopped"
        result = office.told()
        assert commands.exit_code(done.ended, result) == 1
        assert set(office.desk.products) >= {sku(n) for n in (1, 2, 3, 4)}
        assert (result["created"], result["exists"]) == (2, 2)
        errors = {error["sku"]: error["error"] for error in result["errors"]}
        assert len(errors) == 2
        assert "NOBODY-1 is not in Plytix" in errors[f"Amazon Listings/NOBODY-1/{sku(1)}"]
        stopped = [finding for finding in done.ended.findings if finding["state"] == "stopped"]
        assert stopped
        assert office.unfinished == {}


class TestPlans:
    def test_links_wait_for_the_plan_of_their_products_and_the_plans_are_told_in_that_order(self, office: Office) -> None:
        office.drop("boots_mapping.json", few(1, 2))
        plan_ids = office.run("preview").ended.plan_ids
        products, links = plan_ids
        accounts = [office.desk.ledger.plan(plan)["account"] for plan in plan_ids]
        settings = PlytixSettings.read()
        assert accounts == [settings.products_account, settings.links_account]
        refused = office.run("apply", assets=["plytix/amazon_links"], ops={"plytix__amazon_links": {"plan": links}})
        assert refused.state == "failed"
        assert f"apply {P} --plan {products}" in refused.ended.message
        assert office.desk.writes == 0
        for asset, plan in (("amazon_products", products), ("amazon_links", links)):
            done = office.run("apply", assets=[f"plytix/{asset}"], ops={f"plytix__{asset}": {"plan": plan}})
            assert done.state == "done", done.ended.message
        office.desk.settled(few(1, 2))
        assert {status for status, _ in office.items().values()} == {"exists"}
        assert office.told()["errors"] == []

    def test_an_older_plan_that_nobody_applied_keeps_no_newer_links_back(self, merchandiser: ListingScene) -> None:
        merchandiser.plan_products(few(1, 2))
        merchandiser.clock.sleep(10)
        merchandiser.sync(few(1, 2))
        merchandiser.clock.sleep(10)
        found = few(1, 2, 3)
        products = merchandiser.plan_products(found)
        links = merchandiser.plan_links(found)
        with pytest.raises(DeliveryError, match=products.id):
            refuse_too_early(merchandiser.ledger, PIPELINE, LINKS, links.scope)
        merchandiser.apply(merchandiser.desk().products(), products)
        refuse_too_early(merchandiser.ledger, PIPELINE, LINKS, links.scope)


# --- what a file says ---------------------------------------------------------------------------------------------------


def taken(folder: Path, rows: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]] = ()) -> list[Entry]:
    """A mapping that somebody gave, as it is taken."""
    path = folder / "given_mapping.json"
    path.write_text(json.dumps({"matched": rows, "unmatched_amazon": others}), encoding="utf-8")
    mapping, _ = intake.mapping_for(Warehouse(data_dir() / "warehouse"), "given", path)
    return list(mapping.entries)


def given(n: int, **more: Any) -> dict[str, Any]:
    return {"amazon_asin": asin(n), "canonical_plytix_sku": canonical(n), **more}


class TestGivenMappings:
    def test_what_is_less_sure_than_the_setting_waits_for_a_person(self, own_folder: Path) -> None:
        unsure, sure, silent = taken(own_folder, [given(1, match_confidence=0.2), given(2, match_confidence=0.9), given(3)])
        assert (unsure.state, unsure.canonical_plytix_sku, unsure.candidates) == ("held", None, canonical(1))
        assert "0.2" in (unsure.reason or "")
        assert (sure.state, silent.state) == ("matched", "matched")
        assert [link.source for link in planning.links_of([unsure, sure, silent])] == [canonical(2), canonical(3)]

    def test_a_variation_parent_is_one_though_it_stands_among_the_matched(self, own_folder: Path) -> None:
        (found,) = taken(own_folder, [given(1, item_classification="VARIATION_PARENT")])
        assert (found.state, found.canonical_plytix_sku) == ("parent", None)
        assert planning.links_of([found]) == []

    def test_two_listings_of_one_product_are_both_linked_unless_one_is_allowed(
        self, own_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        both = [given(1), given(2, canonical_plytix_sku=canonical(1)), given(3)]
        assert [e.state for e in taken(own_folder, both)] == ["matched"] * 3
        assert [link.source for link in planning.links_of(taken(own_folder, both))] == [canonical(1)] * 2 + [canonical(3)]
        monkeypatch.setenv("AMAZON_PLYTIX_LISTINGS_PER_PRODUCT", "one")
        assert [e.state for e in taken(own_folder, both)] == ["ambiguous", "ambiguous", "matched"]
        assert [link.source for link in planning.links_of(taken(own_folder, both))] == [canonical(3)]

    def test_identifiers_that_contradict_each_other_are_held_until_a_person_is_sure(self, own_folder: Path) -> None:
        other = with_check_digit("09876543210")
        row = given(1, amazon_upc=UPC, canonical_plytix_gtin=other, match_method="sku", match_confidence=0.95)
        same = {**row, "canonical_plytix_gtin": f"00{UPC}"}
        by_ean = {**row, "match_type": "ean", "match_method": None}
        by_hand = {**row, "match_confidence": 1}
        states = [taken(own_folder, [each])[0] for each in (row, same, by_ean, by_hand)]
        assert [each.state for each in states] == ["held", "matched", "matched", "matched"]
        assert UPC.zfill(14) in str(states[0].reason)
        assert other.zfill(14) in str(states[0].reason)

    def test_a_parent_stays_linked_with_the_product_of_its_own_model_and_with_no_other(self, own_folder: Path) -> None:
        row = given(1, item_classification="VARIATION_PARENT", model_number=canonical(1))
        assert taken(own_folder, [row])[0].state == "matched"
        assert taken(own_folder, [{**row, "model_number": "ANOTHER"}])[0].state == "parent"

    def test_a_code_that_is_none_is_noted_and_the_rest_goes_on(self, own_folder: Path) -> None:
        (found,) = taken(own_folder, [given(1, amazon_upc="8.84882E+11", amazon_ean=UPC)])
        assert found.state == "matched"
        assert found.note == "'8.84882E+11' is not a UPC, EAN or GTIN, so it is not written"

    def test_an_asin_that_is_its_own_parent_is_not_linked_with_itself(self, merchandiser: ListingScene) -> None:
        found = [parent(amazon_parent_asin=asin(PARENT)), entry(1, amazon_parent_asin=asin(1))]
        merchandiser.sync(found)
        assert merchandiser.links_of(sku(PARENT), HIERARCHY) == set()
        assert merchandiser.links_of(sku(1), HIERARCHY) == set()
        assert merchandiser.links_of(canonical(1)) == {sku(1)}

    def test_a_parent_that_nobody_knows_is_left_out_without_an_error_and_one_in_the_pim_is_linked(
        self, merchandiser: ListingScene
    ) -> None:
        merchandiser.change(add=[{"sku": sku(8), "family": OURS}])
        found = [entry(1), entry(2, amazon_parent_asin=asin(8))]
        done = merchandiser.sync(found)
        assert (done.held, done.linked.counts) == ({}, {"delivered": 3})
        assert merchandiser.links_of(sku(8), HIERARCHY) == {sku(2)}
        assert sku(PARENT) not in merchandiser.products
        assert told_of(merchandiser, found, done.products.id, done.links.id)["errors"] == []
        assert merchandiser.sync(found).writes == 0


class TestReadingWhatThereIs:
    def test_a_product_whose_sku_has_amzn_in_its_middle_is_a_candidate_and_ours_are_not(self, merchandiser: ListingScene) -> None:
        ours = {"AMZN-US-B0OURS0001", "AMZN-DE-B0OURS0002", "amzn-us-b0ours0003"}
        theirs = {"BOOT-AMZN-01", "XAMZN-2"}
        merchandiser.change(add=[{"sku": each} for each in (*ours, *theirs)])
        warehouse = Warehouse(data_dir() / "warehouse")
        source = Catalogue(warehouse, merchandiser.ledger, AmazonPlytixSettings.read(), PlytixSettings.read(), "run")
        with source.read(merchandiser.client, ["upc", "ean"]) as staged:
            found = {each.sku for each in candidates(warehouse.publish(PRODUCTS_KEY, staged))}
        assert theirs | {canonical(1)} <= found
        assert not ours & found

    def test_a_tab_at_the_end_of_a_line_is_no_value(self, own_folder: Path) -> None:
        path = own_folder / "report.txt"
        path.write_text(f"seller-sku\tasin1\nS-1\t{asin(1)}\t\nS-2\t{asin(2)}\t \t\r\n", encoding="utf-8")
        rows = list(files.listings(files.read(path), AmazonSettings.read()))
        assert [(row.seller_sku, row.asin, row.problem) for row in rows] == [("S-1", asin(1), None), ("S-2", asin(2), None)]

    def test_an_item_with_two_numbers_is_found_by_the_second(self) -> None:
        other = with_check_digit("09876543210")
        numbers = [{"identifierType": "UPC", "identifier": code} for code in (other, UPC)]
        there = {"asin": asin(1), "identifiers": [{"marketplaceId": "M", "identifiers": numbers}]}
        item = amazon._item(there, "M")
        assert (item.upc, item.further) == (other, (UPC,))
        (row,) = listings.enriched([Listing(asin(1), "US")], {asin(1): item})
        products = Products([candidate("id", canonical(1), "A boot", UPC, [])])
        (found,) = match([row], products, AmazonPlytixSettings(), {}).entries
        assert (found.state, found.canonical_plytix_sku, found.amazon_upc) == ("matched", canonical(1), other)
        several = Products([candidate("id", canonical(1), "", UPC, []), candidate("2", canonical(2), "", other, [])])
        (found,) = match([row], several, AmazonPlytixSettings(), {}).entries
        assert found.state == "ambiguous"

    def test_what_further_numbers_a_listing_has_outlives_its_table(self) -> None:
        row = replace(Listing(asin(1), "US"), further=UPC)
        path = data_dir() / "rows.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(listings.table([row]), path)
        assert list(listings.from_file(path)) == [row]


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value", "told"),
        [
            ("SKU_PATTERNS", ["{style}-{size}"], "'{style}-{size}' is not a pattern of {model}"),
            ("SKU_PATTERNS", ["{model-{size}"], "'{model-{size}' is not a pattern"),
            ("SKU_PATTERNS", ["{0}-{size}"], "is not a pattern"),
            ("SKU_PATTERNS", ["{model.x}"], "is not a pattern"),
            ("SKU_PATTERNS", ["{model[x]}"], "is not a pattern"),
            ("CONFIDENCE", {"gtin": "90"}, "from 0 to 1: gtin"),
            ("CONFIDENCE", {"gtin": "-0.1"}, "from 0 to 1: gtin"),
            ("CONFIDENCE", {"gtn": "0.9"}, "no rule: gtn (there are: gtin, sku"),
            ("LABELS", {"amazon_title": "amazon_asin"}, "several attributes under one label: amazon_asin"),
            ("LABELS", {"amazon_title": "x", "amazon_asin": "x"}, "several attributes under one label: x"),
        ],
    )
    def test_what_cannot_be_is_refused_with_a_reason(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: Any, told: str
    ) -> None:
        monkeypatch.setenv(f"AMAZON_PLYTIX_{name}", json.dumps(value))
        with pytest.raises(SettingsError) as refused:
            AmazonPlytixSettings.read()
        assert told in str(refused.value)

    def test_rules_whose_sureness_is_not_named_keep_theirs_and_labels_may_be_exchanged_or_empty(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usual = AmazonPlytixSettings.read().confidence
        monkeypatch.setenv("AMAZON_PLYTIX_CONFIDENCE", json.dumps({"gtin": "0.9"}))
        labels = {"amazon_title": "amazon_asin", "amazon_asin": "amazon_title", "amazon_upc": "", "amazon_ean": ""}
        monkeypatch.setenv("AMAZON_PLYTIX_LABELS", json.dumps(labels))
        found = AmazonPlytixSettings.read()
        assert found.confidence == {**usual, "gtin": Decimal("0.9")}
        assert found.label("amazon_title") == "amazon_asin"


class TestTheInbox:
    @pytest.fixture
    def heard(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
        """What somebody who is told of failures hears."""
        listener = Listener(200)
        monkeypatch.setenv("ALERT_WEBHOOK", listener.url)
        yield listener.heard
        listener.shutdown()
        listener.server_close()

    def ticks(self, office: Office, n: int, cursor: str | None) -> tuple[str | None, list[str], str]:
        """The cursor after some ticks of the sensor; what it asked for, and what it said at last."""
        asked, said = [], ""
        for _ in range(n):
            context = dg.build_sensor_context(instance=office.instance, cursor=cursor)
            found = inbox.amazon_inbox(context)
            if isinstance(found, dg.SensorResult):
                cursor, said = found.cursor, ""
                asked += [str(request.partition_key) for request in found.run_requests or ()]
            else:
                cursor, said = context.cursor, str(getattr(found, "skip_message", ""))
        return cursor, asked, said

    def test_a_refused_file_is_told_once_and_status_answers_all_the_same(self, office: Office, heard: list[Any]) -> None:
        bad = office.drop("broken.json", "{")
        office.drop("all listings.txt", listed())
        office.drop("good.txt", listed())
        cursor, asked, _ = self.ticks(office, 3, None)
        assert asked == ["good"]
        assert len(heard) == 2
        assert {each["event"] for each in heard} == {"failed"}
        assert any("letters, digits" in each["message"] for each in heard)
        assert any("line 1, column 2" in each["message"] for each in heard)
        told = questions.more_status(office.desk.ledger)
        assert told["dropped_and_not_taken_in"] == "good"
        assert "letters, digits" in told["dropped_and_refused"]
        assert "broken.json, line 1" in told["dropped_and_refused"]
        cursor, asked, said = self.ticks(office, 3, cursor)
        assert (asked, said, len(heard)) == ([], "no file is ready", 2)
        bad.write_text("[", encoding="utf-8")
        self.ticks(office, 3, cursor)
        assert len(heard) == 3, "new content is looked at anew"

    def test_a_file_that_cannot_be_read_is_tried_again_at_every_tick(
        self, office: Office, heard: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        office.drop("boots.txt", listed())
        cursor, _, _ = self.ticks(office, 2, None)

        def stale(_: Path) -> files.Dropped:
            raise OSError("Stale file handle")

        with monkeypatch.context() as patch:
            patch.setattr(files, "read", stale)
            cursor, asked, _ = self.ticks(office, 3, cursor)
            told = questions.more_status(office.desk.ledger)
        assert asked == []
        assert told["dropped_and_refused"] == "Stale file handle"
        cursor, asked, _ = self.ticks(office, 1, cursor)
        assert asked == ["boots"]
        assert self.ticks(office, 2, cursor)[1] == []
        assert heard == []


# --- doubts -------------------------------------------------------------------------------------------------------------


class TestDoubts:
    @pytest.mark.parametrize("arrived", [False, True])
    def test_an_update_that_died_in_an_undo_is_settled_by_every_field_though_updates_are_off_by_then(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch, *, arrived: bool
    ) -> None:
        merchandiser.links = False
        monkeypatch.setenv("AMAZON_PLYTIX_UPDATE", "true")
        merchandiser.change(add=[{"sku": sku(1), "family": OURS, "attributes": {"amazon_title": "Old title"}}])
        found = [alone(1)]
        done = merchandiser.sync(found)
        merchandiser.clock.sleep(10)
        monkeypatch.setenv("AMAZON_PLYTIX_UPDATE", "false")
        back = merchandiser.make_undo(done.products).plan
        real: Callable[..., None] = merchandiser.client.update

        def dying(_: Plytix, *args: Any) -> None:
            if arrived:
                real(*args)
            raise RuntimeError("the machine is gone")

        target = merchandiser.desk().products(every_field=True)
        with monkeypatch.context() as patch:
            patch.setattr(Plytix, "update", dying)
            with pytest.raises(RuntimeError):
                merchandiser.apply(target, back)
        account = PlytixSettings.read().products_account
        assert merchandiser.ledger.doubts(account)
        patches = merchandiser.state["counts"]["patched"]
        merchandiser.clock.sleep(1000)
        merchandiser.sync(found)
        assert merchandiser.ledger.doubts(account) == []
        assert merchandiser.state["counts"]["patched"] == patches, "updates are off"
        title = "Old title" if arrived else "Boot 1, Brown, 10 W"
        assert merchandiser.product(sku(1))["attributes"]["amazon_title"] == title
        state = merchandiser.outcomes(back).get(sku(1), ("", ""))[0]
        assert (state == "delivered") == arrived, state
        if not arrived:
            merchandiser.clock.sleep(10)
            assert merchandiser.undo(done.products).counts == {"delivered": 1}
            assert merchandiser.product(sku(1))["attributes"]["amazon_title"] == "Old title"

    def test_an_update_whose_request_was_lost_in_an_undo_is_sent_again(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        merchandiser.links = False
        monkeypatch.setenv("AMAZON_PLYTIX_UPDATE", "true")
        merchandiser.change(add=[{"sku": sku(1), "family": OURS, "attributes": {"amazon_title": "Old title"}}])
        done = merchandiser.sync([alone(1)])
        merchandiser.clock.sleep(10)
        monkeypatch.setenv("AMAZON_PLYTIX_UPDATE", "false")
        merchandiser.fault(PATCH, "lost_request")
        assert merchandiser.undo(done.products).counts == {"delivered": 1}
        assert merchandiser.product(sku(1))["attributes"]["amazon_title"] == "Old title"
