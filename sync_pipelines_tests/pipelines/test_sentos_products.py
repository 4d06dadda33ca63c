"""Products of the shop, made from Sentos once, and kept in step where the settings say so."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.delivery.releasing import release
from sync_pipelines.pipelines.shopify_sentos import PRODUCTS, questions
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors.failures import VendorError
from sync_pipelines_tests.pipelines.sentos_scene import MAIN, Killed, SentosScene, Synced, garment, variant

MAKE = "mutation productSet"
PICTURE = "https://cdn.example.com/{}.jpg"


def products(scene: SentosScene, **options: Any) -> Synced:
    return scene.sync(PRODUCTS, **options)[0]


def set_product(scene: SentosScene, n: int, **fields: Any) -> None:
    number = next(i for i, product in scene.erp_products().items() if product["sku"] == f"G{n}")
    scene.erp(set={str(number): fields})


def options_of(product: dict[str, Any]) -> dict[str, list[str]]:
    return {option["name"]: option["values"] for option in product["options"]}


# --- made once ----------------------------------------------------------------------------------------------------------


def test_products_are_made_as_drafts_with_everything_and_read_back_as_planned(sentos: SentosScene) -> None:
    sentos.add_products(garment(1), garment(2, images=[{"url": PICTURE.format(1)}, {"url": PICTURE.format(2)}]))
    found = products(sentos)
    assert found.counts == {"delivered": 2}
    assert (found.report.read_back, found.report.as_planned) == (2, 2)
    made = sentos.shop_products()["Gömlek 2"]
    assert (made["status"], made["vendor"], made["description"], made["product_type"]) == ("DRAFT", "Şık", "<p>Gömlek 2</p>", "")
    assert made["handle"].startswith("gomlek-2-")
    assert options_of(made) == {"Renk": ["Siyah"], "Beden": ["S", "M"]}
    assert [picture["source"] for picture in made["media"]] == [PICTURE.format(1), PICTURE.format(2)]
    there = sentos.variants()["G2-S"]
    assert (there["barcode"], there["price"], there["compare_at_price"], there["tracked"]) == (
        "869G2-S",
        "199.90",
        "249.90",
        True,
    )
    writes = sentos.writes()
    assert sentos.planned(products(sentos).plan) == {}
    assert sentos.writes() == writes


def test_what_is_made_as_the_settings_say(sentos: SentosScene, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PRODUCT_STATUS": "ACTIVE", "PRODUCT_TYPE": "Giyim", "TAGS": '["sentos", "Yeni"]'}.items():
        monkeypatch.setenv(f"SHOPIFY_SENTOS_{name}", value)
    sentos.add_products(garment(1))
    assert products(sentos).report.as_planned == 1
    made = sentos.shop_products()["Gömlek 1"]
    assert (made["status"], made["product_type"], sorted(made["tags"])) == ("ACTIVE", "Giyim", ["Yeni", "sentos"])


@pytest.mark.parametrize(
    ("variants", "options"),
    [
        ([variant("A", "S"), variant("B", "M")], {"Renk": ["Siyah"], "Beden": ["S", "M"]}),
        ([variant("A", "S", ""), variant("B", "M", "")], {"Beden": ["S", "M"]}),
        ([variant("A", None, "Mavi"), variant("B", None, "Mor")], {"Renk": ["Mavi", "Mor"]}),
        ([variant("A", "S", "Mavi"), variant("B", "S", "")], {"Renk": ["Mavi", "Standart"], "Beden": ["S"]}),
        ([variant("A", "S"), variant("B", None)], {"Renk": ["Siyah"], "Beden": ["S", "Standart"]}),
        ([variant("A", "S"), variant("B", "S")], {"Renk": ["Siyah"], "Beden": ["S"], "Kod": ["A", "B"]}),
        ([variant("A", None, ""), variant("B", None, "")], {"Kod": ["A", "B"]}),
        ([variant("A", None, "")], {"Title": ["Default Title"]}),
        ([variant("A", model={"name": "Numara", "value": "42"})], {"Renk": ["Siyah"], "Numara": ["42"]}),
        ([variant("A", model={"name": "", "value": "42"})], {"Renk": ["Siyah"], "Beden": ["42"]}),
        ([variant("A", model={"name": "Renk", "value": "42"})], {"Renk": ["Siyah"], "Beden": ["42"]}),
        ([], {"Title": ["Default Title"]}),
    ],
)
def test_options_from_colour_and_model(sentos: SentosScene, variants: list[Any], options: dict[str, list[str]]) -> None:
    sentos.add_products(garment(1, (), variants=variants))
    found = products(sentos)
    assert found.counts == {"delivered": 1}, (found.held, sentos.outcomes(found.plan))
    assert options_of(sentos.shop_products()["Gömlek 1"]) == options
    assert sentos.planned(products(sentos).plan) == {}


def test_sixty_variants_and_skus_of_every_kind(sentos: SentosScene) -> None:
    skus = [
        "A/1",
        "15\"-D'OR",
        "50%2F",
        "👕-🇹🇷",
        "ÇŞĞİıÖÜ",
        "42",
        "00042",
        "S42",
        "TWIN",
        "twin",
        "a:b OR c",
        "(x)*",
        "back\\slash",
    ]
    many = [variant(f"M-{c}-{n}", f"{n}", c) for c in ("Siyah", "Mavi") for n in range(30)]
    odd = [garment(n, (), sku=f"P{n}", variants=[variant(sku, barcode="")]) for n, sku in enumerate(skus, 2)]
    sentos.add_products(garment(1, (), variants=many), *odd)
    assert products(sentos).counts == {"delivered": 1 + len(skus)}
    sentos.stock()
    there = sentos.variants()
    assert set(there) == {*skus, *(each["sku"] for each in many)}
    assert {sentos.offered(sku) for sku in skus} == {10}
    sentos.count_in("00042", 3)
    sentos.stock()
    assert [sentos.offered(sku) for sku in ("42", "00042", "S42")] == [10, 3, 10]
    assert sentos.planned(products(sentos).plan) == {}


@pytest.mark.parametrize(
    ("hosts", "taken"),
    [
        ("", ["https://cdn.example.com/1.jpg", "https://other.example/2.jpg"]),
        ('["other.example"]', ["https://other.example/2.jpg"]),
    ],
)
def test_pictures_over_https_and_from_the_hosts_of_the_settings(
    sentos: SentosScene, monkeypatch: pytest.MonkeyPatch, hosts: str, taken: list[str]
) -> None:
    monkeypatch.setenv("SHOPIFY_SENTOS_PICTURE_HOSTS", hosts)
    urls = ["https://cdn.example.com/1.jpg", "http://cdn.example.com/1.jpg", "https://other.example/2.jpg", "file:///x", "1.jpg"]
    sentos.add_products(garment(1, images=[{"url": url} for url in [*urls, urls[0]]]))
    products(sentos)
    assert [picture["source"] for picture in sentos.shop_products()["Gömlek 1"]["media"]] == taken


def test_pictures_that_fail_are_told_until_somebody_mends_them_and_never_sent_again(sentos: SentosScene) -> None:
    bad, good = "https://cdn.example.com/missing/1.jpg", PICTURE.format(1)
    sentos.add_products(garment(1, images=[{"url": bad}, {"url": good}]), garment(2, images=[{"url": good}]))
    sentos.shop(settings={"media_seconds": 60 * sentos.sandbox.speed})
    assert products(sentos).counts == {"delivered": 2}
    sentos.sandbox.shopify.clock.skip(60 * sentos.sandbox.speed)
    writes = sentos.writes()
    for _ in range(2):
        products(sentos)
        failed = {"key": "G1", "name": "", "state": "picture", "reason": "IMAGE_DOWNLOAD_FAILURE"}
        assert questions.rejects(10) == ({"picture": 1}, [failed])
    assert sentos.writes() == writes
    sentos.shop(products={"set": {sentos.shop_products()["Gömlek 1"]["id"]: {"media": [good]}}})
    products(sentos)
    assert questions.rejects(10) == ({}, [])


# --- pictures that are new in Sentos ------------------------------------------------------------------------------------


def pictures(n: int, *numbers: int) -> dict[str, Any]:
    return garment(n, images=[{"url": PICTURE.format(number)} for number in numbers])


def sources(scene: SentosScene, title: str = "Gömlek 1") -> list[str]:
    return [picture["source"] for picture in scene.shop_products()[title]["media"]]


@pytest.fixture
def adding(sentos: SentosScene, monkeypatch: pytest.MonkeyPatch) -> SentosScene:
    """Seven products of two pictures each, where Sentos adds its new ones."""
    monkeypatch.setenv("SHOPIFY_SENTOS_PICTURES", "added")
    sentos.add_products(*(pictures(n, 1, 2) for n in range(1, 8)))
    products(sentos)
    return sentos


def test_a_picture_that_is_new_in_sentos_is_added_once_and_none_is_taken_away(adding: SentosScene) -> None:
    own, shop_id = "https://elsewhere.example/own.jpg", adding.shop_products()["Gömlek 1"]["id"]
    adding.shop(products={"set": {shop_id: {"media": [PICTURE.format(1), own]}}})  # somebody took the second one off
    set_product(adding, 1, images=pictures(1, 2, 3)["images"])
    found = products(adding)
    assert (found.counts, found.report.as_planned) == ({"delivered": 1}, 1)
    assert sources(adding) == [PICTURE.format(1), own, PICTURE.format(3)]
    assert adding.planned(products(adding).plan) == {}
    assert sources(adding, "Gömlek 2") == [PICTURE.format(1), PICTURE.format(2)]


def test_pictures_are_left_alone_unless_the_settings_say_so(adding: SentosScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPIFY_SENTOS_PICTURES", "create_only")
    set_product(adding, 1, images=pictures(1, 1, 2, 3)["images"])
    assert adding.planned(products(adding).plan) == {}


def test_a_picture_that_came_before_the_setting_did_is_added(sentos: SentosScene, monkeypatch: pytest.MonkeyPatch) -> None:
    sentos.add_products(*(pictures(n, 1) for n in range(1, 8)))
    products(sentos)
    set_product(sentos, 1, images=pictures(1, 1, 2)["images"])
    monkeypatch.setenv("SHOPIFY_SENTOS_PICTURES", "added")
    assert products(sentos).counts == {"delivered": 1}
    assert sources(sentos) == [PICTURE.format(1), PICTURE.format(2)]


def test_pictures_of_a_product_that_others_made_count_as_given(sentos: SentosScene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shop shows addresses of its own: none of them can be told to be one of Sentos'."""
    monkeypatch.setenv("SHOPIFY_SENTOS_PICTURES", "added")
    own = theirs(sentos)["media"]
    sentos.plan(PRODUCTS, session=sentos.session(PRODUCTS, verb="preview"))  # changes nothing, so it notes nothing either
    set_product(sentos, 1, images=pictures(1, 1)["images"])
    products(sentos)
    assert sentos.shop_products()["Gömlek (elle)"]["media"] == own
    set_product(sentos, 1, images=pictures(1, 1, 2)["images"])
    assert products(sentos).counts == {"delivered": 1}
    assert sources(sentos, "Gömlek (elle)") == ["https://elsewhere.example/own.jpg", PICTURE.format(2)]


@pytest.mark.parametrize("kind", ["lost_reply", "lost_request", "cut_body"])
def test_after_a_lost_answer_no_picture_is_there_twice_and_none_is_missing(adding: SentosScene, kind: str) -> None:
    set_product(adding, 1, images=pictures(1, 1, 2, 3, 4)["images"])
    adding.fault("shopify", "mutation productUpdate", kind)
    products(adding)
    products(adding)
    assert sources(adding) == [PICTURE.format(number) for number in (1, 2, 3, 4)]
    assert adding.planned(products(adding).plan) == {}


def test_a_new_picture_that_fails_is_told(adding: SentosScene) -> None:
    bad = "https://cdn.example.com/missing/1.jpg"
    set_product(adding, 1, images=[{"url": bad}])
    assert products(adding).counts == {"delivered": 1}
    assert questions.rejects(10)[0] == {"picture": 1}


def test_undo_says_that_pictures_stay(adding: SentosScene) -> None:
    set_product(adding, 1, images=pictures(1, 1, 2, 3)["images"])
    found = products(adding)
    undone = adding.undo(PRODUCTS, found.plan)
    assert undone.impossible == (("G1", "pictures of a product are not taken off again"),)
    assert sources(adding) == [PICTURE.format(number) for number in (1, 2, 3)]


# --- what holds a product -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"name": ""}, "it has no title"),
        ({"name": "x" * 256}, "more than 255 characters"),
        ({"brand": "x" * 256}, "more than 255 characters"),
        ({"currency": "USD"}, "Sentos' price is in USD"),
        ({"sale_price": None, "prices": []}, "Sentos has no price"),
        ({"sale_price": 0, "prices": []}, "at a price of zero"),
        ({"variants": [variant("A", "x" * 256)]}, "option's value has more than 255"),
        ({"variants": [variant(f"A{n}", f"{n}") for n in range(101)]}, "101 values of Beden; the shop takes 100"),
        ({"variants": [variant("", "S", barcode="1"), variant("", "M", barcode="2")]}, "no row of it has a SKU"),
    ],
)
def test_what_cannot_be_made_is_held_and_the_others_go(sentos: SentosScene, fields: dict[str, Any], why: str) -> None:
    sentos.add_products({**garment(1), **fields}, garment(2))
    found = products(sentos)
    assert found.counts["delivered"] == 1
    (reason,) = found.held.values()
    assert why in reason


def test_too_many_variants_are_held(sentos: SentosScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPIFY_SENTOS_MAX_VARIANTS", "1")
    sentos.add_products(garment(1), garment(2, ("S",)))
    assert products(sentos).held == {"G1": "conflict: 2 variants; the shop takes 1"}


def test_a_sku_that_two_products_have_is_held_and_its_siblings_go(sentos: SentosScene) -> None:
    sentos.add_products(
        garment(1, (), variants=[variant("TWICE", "S"), variant("A", "M")]),
        garment(2, (), variants=[variant("TWICE", "S"), variant("B", "M")]),
    )
    assert products(sentos).counts == {"delivered": 2}
    assert set(sentos.variants()) == {"A", "B"}
    assert "Sentos has SKU TWICE 2 times" in sentos.stock().held["TWICE"]


def test_a_handle_that_is_taken_is_not_written_over(sentos: SentosScene) -> None:
    (number,) = sentos.add_products(garment(1))
    sentos.shop(products={"add": [{"title": "Theirs", "handle": f"gomlek-1-{number}", "variants": [{"sku": "X"}]}]})
    found = products(sentos)
    assert found.counts == {"drifted": 1}
    assert sentos.shop_products()["Theirs"]["variants"][0]["sku"] == "X"


# --- what is there already ----------------------------------------------------------------------------------------------


def theirs(scene: SentosScene, **changes: Any) -> dict[str, Any]:
    """The first product of Sentos, typed in by hand in the shop: other names of options, a variant and a picture of its own."""
    by_hand = {
        "title": "Gömlek (elle)",
        "status": "ACTIVE",
        "tags": ["yaz", "indirim"],
        "options": [{"name": "Color", "values": ["Siyah"]}, {"name": "Size", "values": ["S", "M", "XXL"]}],
        "media": ["https://elsewhere.example/own.jpg"],
        "variants": [
            {"sku": "G1-S", "option_values": ["Siyah", "S"], "price": "199.90", "inventory": {MAIN: 1}},
            {"sku": "OWN", "option_values": ["Siyah", "XXL"], "price": "5.00", "inventory": {MAIN: 4}},
        ],
        **changes,
    }
    scene.add_products(garment(1))
    scene.shop(products={"add": [by_hand]})
    return scene.shop_products()["Gömlek (elle)"]


def test_what_others_made_stays_and_a_missing_variant_is_added_under_the_shops_names(
    sentos: SentosScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOPIFY_SENTOS_TAGS", '["sentos"]')
    before = theirs(sentos)
    found = products(sentos)
    assert found.counts == {"delivered": 1}
    assert found.report.as_planned == 1
    after = sentos.shop_products()["Gömlek (elle)"]
    assert (after["id"], after["status"], after["media"]) == (before["id"], "ACTIVE", before["media"])
    assert sorted(after["tags"]) == ["indirim", "sentos", "yaz"]
    assert options_of(after) == {"Color": ["Siyah"], "Size": ["S", "M", "XXL"]}
    assert sorted(v["sku"] for v in after["variants"]) == ["G1-M", "G1-S", "OWN"]
    there = sentos.variants()
    assert (there["G1-M"]["option_values"], there["G1-M"]["price"]) == (["Siyah", "M"], "199.90")
    assert there["G1-S"]["barcode"] == "869G1-S"
    assert (there["OWN"]["price"], sentos.offered("OWN")) == ("5.00", 4)
    assert sentos.planned(products(sentos).plan) == {}


def test_a_variant_is_not_added_where_the_options_do_not_fit(sentos: SentosScene) -> None:
    theirs(
        sentos, options=[{"name": "Size", "values": ["S"]}], variants=[{"sku": "G1-S", "option_values": ["S"], "price": "199.90"}]
    )
    assert "whose product has the options Size; Sentos has Renk, Beden" in products(sentos).held["G1"]


def test_a_new_variant_in_sentos_is_added_once(sentos: SentosScene) -> None:
    sentos.add_products(garment(1))
    products(sentos)
    set_product(sentos, 1, variants=[*next(iter(sentos.erp_products().values()))["variants"], variant("G1-L", "L", pieces=4)])
    assert products(sentos).counts == {"delivered": 1}
    sentos.stock()
    assert sentos.offered("G1-L") == 4
    assert sentos.planned(products(sentos).plan) == {}


@pytest.mark.parametrize("kind", ["lost_reply", "lost_request"])
def test_a_lost_answer_to_an_added_variant_adds_none_twice(sentos: SentosScene, kind: str) -> None:
    theirs(sentos)
    sentos.fault("shopify", "mutation productVariantsBulkCreate", kind)
    products(sentos)
    products(sentos)
    skus = [v["sku"] for v in sentos.shop_products()["Gömlek (elle)"]["variants"]]
    assert sorted(skus) == ["G1-M", "G1-S", "OWN"]
    assert sentos.planned(products(sentos).plan) == {}


def test_a_variant_that_is_found_by_its_barcode_gets_the_sku(sentos: SentosScene) -> None:
    sentos.add_products(garment(1, ("S",)))
    by_hand = {"sku": None, "barcode": "869G1-S", "price": "199.90"}
    sentos.shop(products={"add": [{"title": "Elle", "variants": [by_hand]}]})
    assert products(sentos).counts == {"delivered": 1}
    assert sentos.shop_products()["Elle"]["variants"][0]["sku"] == "G1-S"
    assert sentos.planned(products(sentos).plan) == {}


def test_a_sku_that_was_renamed_is_held(sentos: SentosScene) -> None:
    sentos.add_products(garment(1, ("S",)), garment(2))
    products(sentos)
    set_product(sentos, 1, variants=[variant("NEW", "S", barcode="869G1-S")])
    assert "renamed: the shop has barcode 869G1-S under SKU G1-S" in products(sentos).held["G1"]
    assert "NEW" not in sentos.variants()


def test_a_product_that_is_archived_in_the_shop_is_held(sentos: SentosScene) -> None:
    made = theirs(sentos)
    sentos.shop(products={"set": {made["id"]: {"status": "ARCHIVED"}}})
    assert products(sentos).held == {"G1": "conflict: it is archived in the shop"}


def test_words_are_kept_in_step_only_where_the_settings_say_so(sentos: SentosScene, monkeypatch: pytest.MonkeyPatch) -> None:
    sentos.add_products(*(garment(n) for n in range(1, 9)))
    products(sentos)
    set_product(sentos, 1, name="Başka")
    assert sentos.planned(products(sentos).plan) == {}
    monkeypatch.setenv("SHOPIFY_SENTOS_TITLE", "owned")
    found = products(sentos)
    if found.held:  # the record is older than the setting
        release(sentos.ledger, sentos.files, found.plan.id, ["G1"], "ours from now on")
        found = products(sentos)
    assert "Başka" in sentos.shop_products()
    sentos.shop(products={"set": {sentos.shop_products()["Başka"]["id"]: {"title": "Elle"}}})
    assert products(sentos).held["G1"].startswith("foreign_edit")


# --- calls that go wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["lost_reply", "lost_request", "cut_body", "html"])
def test_after_a_lost_answer_no_product_is_made_twice(sentos: SentosScene, kind: str) -> None:
    sentos.add_products(garment(1), garment(2))
    sentos.fault("shopify", MAKE, kind)
    for _ in range(2):
        try:
            products(sentos)
        except (DeliveryError, VendorError):
            sentos.clear_faults()
    titles = [product["title"] for product in sentos.sandbox.shopify.state()["products"]]
    assert sorted(titles) == ["Gömlek 1", "Gömlek 2"]
    assert sentos.planned(products(sentos).plan) == {}
    sentos.stock()
    assert sentos.offered("G1-S") == 10


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("after", [False, True])
def test_a_process_that_is_killed_at_its_call_makes_none_twice(sentos: SentosScene, number: int, *, after: bool) -> None:
    sentos.add_products(garment(1), garment(2))

    def killed() -> None:
        raise Killed

    sentos.interrupt(documents.MAKE_PRODUCT, killed, after=after, skip=number)
    with pytest.raises(Killed):
        products(sentos)
    products(sentos)
    products(sentos)
    titles = [product["title"] for product in sentos.sandbox.shopify.state()["products"]]
    assert sorted(titles) == ["Gömlek 1", "Gömlek 2"]
    assert sentos.planned(products(sentos).plan) == {}


# --- back, and gone -----------------------------------------------------------------------------------------------------


def test_undo_archives_what_was_made(sentos: SentosScene) -> None:
    sentos.add_products(garment(1), garment(2))
    found = products(sentos)
    assert sentos.undo(PRODUCTS, found.plan).counts == {"delivered": 2}
    assert {product["status"] for product in sentos.shop_products().values()} == {"ARCHIVED"}
    assert sentos.planned(products(sentos).plan) == {}


@pytest.mark.parametrize("change", [{"status": "ACTIVE"}, {"title": "Güzel Gömlek"}, {"vendor": "Biz"}])
def test_undo_leaves_what_somebody_changed_since(sentos: SentosScene, change: dict[str, str]) -> None:
    sentos.add_products(garment(1), garment(2))
    found = products(sentos)
    product = sentos.shop_products()["Gömlek 1"]["id"]
    sentos.shop(products={"set": {product: change}})
    assert sentos.undo(PRODUCTS, found.plan).counts == {"delivered": 1, "drifted": 1}
    now = {p["id"]: p["status"] for p in sentos.shop_products().values()}
    assert now.pop(product) != "ARCHIVED"
    assert set(now.values()) == {"ARCHIVED"}


def test_undo_takes_back_the_tags_that_it_added(sentos: SentosScene, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs(sentos, variants=[{"sku": f"G1-{s}", "option_values": ["Siyah", s], "barcode": f"869G1-{s}"} for s in "SM"])
    monkeypatch.setenv("SHOPIFY_SENTOS_TAGS", '["sentos"]')
    found = products(sentos)
    assert sorted(sentos.shop_products()["Gömlek (elle)"]["tags"]) == ["indirim", "sentos", "yaz"]
    assert sentos.undo(PRODUCTS, found.plan).counts == {"delivered": 1}
    assert sorted(sentos.shop_products()["Gömlek (elle)"]["tags"]) == ["indirim", "yaz"]


def gone(scene: SentosScene, n: int) -> None:
    number = next(i for i, product in scene.erp_products().items() if product["sku"] == f"G{n}")
    scene.erp(delete=[number])


def test_what_we_made_and_sentos_has_no_more_is_archived_if_the_settings_say_so(
    sentos: SentosScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentos.add_products(*(garment(n, ("S",)) for n in range(1, 61)))
    products(sentos)
    gone(sentos, 1)
    for _ in range(3):
        assert sentos.planned(products(sentos).plan) == {}
    monkeypatch.setenv("SHOPIFY_SENTOS_ARCHIVE_GONE", "true")
    gone(sentos, 2)
    found = products(sentos)
    assert sentos.planned(found.plan) == {"G1": "remove"}, found.held  # the other was missed by one reading only
    assert sentos.planned(products(sentos).plan) == {"G2": "remove"}
    there = {title for title, product in sentos.shop_products().items() if product["status"] == "ARCHIVED"}
    assert there == {"Gömlek 1", "Gömlek 2"}
    assert sentos.planned(products(sentos).plan) == {}


def test_what_others_made_is_never_archived(sentos: SentosScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPIFY_SENTOS_ARCHIVE_GONE", "true")
    theirs(sentos)
    sentos.add_products(*(garment(n) for n in range(2, 9)))
    products(sentos)
    gone(sentos, 1)
    for _ in range(3):
        assert sentos.planned(products(sentos).plan) == {}
    assert sentos.shop_products()["Gömlek (elle)"]["status"] == "ACTIVE"


@pytest.mark.parametrize("renamed", [True, False])
def test_a_product_whose_own_sku_changes_is_not_gone(
    sentos: SentosScene, monkeypatch: pytest.MonkeyPatch, *, renamed: bool
) -> None:
    """It is renamed, or another product gets the same SKU: then we know it under another key."""
    monkeypatch.setenv("SHOPIFY_SENTOS_ARCHIVE_GONE", "true")
    sentos.add_products(*(garment(n, ("S",)) for n in range(1, 61)))
    products(sentos)
    if renamed:
        set_product(sentos, 1, sku="NEW")
    else:
        sentos.add_products(garment(61, sku="G1"))
    for _ in range(3):
        products(sentos)
    assert "ARCHIVED" not in {product["status"] for product in sentos.shop_products().values()}


def test_only_the_products_that_are_named(sentos: SentosScene) -> None:
    sentos.add_products(garment(1), garment(2))
    assert products(sentos, only=["G2-S"]).counts == {"delivered": 1}
    assert set(sentos.shop_products()) == {"Gömlek 2"}
    assert Decimal(sentos.variants()["G2-S"]["price"]) == Decimal("199.90")
