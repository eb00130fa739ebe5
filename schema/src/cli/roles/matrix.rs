//! `dba roles matrix` and `dba roles explain`.

use clap::Args;
use schema::Result;
use schema::reach;
use schema::session::Session;
use serde_json::json;

use super::Where;
use crate::cli::args::Format;

#[derive(Debug, Args)]
pub(super) struct Matrix {
    #[command(flatten)]
    place: Where,
    /// This role alone; `public` is everybody.
    #[arg(long)]
    role: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    place: Where,
    /// The login or group.
    role: String,
    /// `sales.orders`, `sales.orders.price`, `schema sales`, `sales` and all that is in it.
    object: String,
}

pub(super) fn run(args: &Matrix, format: Format) -> Result<()> {
    let mut session = Session::connect(&args.place.url()?)?;
    // Rights of PUBLIC are everybody's, and nobody's of that name.
    if let Some(role) = args.role.as_deref().filter(|role| *role != "public") {
        reach::check_role(&mut session, role)?;
    }
    let mut reach = reach::read(&mut session)?;
    if let Some(role) = &args.role {
        reach.rights.retain(|can| can.role == *role);
        reach.columns.retain(|column| column.role == *role);
    }
    let text = ["# Rights: role, object, privilege, why".to_owned()]
        .into_iter()
        .chain(reach.rights.iter().map(|can| format!("{}  {}  {}  {}", can.role, can.object, can.privilege, can.why)))
        .chain(["\n# Columns that can be read: role, column, why".to_owned()])
        .chain(reach.columns.iter().map(|column| format!("{}  {}  {}", column.role, column.column, column.why)));
    let text: Vec<_> = text.collect();
    crate::cli::print(
        format,
        &text.join("\n"),
        &json!({ "version": 1, "rights": reach.rights, "columns": reach.columns }),
    );
    Ok(())
}

pub(super) fn explain(args: &Explain, format: Format) -> Result<()> {
    let url = args.place.url()?;
    let mut session = Session::connect(&url)?;
    reach::check_role(&mut session, &args.role)?;
    reach::check_object(&mut session, &args.object)?;
    let reach = reach::read(&mut session)?;
    let (rights, columns) = reach::explain(&reach, &args.role, &args.object);
    let mut lines: Vec<String> =
        rights.iter().map(|can| format!("{} on {}: {}", can.privilege, can.object, can.why)).collect();
    lines.extend(columns.iter().map(|column| format!("reads {}: {}", column.column, column.why)));
    if lines.is_empty() {
        lines.push(format!("{} can't reach {}", args.role, args.object));
    }
    crate::cli::print(format, &lines.join("\n"), &json!({ "version": 1, "rights": rights, "columns": columns }));
    Ok(())
}
