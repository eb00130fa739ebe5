//! What the interference comes from, and what helps: the isolation ladder, scenarios, pressure, schema changes under load.

pub mod ladder;
mod pressure;

use std::path::Path;

use maud::{Markup, html};

use super::attachments::{found, tables};
use super::html::{details, plain_table};
use crate::experiments::ladder::Ladders;
use crate::experiments::pressure::Pressures;
use crate::experiments::scenario::{ScenarioResult, Scenarios};
use crate::experiments::schema_change::SchemaChanges;
use crate::result::{Measured, ResultFile, attachments};

/// All four; each that is missing is named with the command that makes it.
pub fn causes(result: &ResultFile, folder: &Path) -> Markup {
    let ladders = |of: &Measured<Ladders>| ladder::ladders(&of.outcome);
    let scenarios = |of: &Measured<Scenarios>| scenarios(&of.outcome);
    let pressures = |of: &Measured<Pressures>| pressure::pressures(of, result);
    html! {
        (found(folder, attachments::LADDER, "What would another architecture gain?", "ladder", ladders))
        (found(folder, attachments::SCENARIOS, "Scenarios, each with its remedies", "scenario run all", scenarios))
        (found(folder, attachments::PRESSURE, "Which service feels which pressure", "pressure", pressures))
        (found(folder, attachments::SCHEMA_CHANGE, "Schema changes under load", "schema-change", schema_changes))
    }
}

fn scenarios(of: &Scenarios) -> Markup {
    let one = |of: &ScenarioResult| {
        let table = of.table();
        let inner = html! { (plain_table(&table)) ul { @for gain in &table.notes { li { (gain) } } } };
        details(table.title, &inner)
    };
    html! {
        p {
            "Naive forms are SQL that the lab runs with logins of its own; nothing of them is in the product. A scenario passes when the \
             lab measured the known problem, and that the remedy reduced it."
        }
        @for of in &of.scenarios { (one(of)) }
    }
}

fn schema_changes(of: &Measured<SchemaChanges>) -> Markup {
    html! {
        p {
            "A report holds a light lock on every table. A change that waits for it makes all later requests wait behind it; with \
             lock_timeout and retries it lets them pass."
        }
        (tables(of))
    }
}
