//! `dba roles matrix` and `dba roles explain`.

use clap::Args;
use schema::Result;
use schema::effective_rights::{self, Access, Privilege, ReadableColumn};
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
    let mut session = Session::connect_uncounted(&args.place.url()?)?;
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
    // A function whose body isn't known stands in one row for all that its owner may read.
    let (maybe, columns): (Vec<_>, Vec<_>) = found.columns.iter().partition(|one| one.access == Access::May);
    let maybe: std::collections::BTreeSet<_> = maybe.iter().map(|one| (&one.role, &one.why)).collect();
    let unknown = maybe.into_iter().map(|(role, why)| vec![role.clone(), "may be reachable".to_owned(), why.clone()]);
    let columns = columns.into_iter().filter(|one| one.access == Access::Reads).map(column);
    let columns = table(&["role", "column", "why"], columns.chain(unknown));
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
    let mut session = Session::connect_uncounted(&args.place.url()?)?;
    effective_rights::check_role(&mut session, &args.role)?;
    effective_rights::check_object(&mut session, &args.object)?;
    let found = effective_rights::of_object(&mut session, &args.role, &args.object)?;
    let (rights, columns) = effective_rights::explain(&found, &args.role, &args.object);
    let mut lines: Vec<String> =
        rights.iter().map(|right| format!("{} on {}: {}", right.privilege, right.object, right.why)).collect();
    lines.extend(columns.iter().map(|column| match column.access {
        Access::Reads => format!("reads {}: {}", column.column, column.why),
        Access::May => format!("may be reachable: {}: {}", column.column, column.why),
        Access::Not => format!("can't reach {}: {}", column.column, column.why),
    }));
    let answer = effective_rights::answer(&mut session, &args.role, &args.object, &rights, &columns)?;
    lines.push(answer.clone());
    let value = json!({ "version": 1, "rights": rights, "columns": columns, "answer": answer });
    Ok(Outcome::new(lines.join("\n"), &value))
}
