"""Whatever shop, people and failing calls do, in whatever order: every order once, its lines once, theirs untouched."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.vendors.failures import VendorError
from sync_pipelines_tests.pipelines.conftest import World, make_desk
from sync_pipelines_tests.pipelines.order_scene import GROW, READ, WRITE, OrderScene, line, order, settled

ROWS = st.integers(2, 16)
TABS = st.sampled_from(["Orders", "Line Items"])
PERSON = st.one_of(
    st.tuples(st.just("insert_rows"), TABS, st.fixed_dictionaries({"at": ROWS, "count": st.integers(1, 3)})),
    st.tuples(st.just("sort"), TABS, st.fixed_dictionaries({"by": st.sampled_from("ABCD"), "descending": st.booleans()})),
    st.tuples(
        st.just("move_rows"), TABS, st.fixed_dictionaries({"at": ROWS, "count": st.integers(1, 2), "to": st.integers(2, 20)})
    ),
)
COLUMNS = st.one_of(
    st.tuples(st.just("insert_columns"), TABS, st.fixed_dictionaries({"at": st.sampled_from("ABD")})),
    st.tuples(st.just("move_columns"), TABS, st.fixed_dictionaries({"at": st.sampled_from("ACE"), "to": st.sampled_from("BDH")})),
)
NUMBER = st.integers(1, 5)
SHOP = st.one_of(
    st.tuples(st.just("new"), st.integers(0, 3)),
    st.tuples(st.just("note"), NUMBER),
    st.tuples(st.just("cancel"), NUMBER),
    st.tuples(st.just("add line"), NUMBER),
    st.tuples(st.just("drop line"), NUMBER),
)
FAULT = st.one_of(
    st.tuples(
        st.sampled_from([WRITE, GROW]),
        st.sampled_from(["lost_reply", "lost_request", "html_502", "rate_limited", "expired_token", "cut_body"]),
    ),
    st.tuples(st.just(READ), st.sampled_from(["html_502", "lost_reply", "expired_token"])),
)
STEP = st.one_of(
    SHOP.map(lambda x: ("shop", x)),
    PERSON.map(lambda x: ("person", x)),
    COLUMNS.map(lambda x: ("person", x)),
    FAULT.map(lambda x: ("fault", x)),
    st.just(("run", None)),
)


class Story:
    """One example: a sheet of five orders with notes of the staff's beside them, and what then happens to it."""

    def __init__(self, world: World) -> None:
        self.desk = world.begin("story", self._beginning)
        self.edits = 100
        self.bakers = self.beside()

    @staticmethod
    def _beginning(desk: OrderScene) -> None:
        make_desk(desk)
        desk.take(*(order(n, n % 3) for n in range(1, 6)))
        desk.sync()
        desk.person("insert_columns", at="V", count=2)
        desk.person("type", cell="V1", values=[["Baker"], *[[f"baker of {1000 + n}"] for n in range(1, 6)]])
        desk.person("type", cell="W30", value="remember the milk")

    def beside(self) -> dict[str, Any]:
        return self.desk.notes("Baker")

    def shop(self, what: str, n: int) -> None:
        desk = self.desk
        self.edits += 1
        made = desk.shop.get(n)
        match what:
            case "new":
                desk.take(order(len(desk.shop) + 1, n))
            case "note":
                desk.change(n, note=f"=note {self.edits}")
            case "cancel":
                desk.change(n, cancelledAt="2026-05-02T10:00:00Z")
            case "add line" if made:
                desk.change(n, lineItems=[*made["lineItems"], line(n * 1000 + self.edits)])
            case "drop line" if made:
                desk.change(n, lineItems=made["lineItems"][1:])

    def act(self, steps: list[Any]) -> None:
        for kind, what in steps:
            match kind:
                case "shop":
                    self.shop(*what)
                case "person":
                    self.desk.sandbox.google.change_state({"person": [self.action(*what)]})
                case "fault":
                    self.desk.fault(*what)
                case "run":
                    self.run()

    def action(self, do: str, tab: str, how: dict[str, Any]) -> dict[str, Any]:
        """Rows and columns are moved to somewhere else, never to where they are."""
        if do == "move_rows" and how["at"] <= how["to"] <= how["at"] + how["count"]:
            how = {**how, "to": how["at"] + how["count"] + 1}
        return self.desk.action(do, tab, **how)

    def run(self) -> None:
        try:
            self.desk.sync()
        except (DeliveryError, VendorError):
            self.desk.sandbox.clear_faults("google")
            self.desk.sync()


SETTINGS = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@SETTINGS
@given(steps=st.lists(STEP, min_size=3, max_size=10))
def test_between_calls_anything_may_happen(sheets: World, steps: list[Any]) -> None:
    story = Story(sheets)
    try:
        story.act(steps)
        story.desk.sandbox.clear_faults("google")
        story.run()
        settled(story.desk)
        assert story.beside() == story.bakers
        everything = [c for row in story.desk.cells() for c in row]
        assert everything.count("remember the milk") == 1
        assert story.desk.sandbox.google.formulas_entered == []
    finally:
        story.desk.ledger.close()


@SETTINGS
@given(
    changes=st.lists(SHOP, min_size=1, max_size=4),
    people=st.lists(PERSON, min_size=1, max_size=2),
    when=st.sampled_from(["before", "after"]),
    lost=st.booleans(),
)
def test_a_person_at_work_in_the_very_moment_of_the_write_costs_one_more_run_at_most(
    *, sheets: World, changes: list[Any], people: list[Any], when: str, lost: bool
) -> None:
    story = Story(sheets)
    desk = story.desk
    try:
        for change in changes:
            story.shop(*change)
        actions = [story.action(*each) for each in people]
        desk.fault(WRITE, "human", when=when, action=actions)
        if lost:
            desk.fault(WRITE, "lost_reply")
        found = desk.sync()
        if desk.wrong():
            assert found.held or found.counts.get("drifted")
            desk.sync()
        assert desk.wrong() == []
        settled(desk)
        assert [c for row in desk.cells() for c in row].count("remember the milk") == 1
        assert sorted(map(str, story.beside().values())) == sorted(story.bakers.values())
    finally:
        desk.ledger.close()
