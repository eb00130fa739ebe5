//! `lab bench normalisation`: what it costs to read others' tables through views, compared with local copies of them.
//!
//! A team that denormalises would keep `persons` and `standings` as tables of its own, fed from a log. Here both are
//! copied once, and stand in the views' place under the views' names: the same statement runs untouched. Nothing feeds
//! the copies, so what keeping them fresh costs is not in the figure; it is what normalisation costs the *reader*.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::data::{Size, connect, failed};
use crate::experiments::paired::{self, Arm, Comparison, Plan};
use crate::measure::plan::begin;
use crate::result::{Measured, Table};
use crate::system::Deployment;

/// What came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Outcome {
    /// Local tables first: the tax is views ÷ tables.
    pub comparison: Comparison,
}

/// Copies beside the views: the columns the read needs, the keys a replica would have, the reader's rights.
const COPY: &str = "
    create table published.persons_as_tables as select * from published.persons;
    alter table published.persons_as_tables add primary key (organisation_id, id);
    create table published.standings_as_tables as select * from published.standings;
    alter table published.standings_as_tables add primary key (organisation_id);
    grant select on published.persons_as_tables, published.standings_as_tables to public;
    vacuum (analyze) published.persons_as_tables, published.standings_as_tables";

/// Which of the two stands under the published names; true: the tables.
fn stand(url: &str, tables: bool) -> Result<(), Failure> {
    let mut client = connect(url)?;
    let now: bool = client
        .query_one("select c.relkind = 'r' from pg_catalog.pg_class c where c.oid = 'published.persons'::regclass", &[])
        .map_err(|error| failed("looking at the views", &error))?
        .get(0);
    if now == tables {
        return Ok(());
    }
    let (here, there) = if tables { ("views", "tables") } else { ("tables", "views") };
    // Renaming a table and a view is the same command.
    let swap = |name: &str| {
        format!(
            "alter table published.{name} rename to {name}_as_{here};
             alter table published.{name}_as_{there} rename to {name};"
        )
    };
    let swapped = format!("begin; {} {} commit", swap("persons"), swap("standings"));
    client.batch_execute(&swapped).map_err(|error| failed("swapping views and tables", &error))
}

/// Drives the read of one API at views and at local tables in turn.
///
/// # Errors
/// When something can't be started or the copies can't be made.
pub fn run(plan: Plan, optimised: bool, stop: &Arc<AtomicBool>) -> Result<Measured<Outcome, Plan>, Failure> {
    let deployment = Deployment::filled(Size::SMALL, plan.seed, optimised, stop)?;
    let head = begin(&deployment, plan)?;
    let url = deployment.database_url()?.to_owned();
    let mut client = connect(&url)?;
    for statement in COPY.split(';') {
        client.batch_execute(statement).map_err(|error| failed("copying what is published", &error))?;
    }
    let (tables, views) = (|| stand(&url, true), || stand(&url, false));
    for prepare in [&tables as &dyn Fn() -> Result<(), Failure>, &views] {
        prepare()?;
        paired::drive(&deployment, plan.rate_per_s, 1, plan.seed)?;
    }
    let arm = |name, prepare| Arm { name, site: &deployment, prepare };
    let comparison = paired::compare(plan, [arm("local tables", &tables), arm("views", &views)])?;
    stand(&url, false)?;
    Ok(head.with(Outcome { comparison }))
}

impl crate::result::Outcome<Plan> for Outcome {
    fn tables(&self, plan: &Plan) -> Vec<Table> {
        vec![self.comparison.table(plan)]
    }
}
