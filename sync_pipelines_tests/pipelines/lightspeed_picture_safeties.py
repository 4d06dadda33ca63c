"""Every safety of pictures for a Lightspeed store, as the change of the source that takes it out, with the tests that must fail then."""

from __future__ import annotations

from functools import partial

from sync_pipelines_tests.delivery import safeties

Safety = partial(safeties.Safety, code="sync_pipelines/pipelines/lightspeed_pictures", tests_in="sync_pipelines_tests/pipelines")
FILES, MATCHING = "test_lightspeed_picture_files.py", "test_lightspeed_picture_matching.py"
SENDING, OWNERS = "test_lightspeed_pictures.py", "test_lightspeed_picture_owners.py"

SAFETIES = (
    Safety(
        "a picture is sent again while the store works on it",
        "target.py",
        "if image := intent.handles.get(change.key):",
        'if image := "":',
        (f"{SENDING}::TestTheStoreTakesItsTime::test_what_is_not_ready_then_is_looked_at_by_later_runs_and_never_sent_again",),
    ),
    Safety(
        "a picture that came to nothing goes with every run",
        "planning.py",
        "if each.key in broken and each.key not in asked:",
        "if False:",
        (f"{SENDING}::TestTheStoreTakesItsTime::test_what_it_can_make_nothing_of_is_rejected_and_goes_again_only_when_asked",),
    ),
    Safety(
        "undo takes away what the store had before",
        "target.py",
        "if change.key in self._not_ours.by_key:",
        "if False:",
        (f"{SENDING}::TestSending::test_a_picture_that_the_store_had_before_is_not_taken_away",),
    ),
    Safety(
        "what was sent by a call without an answer is not ours",
        "target.py",
        "self._may_have_been_sent(change)\n                found",
        "found",
        (f"{OWNERS}::TestUndo::test_of_what_a_run_sent_that_was_killed_takes_it_away",),
    ),
    Safety(
        "after a lost answer everything is ours",
        "target.py",
        "before = self._shown_before.by_key[key].split()",
        "before = ()",
        (f"{OWNERS}::TestUndo::test_leaves_a_picture_that_was_there_before_an_answer_was_lost",),
    ),
    Safety(
        "what a variant does not show its family does not have",
        "owners.py",
        "FROM live WHERE family IN (SELECT family FROM found)",
        "FROM live WHERE id IN (SELECT id FROM found)",
        (f"{OWNERS}::TestAFamily::test_whose_pictures_only_its_parent_shows_keeps_them_on_undo",),
    ),
    Safety(
        "a family is sent a picture for each of its variants",
        "planning.py",
        "owner = product.sku if of_variant else product.owner",
        "owner = product.sku",
        (f"{OWNERS}::TestAFamily::test_has_each_picture_once_whichever_variant_it_is_named_by",),
    ),
    Safety(
        "a file that was changed since is sent",
        "target.py",
        'if not sha256(content).hexdigest().startswith(fields["digest"]):',
        "if False:",
        (f"{SENDING}::TestFaults::test_a_file_that_changes_between_plan_and_apply_is_not_sent",),
    ),
    Safety(
        "every step of a run waits anew",
        "target.py",
        "self.waited.setdefault(image, until)",
        "until",
        (f"{OWNERS}::TestWaiting::test_is_not_begun_anew_by_every_step_of_a_run",),
    ),
    Safety(
        "the same few are asked for again and again",
        "target.py",
        "key=self._asked.__getitem__",
        "key=lambda _: 0",
        (f"{OWNERS}::TestWaiting::test_for_many_that_never_come_hides_none_of_which_nothing_will_come",),
    ),
    Safety(
        "a token without the scope begins to send",
        "planning.py",
        "rights_probe.refuse_without(target.store.client, [pictures.WRITE])",
        "pass",
        (f"{SENDING}::TestFaults::test_a_missing_scope_is_named_before_the_first_picture",),
    ),
    Safety(
        "a version that is only read is written",
        "planning.py",
        "refuse_old_version()\n            rights_probe",
        "rights_probe",
        (f"{SENDING}::TestFaults::test_a_version_that_can_only_be_read_is_named",),
    ),
    Safety(
        "options decide between families",
        "picture_matching.py",
        "if len({product.family for product in found}) > 1:",
        "if False:",
        (f"{MATCHING}::test_options_do_not_decide_between_families",),
    ),
    Safety(
        "one kind of code comes before another",
        "picture_matching.py",
        "return {product: how for product, _, how in literally or found}",
        "return {product: how for product, _, how in (literally or found)[-1:]}",
        (f"{MATCHING}::test_a_code_that_several_products_have_is_a_tie_whatever_kind_of_code_it_is",),
    ),
    Safety(
        "a position is the last digit of a number",
        "picture_matching.py",
        "THEN same(plain) ELSE plain END",
        "THEN same(plain) ELSE same(plain) END",
        (f"{MATCHING}::test_a_name_belongs_to_the_longest_code_that_it_begins_with",),
    ),
    Safety(
        "a position is the last digit of an ISBN",
        "picture_matching.py",
        "forms_of(beginning) if length in _GROUPS else [beginning]",
        "forms_of(beginning)",
        (f"{MATCHING}::test_a_name_belongs_to_the_longest_code_that_it_begins_with",),
    ),
    Safety(
        "a code that only means the same ties with one that is the same",
        "picture_matching.py",
        "in literally or found}",
        "in found}",
        (f"{MATCHING}::test_what_is_written_just_so_comes_before_what_only_means_the_same",),
    ),
    Safety(
        "links lead out of the folder",
        "picture_files.py",
        "if path.is_symlink():",
        "if False:",
        (f"{FILES}::test_links_are_not_followed",),
    ),
    Safety(
        "a folder that cannot be read is passed over",
        "picture_files.py",
        "os.walk(folder, onerror=_refuse)",
        "os.walk(folder)",
        (f"{FILES}::test_a_folder_in_a_folder_that_cannot_be_read_is_not_passed_over",),
    ),
    Safety(
        "whatever is called jpg is sent",
        "picture_files.py",
        "if kind not in MEDIA:",
        "if False:",
        (f"{FILES}::test_what_cannot_be_sent_says_what_to_do",),
    ),
    Safety(
        "a picture of any size is read",
        "picture_files.py",
        "if size > largest:",
        "if False:",
        (f"{FILES}::test_what_cannot_be_sent_says_what_to_do",),
    ),
    Safety(
        "two pictures are written to one place",
        "in_store.py",
        "if often[str(place).casefold()] == 1 else",
        "if True else",
        (f"{OWNERS}::TestDownload::test_gives_each_picture_a_name_of_its_own",),
    ),
    Safety(
        "a download overwrites",
        "in_store.py",
        'if any((place.parent / f"{place.name}.{kind}").exists() for kind in KINDS):',
        "if False:",
        (f"{OWNERS}::TestDownload::test_overwrites_nothing",),
    ),
)
