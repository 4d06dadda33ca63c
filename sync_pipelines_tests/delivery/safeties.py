"""Every safety of the delivery core, as the change of the source that takes it out, with the tests that must fail then."""

from __future__ import annotations

import re
from dataclasses import dataclass

PLANS, APPLYING, MIGRATIONS, GUARDS, RETENTION = (
    "test_several_plans.py",
    "test_applying.py",
    "test_migrations.py",
    "test_guards.py",
    "test_retention.py",
)
MATRIX, UNDOING, PLANNING = "test_kill_matrix.py", "test_undoing.py", "test_planning.py"


@dataclass(frozen=True)
class Safety:
    """`old` appears exactly once in `file` (below `code`), however it is broken into lines; with `new` in its place one of
    `tests` (below `tests_in`) fails."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    code: str = "sync_pipelines/delivery"
    tests_in: str = "sync_pipelines_tests/delivery"

    def __str__(self) -> str:
        return self.name.replace(" ", "-")

    def places(self, source: str) -> list[slice]:
        """Where `old` stands in the source."""
        pattern = r"\s*".join(re.escape(sign) for sign in self.old if not sign.isspace())
        return [slice(*found.span()) for found in re.finditer(pattern, source)]

    def taken_out(self, source: str) -> str:
        """The source with `new` in the place of `old`, from its first sign on: the indentation before it is there already."""
        (place,) = self.places(source)
        return source[: place.start] + self.new.lstrip() + source[place.stop :]


SAFETIES = (
    Safety(
        "no wait until a call can land no more",
        "settling.py",
        'self._until(doubts, lands, "a call without an answer may still land")',
        "pass",
        (f"{PLANS}::test_the_old_value_of_a_call_in_doubt_never_lands_after_a_newer_one",),
    ),
    Safety(
        "no wait before the second look",
        "settling.py",
        'self._until(again, lambda d: lands(d) + shows, "the target may not show it yet")',
        "pass",
        (f"{PLANS}::test_a_repeatable_call_that_shows_only_after_it_could_land_is_not_taken_for_lost",),
    ),
    Safety(
        "no second look",
        "settling.py",
        "answers.update(self._look(again, steps))",
        "pass",
        (f"{PLANS}::test_a_repeatable_call_that_shows_only_after_it_could_land_is_not_taken_for_lost",),
    ),
    Safety(
        "a repeatable step is looked at once",
        "settling.py",
        "if self.target.settles_within:\n            return any(isinstance(a, NotApplied | Stale)",
        "if self.target.settles_within and not step.repeatable:\n            return any(isinstance(a, NotApplied | Stale)",
        (f"{PLANS}::test_a_repeatable_call_that_shows_only_after_it_could_land_is_not_taken_for_lost",),
    ),
    Safety(
        "doubts age from the intent",
        "journal.py",
        "boot=self.ledger.boot, monotonic=self.ledger.clock.monotonic(),\n                )\n            )\n            add_outcomes(tx, ended",
        ")\n            )\n            add_outcomes(tx, ended",
        (f"{PLANS}::test_a_call_that_is_done_is_waited_for_from_when_its_answer_came",),
    ),
    Safety(
        "a doubt does not block its key in a plan",
        "planning.py",
        'if row["key"] in self.doubtful:',
        "if False:",
        (f"{APPLYING}::test_a_doubt_that_cannot_be_settled_ends_unknown_and_blocks_its_key",),
    ),
    Safety(
        "a doubt does not block its key in apply",
        "worklist.py",
        "WHEN list_contains($doubtful::VARCHAR[], p.key) THEN 'doubtful'",
        "WHEN false THEN 'doubtful'",
        (f"{PLANS}::test_a_row_in_doubt_is_not_sent_by_the_plan_that_has_it",),
    ),
    Safety(
        "an open intent is not in doubt",
        "journal.py",
        'state="open", doubtful=rows',
        'state="answered", doubtful=rows',
        (f"{PLANS}::test_a_create_in_doubt_that_a_person_edited_is_ours_and_not_overwritten",),
    ),
    Safety(
        "the lease is not checked with an answer",
        "journal.py",
        "self.lease.check(tx)\n            yield tx",
        "yield tx",
        (f"{PLANS}::test_a_process_that_lost_its_lease_in_a_call_notes_nothing_over_what_came_since",),
    ),
    Safety(
        "the lease is not checked while waiting",
        "waiting.py",
        "self.lease.check(tx)\n\n    def asked",
        "pass\n\n    def asked",
        (f"{PLANS}::test_a_lease_that_was_lost_while_waiting_is_noticed_then",),
    ),
    Safety(
        "a process that stood still sends all the same",
        "applying.py",
        "if self.ledger.clock.monotonic() - self.journal.intended_at > FRESH_LEASE:",
        "if False:",
        (f"{PLANS}::test_a_process_that_stood_still_before_its_call_does_not_send",),
    ),
    Safety(
        "a plan counts the rows of a run at work as held",
        "planning.py",
        "refuse_if_written(self.ledger, self.target.account)",
        "pass",
        (f"{APPLYING}::test_regression_a_plan_waits_for_a_live_run_and_calls_none_of_its_rows_held",),
    ),
    Safety(
        "a plan counts the rows of a run that just ended as held",
        "planning.py",
        "if self.ledger.doubts(self.target.account) != self.doubts:",
        "if False:",
        (f"{APPLYING}::test_a_run_that_began_and_ended_while_a_plan_was_made_makes_it_busy",),
    ),
    Safety(
        "a run without doubts does not look who writes",
        "applying.py",
        "    refuse_if_written(ledger, target.account)\n    if not ledger.doubts",
        "    if not ledger.doubts",
        (f"{APPLYING}::test_a_run_that_means_to_write_looks_first_who_else_does",),
    ),
    Safety(
        "a dead run's lease is never taken over",
        "lease.py",
        'return bool(process_start(holder["pid"]) == holder["born"])',
        "return True",
        (f"{APPLYING}::test_the_lease_of_a_dead_process_of_this_host_is_taken_over_at_once",),
    ),
    Safety(
        "another container's holder is taken for dead",
        "lease.py",
        'and holder.get("namespace") in (None, namespace())',
        "",
        (f"{PLANS}::test_a_holder_in_another_container_of_the_same_name_is_not_taken_for_dead",),
    ),
    Safety(
        "rows are not read again",
        "reading_back.py",
        "return not all(s.compares for s in self.target.steps)",
        "return False",
        (f"{APPLYING}::test_a_row_edited_between_plan_and_apply_drifts_and_is_left_alone",),
    ),
    Safety(
        "a newer plan's rows are overwritten",
        "worklist.py",
        "WHEN r.seq > $seq THEN 'overtaken'",
        "WHEN false THEN 'overtaken'",
        (f"{PLANS}::test_an_older_plan_never_goes_over_what_a_newer_one_wrote",),
    ),
    Safety(
        "a plan that was overtaken is begun",
        "applying.py",
        "_refuse_what_is_overtaken(row, ledger)\n        target.renew()",
        "target.renew()",
        (f"{APPLYING}::test_a_plan_older_than_what_was_applied_last_is_refused",),
    ),
    Safety(
        "a pass goes on after a wait",
        "applying.py",
        "while parts and not self.stale:",
        "while parts:",
        (f"{PLANS}::test_after_a_wait_no_half_of_a_refused_batch_goes_out_unread",),
    ),
    Safety(
        "a stopped plan is applied",
        "applying.py",
        "    _refuse_unless_lifted(plan, ledger)\n",
        "    pass\n",
        (f"{GUARDS}::test_too_many_moving_rows_stop_the_plan_before_the_first_write",),
    ),
    Safety(
        "held rows go",
        "worklist.py",
        "SELECT p.row, p.key, p.action, p.held, p.holds, p.reason, p.held IS NULL OR (",
        "SELECT p.row, p.key, p.action, p.held, p.holds, p.reason, true OR (",
        (f"{GUARDS}::test_a_price_that_moves_too_far_or_to_zero_is_held_and_the_others_go",),
    ),
    Safety(
        "a seal is not checked",
        "plans.py",
        'if row["seal"] is not None and seal_of(path) != row["seal"]:',
        "if False:",
        (f"{PLANS}::test_a_plan_that_was_edited_is_neither_applied_nor_undone_nor_released",),
    ),
    Safety(
        "what was just written counts as old",
        "staging.py",
        "if not settles:",
        "if settles or not settles:",
        (f"{PLANS}::test_our_own_older_state_is_not_adopted_while_the_target_may_still_show_it",),
    ),
    Safety(
        "an undo does not wait for what shows late",
        "worklist.py",
        "ELSE {AS_RECORDED} <> 'same' END THEN 'settling'",
        "ELSE false END THEN 'settling'",
        (f"{PLANS}::test_an_undo_within_the_lag_takes_back_what_does_not_show_yet",),
    ),
    Safety(
        "ages follow the wall clock",
        "staging.py",
        'here = (r.boot == ledger.boot) & (r.boot != "")',
        "here = sa.false()",
        (f"{PLANS}::test_the_age_of_a_write_does_not_follow_the_wall_clock",),
    ),
    Safety(
        "a release is not used up",
        "journal.py",
        "            tx.execute(over, used)",
        "            pass",
        (f"{PLANS}::test_a_release_is_used_up_and_an_undo_after_it_holds_again",),
    ),
    Safety(
        "a release never ends by itself",
        "releasing.py",
        "r.expires_at > stamp(now), ",
        "",
        (f"{PLANS}::test_a_release_that_nobody_uses_ends_after_a_week_and_when_the_source_wants_something_else",),
    ),
    Safety(
        "a release answers every kind",
        "planning.py",
        "if kind not in released or kind not in RELEASABLE]",
        "if not released]",
        (f"{GUARDS}::test_rows_are_released_by_the_kind_of_their_hold_and_for_nothing_else_that_holds_them",),
    ),
    Safety(
        "an undone value is not held",
        "journal.py",
        "if undo:\n            put(tx, tables.hold",
        "if False:\n            put(tx, tables.hold",
        (f"{PLANS}::test_an_undone_value_stays_undone_when_the_settings_own_one_more_field",),
    ),
    Safety(
        "an undo's hold never ends",
        "planning.py",
        'self.over["holds"].append(key)',
        "self.undone.add(key)",
        (f"{PLANS}::test_an_undo_ends_when_the_source_has_wanted_something_else_since",),
    ),
    Safety(
        "what is gone is made again",
        "planning.py",
        "if ours and self.target.gone(before):",
        "if False:",
        (f"{PLANNING}::test_a_record_we_made_that_is_gone_is_not_made_again_silently",),
    ),
    Safety(
        "a person's edit is overwritten",
        "planning.py",
        'return [("foreign_edit", f"changed at the target since we wrote it',
        'return [] and [("foreign_edit", f"changed at the target since we wrote it',
        (f"{PLANNING}::test_a_hand_edit_since_our_last_write_is_held_and_overwritten_only_on_request",),
    ),
    Safety(
        "half made records are not compared",
        "planning.py",
        'elif ours in ("present", "partial") and',
        'elif ours == "present" and',
        (f"{PLANS}::test_a_persons_edit_of_a_half_made_record_is_held",),
    ),
    Safety(
        "created outlives the record",
        "tables.py",
        "(new.state == absent, no), (over, new.created), (old.created",
        "(old.created",
        (f"{PLANS}::test_what_a_person_makes_under_a_key_that_we_removed_is_never_removed",),
    ),
    Safety(
        "steps of other plans count",
        "worklist.py",
        "CASE WHEN r.plan = $plan AND r.state = 'partial' THEN r.done ELSE '[]' END AS done",
        "coalesce(r.done, '[]') AS done",
        (f"{PLANS}::test_steps_that_an_older_plan_took_are_not_taken_for_those_of_a_newer_one",),
    ),
    Safety(
        "steps that a read cannot show are taken for done",
        "worklist.py",
        "THEN 'due' ELSE 'as_wanted' END",
        "THEN 'as_wanted' ELSE 'as_wanted' END",
        (f"{PLANS}::test_a_step_that_a_read_cannot_show_is_still_due_when_the_rest_is_as_wanted",),
    ),
    Safety(
        "absence is compared after values",
        "fingerprints.py",
        "            return self.gone(one) == self.gone(other)",
        "            pass",
        (f"{PLANS}::test_a_create_that_never_arrived_is_not_delivered_because_what_we_own_of_it_is_empty",),
    ),
    Safety(
        "another record under the same key is ours",
        "planning.py",
        "if live_id and known_id and live_id != known_id:\n            return None",
        "if False:\n            return None",
        (f"{PLANS}::test_another_record_under_our_key_is_not_ours",),
    ),
    Safety(
        "another record under the same key is written",
        "worklist.py",
        "WHEN p.action <> 'create' AND p.remote_id <> l.remote_id THEN 'drifted'",
        "WHEN false THEN 'drifted'",
        (f"{PLANS}::test_a_record_that_was_replaced_since_the_plan_is_drifted",),
    ),
    Safety(
        "small lists are not measured",
        "guards.py",
        '{**large, **({" of the small ones together": small} if large and small else {})}',
        "{**large}",
        (f"{PLANS}::test_a_share_is_measured_of_the_whole_plan_too",),
    ),
    Safety(
        "removals without a share go",
        "planning.py",
        'if not self.baseline(row["parent"]):',
        "if False:",
        (f"{PLANS}::test_a_list_too_small_to_measure_is_emptied_by_a_person_only_in_every_run",),
    ),
    Safety(
        "an emptied target stops nothing",
        "guards.py",
        '"stopped" if summary.vanished * 2 > summary.written else "clear"',
        '"clear"',
        (f"{PLANS}::test_a_target_that_somebody_emptied_stops_the_plan_and_says_so",),
    ),
    Safety(
        "an outcome is changed later",
        "tables.py",
        "ADD_OUTCOME = upsert_into(outcome).on_conflict_do_nothing()",
        'ADD_OUTCOME = upsert_into(outcome).on_conflict_do_update(index_elements=["plan", "row"], set_={"state": upsert_into(outcome).excluded.state})',
        (f"{PLANS}::test_an_outcome_is_written_once",),
    ),
    Safety(
        "plans in doubt are pruned",
        "retention.py",
        ", p.id.not_in(open_calls))",
        ")",
        (f"{RETENTION}::test_a_finished_plan_of_which_a_row_ended_unknown_is_kept_until_that_is_settled",),
    ),
    Safety(
        "a plan in doubt is undone",
        "undoing.py",
        'if doubts := [d for d in ledger.doubts(target.account) if d.plan == original["id"]]:',
        "if doubts := []:",
        (f"{PLANS}::test_a_plan_with_a_call_in_doubt_is_not_undone",),
    ),
    Safety(
        "the key of a call is not stable",
        "applying.py",
        'key = blake2b(f"{self.plan.id}/',
        'key = blake2b(f"{self.writes}{self.plan.id}/',
        (f"{PLANS}::test_the_same_call_carries_the_same_key_when_it_is_sent_again",),
    ),
    Safety(
        "the target is not renewed under the lease",
        "applying.py",
        "        target.renew()\n        return _Application",
        "        return _Application",
        (f"{PLANS}::test_what_a_target_saw_before_the_account_was_held_is_renewed",),
    ),
    Safety(
        "a write reads before it has the lock",
        "ledger.py",
        '"BEGIN IMMEDIATE"',
        '"BEGIN"',
        (f"{PLANS}::test_two_processes_never_both_hold_an_account",),
    ),
    Safety(
        "commits are not flushed",
        "ledger.py",
        "PRAGMA synchronous=FULL",
        "PRAGMA synchronous=OFF",
        (f"{PLANS}::test_what_is_committed_is_on_the_disk",),
    ),
    Safety(
        "plan files are not flushed",
        "plans.py",
        "        _sync(self._draft)\n",
        "",
        (f"{PLANS}::test_what_is_committed_is_on_the_disk",),
    ),
    Safety(
        "the names of plan files are not flushed",
        "plans.py",
        "        _sync(self.files.folder)\n",
        "",
        (f"{PLANS}::test_what_is_committed_is_on_the_disk",),
    ),
    Safety(
        "a newer ledger is opened",
        "migrations/__init__.py",
        "if found not in KNOWN:",
        "if False:",
        (f"{MIGRATIONS}::test_a_ledger_of_a_later_version_is_refused_and_left_alone",),
    ),
    Safety(
        "no copy before a migration",
        "migrations/__init__.py",
        "    draft.replace(copy)\n",
        "    draft.unlink()\n",
        (f"{MIGRATIONS}::test_the_copy_holds_what_was_there_before",),
    ),
    Safety(
        "a plan without all outcomes is done",
        "applying.py",
        "if planned != (ended :=",
        "if False and planned != (ended :=",
        (f"{PLANS}::test_a_plan_is_not_done_while_a_row_has_no_outcome",),
    ),
)
