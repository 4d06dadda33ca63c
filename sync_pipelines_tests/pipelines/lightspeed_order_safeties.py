"""Every safety of supplier orders, as the change of the source that takes it out, with the tests that must fail then."""

from __future__ import annotations

from functools import partial

from sync_pipelines_tests.delivery import safeties

Safety = partial(safeties.Safety, code="sync_pipelines/pipelines/lightspeed_orders", tests_in="sync_pipelines_tests/pipelines")
ORDERS, LINES = "test_lightspeed_orders.py", "test_lightspeed_order_comparison.py"

SAFETIES = (
    Safety(
        "an order is not looked at before its lines are sent",
        "order_target.py",
        "if now is None or touched(now):",
        "if now is None:",
        (f"{ORDERS}::TestSomebodyElseMeanwhile::test_an_order_that_is_sent_just_before_the_lines_is_not_touched",),
    ),
    Safety(
        "lines are planned for an order that was sent on",
        "desired.py",
        "conflict=shut if shut and not same else None",
        "conflict=None",
        (f"{ORDERS}::TestSomebodyElseMeanwhile::test_an_order_that_was_sent_on_is_not_touched",),
    ),
    Safety(
        "an order with lines of others is deleted",
        "order_target.py",
        "if lines := self.store.lines(order.id):",
        "if lines := []:",
        (f"{ORDERS}::TestSomebodyElseMeanwhile::test_lines_that_others_added_keep_the_order_when_ours_are_taken_back",),
    ),
    Safety(
        "the same file is ordered again under another name",
        "intake.py",
        'if before not in ("", partition) and not asked.reference and there.orders([reference]):',
        "if False:",
        (f"{ORDERS}::TestTheSameOrderAgain::test_under_another_name_is_refused",),
    ),
    Safety(
        "products that something came to are deleted",
        "product_target.py",
        "if what := product_use.came_to(self.store, str(first.remote_id)):",
        "if what := []:",
        (f"{ORDERS}::TestSomebodyElseMeanwhile::test_products_that_something_came_to_stay_when_an_order_is_taken_back",),
    ),
    Safety(
        "families that were made a moment ago are not known",
        "product_target.py",
        "if family.lower() in self._made:",
        "if False:",
        (f"{ORDERS}::TestTheStoreRefuses::test_a_variant_that_the_store_refuses_does_not_keep_its_sisters",),
    ),
    Safety(
        "scopes are not looked at before the first write",
        "planning.py",
        "rights_probe.refuse_without(target.store.client, sorted(scopes))",
        "pass",
        (f"{ORDERS}::TestTheStoreRefuses::test_every_scope_that_is_missing_is_named_before_the_first_write",),
    ),
    Safety(
        "a version that can only be read is written to",
        "planning.py",
        "refuse_old_version()\n        looked",
        "looked",
        (f"{ORDERS}::TestTheStoreRefuses::test_a_version_that_can_only_be_read_is_named",),
    ),
    Safety(
        "another supplier's product is taken for this one's",
        "comparison.py",
        "if product.links and shop.supplier_id not in product.links:",
        "if False:",
        (f"{LINES}::TestAConflict::test_another_suppliers_product",),
    ),
    Safety(
        "a discontinued product is ordered",
        "comparison.py",
        "if not product.active:",
        "if False:",
        (f"{LINES}::TestAConflict::test_a_product_that_is_discontinued",),
    ),
)
