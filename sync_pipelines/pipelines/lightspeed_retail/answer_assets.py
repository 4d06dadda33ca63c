"""The questions in Dagster: what was traded of each product, and the answers that follow from it and from the mirror."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow as pa

from sync_pipelines.pipelines.building import Materialized, column_schema, freshness, metadata
from sync_pipelines.pipelines.lightspeed_retail import PIPELINE
from sync_pipelines.pipelines.lightspeed_retail.answers import QUESTIONS, TRADE, TRADED, Question, answer, asked, in_numbers
from sync_pipelines.pipelines.lightspeed_retail.collections import VENDOR
from sync_pipelines.pipelines.lightspeed_retail.settings import LightspeedRetailSettings
from sync_pipelines.pipelines.mirrors import NeverRead
from sync_pipelines.pipelines.resources import RunResource
from sync_pipelines.pipelines.shape import Fresh, Markdown
from sync_pipelines.pipelines.tables import markdown
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings

WORST = 20


def answer_asset(question: Question, fresh: Fresh) -> dg.AssetsDefinition:
    """The asset of a question. It answers for as many days back as the settings say."""

    @dg.asset(
        key=[VENDOR, question.name],
        deps=[[VENDOR, name] for name in question.needs],
        group_name=PIPELINE.name,
        kinds={VENDOR, "duckdb"},
        owners=list(PIPELINE.owners),
        freshness_policy=freshness(fresh),
        dagster_type=dg.Any,
        description=f"{question.asks}. {question.means}",
        metadata={"dagster/column_schema": column_schema(question.notes, question.schema)},
    )
    def answered(run: RunResource) -> Materialized:
        session = run.session
        session.note(pipeline=PIPELINE.name)
        account, numbers = LightspeedSettings.read().account, dict[str, Any]()
        needs_trade = TRADE in question.needs
        trade = session.warehouse.find([VENDOR, TRADE], account) if needs_trade else None
        if needs_trade and trade is None:
            raise NeverRead(f"{VENDOR}/{TRADE} was never materialized for {account}. Materialize it first.")
        days = LightspeedRetailSettings.read().dead_stock_days
        with asked(session.warehouse, account, question.needs, days, trade=trade.path if trade else None) as con:
            rows = answer(con, question)
            if question is TRADED:
                con.from_arrow(rows).create(TRADE)
                numbers = in_numbers(con)
        worst = Markdown(markdown(rows.slice(0, WORST).to_pylist()))
        shown = numbers if question is TRADED else {**sums_of(question, rows), "worst": worst}
        return Materialized(value=rows, metadata=metadata(shown))

    return answered


def sums_of(question: Question, rows: pa.Table) -> Mapping[str, Any]:
    """The sums of the columns of an answer that add up; 0 where there is none."""
    return {name: sum(value for value in rows.column(name).to_pylist() if value is not None) for name in question.adds}


def answer_assets(fresh: Fresh) -> tuple[dg.AssetsDefinition, ...]:
    return tuple(answer_asset(question, fresh) for question in (TRADED, *QUESTIONS))
