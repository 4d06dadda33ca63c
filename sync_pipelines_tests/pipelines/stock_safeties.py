"""Every safety of the rule of stock, as the change of the source that takes it out, with the tests that must fail then."""

from __future__ import annotations

from functools import partial

from sync_pipelines_tests.delivery import safeties

Safety = partial(safeties.Safety, code="sync_pipelines/pipelines/shopify_sentos", tests_in="sync_pipelines_tests/pipelines")
STOCK = "test_sentos_stock.py"
SHOP_READ_AGAIN = """
        for thing in ("goods", "goods for stock", "shopify catalog", "products in the shop"):
            session._things.pop(thing, None)
        found = goods_just_read(session)
"""

SAFETIES = (
    Safety(
        "stock is set without comparing",
        "stock_target.py",
        '"changeFromQuantity": before,',
        '"changeFromQuantity": None,',
        (f"{STOCK}::test_somebody_buys_just_before_the_write_and_the_others_of_the_call_still_go",),
    ),
    Safety(
        "orders are read before the shop's stock",
        "stock_plan.py",
        "orders = orders_after(session, found)\n",
        f"orders = orders_after(session, found){SHOP_READ_AGAIN}",
        (f"{STOCK}::test_what_becomes_of_orders_is_read_after_the_shops_stock",),
    ),
    Safety(
        "an order is known in the ERP at once",
        "stock_plan.py",
        "datetime.fromisoformat(at) + lag for",
        "datetime.fromisoformat(at) for",
        (f"{STOCK}::test_an_order_that_sentos_just_got_is_not_taken_for_lowered_stock",),
    ),
    Safety(
        "what was sent and is not known is left out",
        "stock_plan.py",
        "sent = orders.shipped_unknown(place, pair.erp.asked_at)",
        "sent = 0",
        (f"{STOCK}::test_an_order_that_the_shop_sent_before_sentos_had_it_is_taken_off_and_listed",),
    ),
    Safety(
        "all pieces of an order are known",
        "stock_rule.py",
        "there = pieces if knows.otherwise else max(0, min(pieces, surely))",
        "there = pieces",
        (f"{STOCK}::test_pieces_that_are_added_to_an_order_after_sentos_got_it_are_taken_off",),
    ),
    Safety(
        "orders of Sentos are read before its stock",
        "stock_plan.py",
        "erp_orders.bring_up_to_date(session, since=listed_from)",
        "erp_orders.bring_up_to_date(session)",
        (f"{STOCK}::test_orders_of_sentos_are_read_after_its_stock",),
    ),
    Safety(
        "what is cancelled in Sentos' panel is seen before its pieces are offered",
        "stock_plan.py",
        """_wait_until(listed_from, "Sentos may list""",
        """_wait_until(asked_at, "Sentos may list""",
        (f"{STOCK}::test_an_order_that_was_cancelled_in_sentos_before_its_list_says_so",),
    ),
    Safety(
        "the rule begins by our clock",
        "stock_plan.py",
        "begun = moment - CLOCKS_APART",
        "begun = moment",
        (f"{STOCK}::test_the_shops_clock_may_differ_from_ours",),
    ),
    Safety(
        "one reading says what is gone",
        "goods.py",
        "| erp_products.just_left(session)",
        "",
        (f"{STOCK}::test_what_leaves_sentos_is_not_offered_once_two_readings_miss_it",),
    ),
    Safety(
        "what is another row by now is gone",
        "stock_plan.py",
        "there.pop(pair.variant.item_id, None)",
        "pass",
        (f"{STOCK}::test_what_is_another_row_by_now_keeps_its_stock",),
    ),
    Safety(
        "what is ordered where it was not stocked is offered again",
        "stock_target.py",
        "if before is None and level.committed:",
        "if False:",
        (f"{STOCK}::test_an_item_that_is_ordered_where_it_is_not_stocked_is_not_offered_twice",),
    ),
    Safety(
        "a spent key is used again",
        "stock_target.py",
        "if any(error.code == FAILED_BEFORE for error in errors) and not key:",
        "if False:",
        (f"{STOCK}::test_a_call_that_failed_unheard_is_sent_again_under_another_key",),
    ),
    Safety(
        "undo archives what somebody changed",
        "product_target.py",
        "if edited := self._edited(change):",
        "if edited := False:",
        ("test_sentos_products.py::test_undo_leaves_what_somebody_changed_since",),
    ),
    Safety(
        "a product that has another key by now is archived",
        "product_plan.py",
        "and variant.product.id not in kept",
        "",
        ("test_sentos_products.py::test_a_product_whose_own_sku_changes_is_not_gone",),
    ),
)
