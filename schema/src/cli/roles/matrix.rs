//! `dba roles matrix` and `dba roles explain`.

use clap::Args;
use schema::Result;
use schema::effective_rights::{self, Privilege, ReadableColumn};
use schema::session::Session;
use schema::table::table;
use serde_json::json;

use crate::cli::outcome::Outcome;
use crate::cli::place::Place;

#[derive(Debug, Args)]
pub struct Matrix {
    #[command(flatten)]
    place: Place,
    /// Only this role; `public` means everybody.
    #[arg(long)]
    role: Option<String>,
}

#[derive(Debug, Args)]
pub struct Explain {
    #[command(flatten)]
    place: Place,
    /// The login or group.
    role: String,
    /// A table or view `sales.orders`, a column `sales.orders.price`, `schema sales`, or `sales`: the schema with all that is in it.
    object: String,
}

pub fn run(args: &Matrix) -> Result<Outcome> {
    let mut session = Session::connect(&args.place.url()?)?;
    // Rights of PUBLIC are everybody's, and no role has that name.
    if let Some(role) = args.role.as_deref().filter(|role| *role != "public") {
        effective_rights::check_role(&mut session, role)?;
    }
    let mut found = effective_rights::read(&mut session)?;
    if let Some(role) = &args.role {
        found.rights.retain(|right| right.role == *role);
        found.columns.retain(|column| column.role == *role);
    }
    let rights = table(&["role", "object", "privilege", "why"], found.rights.iter().map(right));
    let columns = table(&["role", "column", "why"], found.columns.iter().map(column));
    let text = format!("# Rights\n{rights}\n\n# Columns that can be read\n{columns}");
    Ok(Outcome::new(text, &json!({ "version": 1, "rights": found.rights, "columns": found.columns })))
}

fn right(one: &Privilege) -> Vec<String> {
    [&one.role, &one.object, &one.privilege, &one.why].map(Clone::clone).to_vec()
}

fn column(one: &ReadableColumn) -> Vec<String> {
    [&one.role, &one.column, &one.why].map(Clone::clone).to_vec()
}

pub fn explain(args: &Explain) -> Result<Outcome> {
    let mut session = Session::connect(&args.place.url()?)?;
    effective_rights::check_role(&mut session, &args.role)?;
    effective_rights::check_object(&mut session, &args.object)?;
    let found = effective_rights::read(&mut session)?;
    let (rights, columns) = effective_rights::explain(&found, &args.role, &args.object);
    let mut lines: Vec<String> =
        rights.iter().map(|right| format!("{} on {}: {}", right.privilege, right.object, right.why)).collect();
    lines.extend(columns.iter().map(|column| format!("reads {}: {}", column.column, column.why)));
    if lines.is_empty() {
        lines.push(format!("{} has no access to {}", args.role, args.object));
    }
    Ok(Outcome::new(lines.join("\n"), &json!({ "version": 1, "rights": rights, "columns": columns })))
}
