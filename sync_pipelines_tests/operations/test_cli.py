"""The command line as a person uses it: a child process per command, the sandbox behind it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values

from sync_pipelines_tests import forked
from sync_pipelines_tests.pipelines.merchant import plain_items, price, set_prices
from vendor_sandbox import Sandbox

P = "catsy_sparklayer"


def run(*arguments: str, code: int | None = 0, stdin: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    done = forked.command(arguments, {**os.environ, **env}, stdin, timeout=100)
    assert code is None or done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def answer(*arguments: str, code: int = 0, **env: str) -> Any:
    return json.loads(run(*arguments, "--json", code=code, **env).stdout)


def test_a_person_previews_syncs_looks_traces_and_takes_back(sandbox: Sandbox, own_folder: Path) -> None:
    preview = answer("preview", P)
    assert sandbox.vendors["sparklayer"].state()["writes"] == 0
    assert preview["counts"]["create"] == 250
    assert preview["calls"]["used"] == preview["calls"]["minimum"] == 4
    assert {"pipeline", "run_id", "plan_id", "counts", "source_rejects", "calls", "seconds"} <= set(preview)

    sync = answer("sync", P, "--limit", "100")
    assert sync["counts"]["delivered"] == 100
    assert sync["counts"]["skipped"] == 150
    sku = next(i["sku"] for i in plain_items(sandbox, 300) if price(sandbox, i["sku"]) is not None)

    story = answer("trace", P, sku)
    assert story["mapped"][0]["state"] == "desired"
    assert story["source"][0]["sku"] == sku
    assert story["live"][f"wholesale/{sku}"]

    first = answer("status", P)[0]
    assert first["last_run"]["state"] == "done"
    assert first["records"] == 100
    assert first["source_rejects"] == sync["source_rejects"] == preview["source_rejects"]
    assert [r["verb"] for r in answer("history", P)] == ["sync", "preview"]
    rejects = answer("errors", P)[0]["source_rejects"]
    assert rejects["total"] == sync["source_rejects"] == sum(rejects["by_state"].values())
    assert len(rejects["rows"]) == 20 < rejects["total"]
    assert f"20 of {rejects['total']} source rows; all of them: sync-pipelines errors {P} --all" in run("errors", P).stdout

    writes = sandbox.vendors["sparklayer"].state()["writes"]
    foreseen = answer("undo", P, "--run", sync["run_id"][:8], "--dry-run")
    assert foreseen["counts"] == {"go_back": 100, "stay": 0, "impossible": 0}
    assert {row["what"] for row in foreseen["rows"]} == {"remove"}
    assert sandbox.vendors["sparklayer"].state()["writes"] == writes
    assert len(answer("history", P)) == 2
    undo = answer("undo", P, "--run", sync["run_id"])
    assert undo["counts"]["delivered"] == 100
    assert undo["source_rejects"] is None, "it mapped nothing"
    rows = answer("sql", "SELECT state, count(*) AS n FROM ledger.outcome GROUP BY 1 ORDER BY 1")
    assert {"state": "delivered", "n": 200} in rows
    exported = own_folder / "out.csv"
    assert answer("export", P, "--output", str(exported))["rows"] == 300
    assert exported.read_text().startswith("price_list,sku,currency,prices")


def test_a_guard_stops_the_run_a_person_releases_the_plan_and_it_goes(sandbox: Sandbox) -> None:
    answer("sync", P)
    products = plain_items(sandbox, 200)
    set_prices(sandbox, {i["id"]: f"{float(i['price_trade']) * 1.1:.2f}" for i in products})
    stopped = answer("sync", P, "--refresh", "always", code=1)
    assert stopped["state"] == "stopped"
    assert "would move" in json.dumps(stopped["findings"])
    writes = sandbox.vendors["sparklayer"].state()["writes"]

    refused = run("apply", P, "--plan", stopped["plan_id"], code=1)
    assert "was stopped before the first write" in refused.stdout
    assert sandbox.vendors["sparklayer"].state()["writes"] == writes

    released = answer("release", P, "--plan", stopped["plan_id"], "--verdict", "--reason", "yearly rise")
    assert released["next"].startswith("sync-pipelines apply")
    assert answer("apply", P, "--plan", stopped["plan_id"][:8])["counts"]["delivered"] >= 195
    over = run("apply", P, "--plan", stopped["plan_id"])
    assert "would move" not in over.stdout + over.stderr, "the guard's verdict was lifted"


def test_several_keys_need_one_option_only() -> None:
    from sync_pipelines.operations.cli import spread

    given = ["release", P, "--keys", "A", "B/2", "--plan", "x", "--reason", "why not"]
    assert spread(given) == ["release", P, "--keys", "A", "--keys", "B/2", "--plan", "x", "--reason", "why not"]
    assert spread(["sync", P]) == ["sync", P]
    assert spread(["retry", P, "--keys", "A", "--keys", "B"]) == ["retry", P, "--keys", "A", "--keys", "B"]


def test_rejects_and_held_rows_are_a_warning_unless_strict(sandbox: Sandbox) -> None:
    assert answer("sync", P)["source_rejects"] > 0
    assert answer("sync", P, "--strict", code=1)["state"] == "done"


def test_rows_that_end_badly_are_an_exit_code_of_1_and_can_be_retried(sandbox: Sandbox) -> None:
    answer("sync", P, "--limit", "0")
    sandbox.vendors["sparklayer"].change_state({"settings": {"known_skus": [i["sku"] for i in plain_items(sandbox, 100)]}})
    bad = answer("sync", P, code=1)
    assert bad["state"] == "incomplete"
    assert len(answer("errors", P)[0]["rows"]) == bad["counts"]["rejected"]
    sandbox.vendors["sparklayer"].change_state({"settings": {"known_skus": None}})
    assert answer("retry", P)["counts"]["delivered"] == bad["counts"]["rejected"]
    assert answer("errors", P)[0]["rows"] == []
    assert len(answer("errors", P, "--all")[0]["rows"]) == bad["counts"]["rejected"]


def test_a_full_export_of_the_old_script_is_taken_in_by_name(sandbox: Sandbox, own_folder: Path) -> None:
    answer("preview", P)
    export = own_folder / "data" / "catsy_products_full_export.csv"
    assert export.read_text(encoding="utf-8").splitlines()[0].startswith("sku,price_trade,")
    calls = len(sandbox.calls("catsy"))
    taken = answer("preview", P, "--from-csv", str(export))
    assert len(sandbox.calls("catsy")) == calls
    assert taken["counts"]["create"] == 250
    assert "taken in from csv catsy_products_full_export.csv" in taken["message"]
    assert "read from Catsy" in answer("preview", P)["message"]  # a file is never a cache
    (own_folder / "broken.csv").write_text("sku,price_trade\nA,1\nB\n")
    broken = run("preview", P, "--from-csv", str(own_folder / "broken.csv"), code=2)
    assert "line 3" in broken.stderr


def test_a_live_account_is_read_only_until_a_person_enables_it(sandbox: Sandbox) -> None:
    live = {"SYNC_PIPELINES_SANDBOX": ""}
    assert answer("preview", P, **live)["counts"]["create"] == 250
    refused = run("sync", P, code=2, **live)
    assert "read-only" in refused.stdout
    assert sandbox.vendors["sparklayer"].state()["writes"] == 0
    run("enable", P, **live)
    assert "on" in answer("status", P, **live)[0]["writes"]
    assert answer("sync", P, **live)["counts"]["delivered"] == 250
    run("disable", P, **live)
    assert answer("status", P, **live)[0]["writes"].startswith("off")


@pytest.mark.parametrize(
    ("pipeline", "told"),
    [(P, "SPARKLAYER_SITE_ID"), ("shopify_sheets", "SHOPIFY_STORE_NAME"), ("amazon_plytix", "PLYTIX_API_KEY")],
)
def test_an_account_that_is_not_set_up_cannot_be_enabled(pipeline: str, told: str) -> None:
    ready = dict.fromkeys(("CATSY_BEARER_TOKEN", "CATSY_QUERY_ID", "SPARKLAYER_CLIENT_ID", "SPARKLAYER_CLIENT_SECRET"), "x")
    refused = run("enable", pipeline, code=2, **ready)
    assert f"{told} is not set" in refused.stderr + refused.stdout
    assert answer("status", pipeline)[0]["writes"].startswith("off")


def test_an_account_whose_key_file_is_not_there_cannot_be_enabled(sandbox: Sandbox) -> None:
    refused = run("enable", "shopify_sheets", code=2, GOOGLE_SERVICE_ACCOUNT_FILE="/nowhere/key.json")
    assert "GOOGLE_SERVICE_ACCOUNT_FILE: /nowhere/key.json cannot be read" in refused.stderr


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"CATSY_BEARER_TOKEN": ""}, "CATSY_BEARER_TOKEN is not set"),
        ({"CATSY_BEARER_TOKEN": "wrong-token-of-somebody"}, "status 401"),
        ({"CATSY_QUERY_ID": "00000000-0000-0000-0000-000000000000"}, "status 404"),
        ({"SPARKLAYER_SITE_ID": "nobody"}, "status 401"),
        ({"SPARKLAYER_CLIENT_SECRET": "wrong-secret-of-somebody"}, "status 401"),
        ({"SPARKLAYER_BATCH_SIZE": "many"}, "batch_size"),
        ({"CATSY_BASE_URL": "https://example.com/api/v3"}, "not on loopback"),
        ({"SYNC_PIPELINES_SANDBOX": "", "CATSY_BASE_URL": "http://example.com/api/v3"}, "https only"),
    ],
)
def test_what_is_missing_or_wrong_is_said_and_nothing_is_written(sandbox: Sandbox, env: dict[str, str], says: str) -> None:
    done = run("sync", P, code=2, **env)
    assert says in done.stdout + done.stderr
    assert "somebody" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert sandbox.vendors["sparklayer"].state()["writes"] == 0


def test_settings_that_cannot_be_read_are_named(sandbox: Sandbox, own_folder: Path) -> None:
    (own_folder / "settings.toml").write_text("[catsy\n")
    assert str(own_folder / "settings.toml") in run("sync", P, code=2).stderr
    (own_folder / "settings.toml").write_text("[katsy]\npage_size = 1\n")
    assert "katsy" in run("sync", P, code=2).stderr


def test_a_damaged_ledger_stops_everything_with_what_to_do(sandbox: Sandbox, own_folder: Path) -> None:
    (own_folder / "data").mkdir(exist_ok=True)
    (own_folder / "data" / "ledger.db").write_bytes(b"no database" * 1000)
    done = run("sync", P, code=2)
    assert "Restore it from a copy" in done.stderr
    assert sandbox.vendors["sparklayer"].state()["writes"] == 0


def test_unknown_plans_runs_and_keys_are_errors_that_say_so(sandbox: Sandbox) -> None:
    assert "no plan ffffffffff" in run("apply", P, "--plan", "ffffffffff", code=2).stderr
    assert "no plan" in run("undo", P, "--run", "ffffffffff", code=2).stderr
    assert "nothing is known of 'X'" in run("reset", P, "X", code=2).stderr
    assert "There is:" in run("sql", "SELECT * FROM nowhere", code=2).stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_sync_that_is_killed_while_it_sends_is_finished_by_the_next_one(
    sandbox: Sandbox, own_folder: Path, number: int
) -> None:
    sandbox.faults("sparklayer", [{"on": "PATCH *", "kind": "slow", "seconds": 4, "after": 1}])
    said = own_folder / "said"
    child = forked.Command(["sync", P], {**os.environ, "SPARKLAYER_BATCH_SIZE": "100"}, stdout=said)
    until = time.monotonic() + 60
    while len([c for c in sandbox.calls("sparklayer") if c["method"] == "PATCH"]) < 1 or not open_attempt(own_folder):
        assert time.monotonic() < until
        time.sleep(0.1)
    child.send_signal(number)
    assert child.wait() == (-9 if number == signal.SIGKILL else 2)
    assert number == signal.SIGKILL or "interrupted" in said.read_text()
    sandbox.clear_faults("sparklayer")
    again = answer("sync", P, SPARKLAYER_LANDS_WITHIN="6")  # what was on its way when the process died lands after 4 s
    assert again["state"] == "done"
    assert again["counts"]["unchanged"] == 115  # what was right before, and what the first call had brought
    assert max(sandbox.vendors["sparklayer"].state()["effects"]["wholesale"].values()) == 1
    assert answer("history", P)[1]["state"] == "failed"
    assert set(answer("sync", P)["counts"]) <= {"held", "unchanged"}


def open_attempt(folder: Path) -> bool:
    path = folder / "data" / "ledger.db"
    if not path.exists():
        return False
    with sqlite3.connect(path) as con:
        try:
            return bool(con.execute("SELECT count(*) FROM attempt WHERE state = 'open'").fetchone()[0])
        except sqlite3.OperationalError:
            return False


def test_init_asks_tests_the_login_and_writes_a_file_for_one_pair_of_eyes(sandbox: Sandbox, own_folder: Path) -> None:
    answers = [
        os.environ[n]
        for n in (
            "CATSY_BASE_URL",
            "CATSY_QUERY_ID",
            "CATSY_BEARER_TOKEN",
            "SPARKLAYER_URL",
            "SPARKLAYER_SITE_ID",
            "SPARKLAYER_CLIENT_ID",
            "SPARKLAYER_CLIENT_SECRET",
        )
    ]
    nothing = dict.fromkeys((n for n in os.environ if n.startswith(("CATSY_", "SPARKLAYER_"))), "")
    done = run("init", P, stdin="\n".join(answers) + "\n", **{**nothing, "SYNC_PIPELINES_SANDBOX": ""})
    env = own_folder / ".env"
    assert oct(env.stat().st_mode & 0o777) == "0o600"
    assert answers[2] in env.read_text()
    assert answers[2] not in done.stdout + done.stderr
    assert "sync-pipelines enable" in done.stdout


INIT = (
    "CATSY_BASE_URL",
    "CATSY_QUERY_ID",
    "CATSY_BEARER_TOKEN",
    "SPARKLAYER_URL",
    "SPARKLAYER_SITE_ID",
    "SPARKLAYER_CLIENT_ID",
    "SPARKLAYER_CLIENT_SECRET",
)


def not_set_up() -> dict[str, str]:
    return {**dict.fromkeys((n for n in os.environ if n.startswith(("CATSY_", "SPARKLAYER_"))), ""), "SYNC_PIPELINES_SANDBOX": ""}


def test_init_asks_again_only_for_what_was_wrong(sandbox: Sandbox, own_folder: Path) -> None:
    right = {name: os.environ[name] for name in INIT}
    first = {**right, "SPARKLAYER_SITE_ID": "nobody"}
    again = ["", "", right["SPARKLAYER_SITE_ID"], "", ""]  # yes, ask again; URL as it is; the site; id and secret as they are
    done = run("init", P, stdin="\n".join([*first.values(), *again]) + "\n", **not_set_up())
    wrong = "SPARKLAYER_URL, SPARKLAYER_SITE_ID, SPARKLAYER_CLIENT_ID, SPARKLAYER_CLIENT_SECRET"
    assert f"Ask again for {wrong}?" in done.stdout
    assert done.stdout.count("(CATSY_QUERY_ID)") == 1
    assert right["SPARKLAYER_CLIENT_SECRET"] not in done.stdout + done.stderr
    assert {name: dotenv_values(own_folder / ".env")[name] for name in INIT} == right


def test_init_without_questions_takes_what_is_given_and_names_what_is_missing(sandbox: Sandbox, own_folder: Path) -> None:
    given = [f"{name}={os.environ[name]}" for name in INIT]

    def init(*answers: str, code: int = 0, **env: str) -> str:
        options = [word for answer in answers for word in ("--set", answer)]
        done = run("init", P, *options, code=code, **{**not_set_up(), **env})
        return done.stdout + done.stderr

    missing = init(given[0], given[2], code=2)
    assert "init catsy_sparklayer needs CATSY_QUERY_ID (id of the saved query in Catsy); SPARKLAYER_SITE_ID" in missing
    assert "CATSY_BEARER_TOKEN" not in missing
    assert "Did you mean CATSY_QUERY_ID?" in init("CATSY_QERY_ID=x", code=2)
    assert "s3cret" not in init("s3cret", code=2)
    assert "nothing was written" in init(*given[:-1], "SPARKLAYER_CLIENT_SECRET=wrong", code=2)
    assert not (own_folder / ".env").exists()
    exported = {"SPARKLAYER_CLIENT_SECRET": os.environ["SPARKLAYER_CLIENT_SECRET"]}
    assert "sync-pipelines enable" in init(*given[:-1], **exported)
    assert dotenv_values(own_folder / ".env")["SPARKLAYER_CLIENT_SECRET"] == exported["SPARKLAYER_CLIENT_SECRET"]


def test_validate_says_what_holds_and_reads_only(sandbox: Sandbox) -> None:
    found = answer("validate", P, "--deep")
    assert {f["verdict"] for f in found} <= {"ok", "holds", "unknown", "differs"}
    assert any(f["what"] == "a reply tells the total" and f["verdict"] == "holds" for f in found)
    assert {c["method"] for v in ("catsy", "sparklayer") for c in sandbox.calls(v) if "token" not in c["path"]} == {"GET"}
    run("validate", P, code=2, CATSY_BEARER_TOKEN="wrong-token-of-somebody")


def loads(script: str, *arguments: str) -> list[str]:
    """Which of Dagster and pandas a program loads that goes on like this."""
    found = "\nprint('LOADED', *(m for m in ('dagster', 'pandas') if m in sys.modules))"
    command = [sys.executable, "-c", f"import sys\n{script}{found}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert "LOADED" in done.stdout, done.stdout + done.stderr
    return done.stdout.rpartition("LOADED")[2].split()


def test_questions_are_answered_without_loading_dagster_or_pandas(sandbox: Sandbox, own_folder: Path) -> None:
    answer("preview", P)
    ask = (
        "import json; from sync_pipelines.operations.cli import main\n"
        "for question in json.loads(sys.argv[1]):\n"
        "    sys.argv = ['sync-pipelines', *question]\n"
        "    try:\n        main()\n    except SystemExit as e:\n        assert not e.code, question\n"
        "    assert not {'dagster', 'pandas'} & {*sys.modules}, question"
    )
    sku = plain_items(sandbox, 1)[0]["sku"]
    export = ["export", P, "-o", str(own_folder / "out.csv")]
    questions = [["status"], ["history"], ["errors"], ["trace", P, sku], export, ["catsy", "status"]]
    assert loads(ask, json.dumps(questions)) == []


def test_help_is_given_without_loading_dagster_pandas_or_the_ledger(own_folder: Path) -> None:
    every = (
        "import typer\nfrom typer.testing import CliRunner\nfrom sync_pipelines.operations.cli.root import app\n"
        "def walk(command, words):\n"
        "    done = CliRunner().invoke(app, [*words, '--help'])\n"
        "    assert done.exit_code == 0 and 'Usage:' in done.stdout, words\n"
        "    return 1 + sum(walk(inner, [*words, name]) for name, inner in getattr(command, 'commands', {}).items())\n"
        "assert walk(typer.main.get_command(app), []) > 60\n"
        "assert 'sqlalchemy' not in sys.modules and 'pyarrow' not in sys.modules"
    )
    assert loads(every) == []


def test_the_shell_completes_commands_pipelines_and_options_without_loading_dagster(own_folder: Path) -> None:
    def completed(line: str) -> list[str]:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")), "_SYNC_PIPELINES_COMPLETE": "complete_bash"}
        go_on = "sys.argv = ['sync-pipelines']; from sync_pipelines.operations.cli import main\ntry:\n    main()\nexcept SystemExit:\n    "
        script = f"import sys; {go_on}print('LOADED', *(m for m in ('dagster', 'pandas', 'sqlalchemy') if m in sys.modules))"
        done = subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, **words}, capture_output=True, text=True, timeout=100
        )
        offered, _, loaded = done.stdout.rpartition("LOADED")
        assert loaded.split() == [], done.stdout + done.stderr
        return offered.split()

    assert {"sync", "status", "sheets"} <= set(completed("sync-pipelines s"))
    assert completed("sync-pipelines sync c") == ["catsy", "catsy_sparklayer"]
    assert completed("sync-pipelines sync catsy --li") == ["--limit"]
    assert not (own_folder / "data").exists()


def test_secrets_are_in_no_file_that_a_run_leaves(sandbox: Sandbox, own_folder: Path) -> None:
    run("sync", P)
    secrets = [os.environ[n].encode() for n in ("CATSY_BEARER_TOKEN", "SPARKLAYER_CLIENT_SECRET")]
    left = [p for p in (own_folder / "data").rglob("*") if p.is_file()]
    assert len(left) > 10
    assert [p for p in left if any(s in p.read_bytes() for s in secrets)] == []


def test_an_alert_goes_out_when_a_run_fails_and_when_it_recovers(sandbox: Sandbox, own_folder: Path) -> None:
    heard = own_folder / "heard.jsonl"
    alert = {"ALERT_COMMAND": f"sh -c 'cat >> {heard}; echo >> {heard}'"}
    run("sync", P, code=2, **alert, CATSY_QUERY_ID="00000000-0000-0000-0000-000000000000")
    run("sync", P, **alert)
    run("sync", P, **alert)
    events = [json.loads(line) for line in heard.read_text().splitlines() if line]
    assert [e["event"] for e in events] == ["failed", "recovered"]
    assert "status 404" in events[0]["message"]
