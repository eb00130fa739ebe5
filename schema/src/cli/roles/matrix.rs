//! `dba roles matrix` and `dba roles explain`.

use clap::Args;
use schema::reach::{self, Reach};
use schema::session::Session;
use schema::{Error, Result};
use serde_json::json;

use super::Where;
use crate::cli::args::Format;

#[derive(Debug, Args)]
pub(super) struct Matrix {
    #[command(flatten)]
    place: Where,
    /// This role alone.
    #[arg(long)]
    role: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    place: Where,
    /// The login or group.
    role: String,
    /// `sales.orders`, `sales.orders.price`, `schema sales`, or a part of a name.
    object: String,
}

pub(super) fn run(args: &Matrix, format: Format) -> Result<()> {
    let mut reach = of(&args.place)?;
    if let Some(role) = &args.role {
        reach.rights.retain(|can| can.role == *role);
        reach.columns.retain(|column| column.role == *role);
    }
    let text = ["# Rights: role, object, privilege, why".to_owned()]
        .into_iter()
        .chain(reach.rights.iter().map(|can| {
            format!(
                "{}  {}  {}  {}",
                can.role, can.object, can.privilege, can.why
            )
        }))
        .chain(["\n# Columns that can be read: role, column, why".to_owned()])
        .chain(
            reach
                .columns
                .iter()
                .map(|column| format!("{}  {}  {}", column.role, column.column, column.why)),
        );
    let text: Vec<_> = text.collect();
    crate::cli::print(
        format,
        &text.join("\n"),
        &json!({ "version": 1, "rights": reach.rights, "columns": reach.columns }),
    );
    Ok(())
}

fn of(place: &Where) -> Result<Reach> {
    reach::read(&mut Session::connect(&place.url()?)?)
}

pub(super) fn explain(args: &Explain, format: Format) -> Result<()> {
    let url = args.place.url()?;
    let mut session = Session::connect(&url)?;
    let known = session.texts("select rolname::text from pg_roles")?;
    if !known.contains(&args.role) {
        return Err(Error::Usage(format!("there is no role {}", args.role)));
    }
    let reach = reach::read(&mut session)?;
    let (rights, columns) = reach::explain(&reach, &args.role, &args.object);
    let mut lines: Vec<String> = rights
        .iter()
        .map(|can| format!("{} on {}: {}", can.privilege, can.object, can.why))
        .collect();
    lines.extend(
        columns
            .iter()
            .map(|column| format!("reads {}: {}", column.column, column.why)),
    );
    if lines.is_empty() {
        lines.push(format!("{} can't reach {}", args.role, args.object));
    }
    crate::cli::print(
        format,
        &lines.join("\n"),
        &json!({ "version": 1, "rights": rights, "columns": columns }),
    );
    Ok(())
}
