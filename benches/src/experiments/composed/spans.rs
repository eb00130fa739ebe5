//! The parts of one request and their times.

use serde::{Deserialize, Serialize};

use crate::result::Table;
use crate::result::text::capital;

/// The request that took the median time of all that were sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Waterfall {
    /// Whose.
    pub architecture: String,
    /// How many were sent.
    pub requests: usize,
    /// Each whole before its parts, those in the order in which they begin.
    pub spans: Vec<Span>,
}

/// Something that takes its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Span {
    /// What it is.
    pub kind: SpanKind,
    /// Who does it: a service, or `client`.
    pub service: String,
    /// A request's route, the called path, the noun that a statement is about; may be empty.
    pub name: String,
    /// How many others it is part of.
    pub depth: usize,
    /// Milliseconds after the client sent the request.
    pub start_ms: f64,
    /// Likewise.
    pub end_ms: f64,
}

/// Kinds of spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SpanKind {
    /// From a request's arrival at a service (the client: from its sending) to the answer.
    Request,
    /// From sending a question to another service until its answer is read.
    Call,
    /// In the database.
    Statement,
}

impl Span {
    /// In words.
    #[must_use]
    pub fn title(&self) -> String {
        let (service, name) = (capital(&self.service), &self.name);
        match self.kind {
            SpanKind::Request if self.service == "client" => "Client asks and is answered".to_owned(),
            SpanKind::Request => format!("{service}: {name}"),
            SpanKind::Call => format!("{service} calls {name}"),
            SpanKind::Statement if name.is_empty() => format!("{service}: statement"),
            SpanKind::Statement => format!("{service}: statement, {name}"),
        }
    }

    /// How long it takes.
    #[must_use]
    pub fn ms(&self) -> f64 {
        self.end_ms - self.start_ms
    }
}

impl Waterfall {
    pub(super) fn table(&self) -> Table {
        let row = |span: &Span| {
            let title = format!("{}{}", "  ".repeat(span.depth), span.title());
            [title, format!("{:.2}", span.start_ms), format!("{:.2}", span.ms())]
        };
        Table::new(&["part"], &["begins at ms", "takes ms"], &[])
            .titled(format!("{}: the median of {} reads of one API, one at a time", self.architecture, self.requests))
            .rows(self.spans.iter().map(row))
    }
}
