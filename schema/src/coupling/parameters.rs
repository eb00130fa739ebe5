//! Types of parameters. A client may have declared them with the statement, but the server doesn't keep that with the statement's text.

use postgres::error::ErrorPosition;
use postgres::types::Type;
use postgres::{Client, Statement};

type Result<T> = std::result::Result<T, postgres::Error>;

/// Tried in this order where the statement leaves the type of a parameter open. Which columns a statement uses doesn't depend on it.
const CANDIDATES: [Type; 17] = [
    Type::TEXT,
    Type::INT4,
    Type::INT8,
    Type::TIMESTAMPTZ,
    Type::UUID,
    Type::BOOL,
    Type::NUMERIC,
    Type::JSONB,
    Type::INTERVAL,
    Type::FLOAT8,
    Type::TEXT_ARRAY,
    Type::UUID_ARRAY,
    Type::INT4_ARRAY,
    Type::INT8_ARRAY,
    Type::TIMESTAMPTZ_ARRAY,
    Type::JSONB_ARRAY,
    Type::BOOL_ARRAY,
];

/// How often one statement is tried at most: about half a second.
const TRIES: usize = 600;

/// "Could not determine data type of parameter", which is named.
const UNTYPED: &str = "42P18";

/// Prepares a statement within a transaction, its parameters of the types that the server finds for them, else of the first that it accepts.
pub(crate) fn prepared(client: &mut Client, sql: &str) -> Result<Statement> {
    let mut search = Search { client, sql, left: TRIES, back: false };
    let refusal = match search.attempt(&[])? {
        Ok(prepared) => return Ok(prepared),
        Err(refusal) => refusal,
    };
    if let Some(prepared) = search.settle(&[], &refusal)? {
        return Ok(prepared);
    }
    (search.left, search.back) = (TRIES, true);
    search.settle(&[], &refusal)?.ok_or(refusal.0)
}

struct Refusal(postgres::Error);

impl Refusal {
    fn code(&self) -> &str {
        self.0.code().map_or("", |code| code.code())
    }

    /// In bytes from the statement's beginning.
    fn position(&self, sql: &str) -> Option<usize> {
        match self.0.as_db_error()?.position()? {
            ErrorPosition::Original(at) => {
                let before = usize::try_from(*at).ok()?.checked_sub(1)?;
                sql.char_indices().nth(before).map(|(at, _)| at)
            }
            ErrorPosition::Internal { .. } => None,
        }
    }
}

struct Search<'a> {
    client: &'a mut Client,
    sql: &'a str,
    left: usize,
    /// Parameters before the place of a refusal are tried, too: where nothing else helps, for it takes many tries.
    back: bool,
}

impl Search<'_> {
    fn attempt(&mut self, given: &[Type]) -> Result<std::result::Result<Statement, Refusal>> {
        self.left = self.left.saturating_sub(1);
        self.client.batch_execute("savepoint attempt")?;
        match self.client.prepare_typed(self.sql, given) {
            Ok(prepared) => Ok(Ok(prepared)),
            Err(error) if error.code().is_some() => {
                self.client.batch_execute("rollback to savepoint attempt")?;
                Ok(Err(Refusal(error)))
            }
            Err(lost) => Err(lost),
        }
    }

    /// Gives the parameter that the refusal is about one type after the other, and goes on from where the server gets furthest.
    fn settle(&mut self, given: &[Type], refusal: &Refusal) -> Result<Option<Statement>> {
        for at in self.about(given, refusal) {
            if let Some(prepared) = self.settle_one(given, refusal, at)? {
                return Ok(Some(prepared));
            }
        }
        Ok(None)
    }

    fn settle_one(&mut self, given: &[Type], refusal: &Refusal, at: usize) -> Result<Option<Statement>> {
        let named = refusal.code() == UNTYPED;
        let mut open = Vec::new();
        for candidate in CANDIDATES {
            if self.left == 0 {
                return Ok(None);
            }
            let mut next = given.to_vec();
            next.resize(next.len().max(at + 1), Type::UNKNOWN);
            next[at] = candidate;
            let refused = match self.attempt(&next)? {
                Ok(prepared) => return Ok(Some(prepared)),
                Err(refused) => refused,
            };
            let place = refused.position(self.sql);
            // No such function or operator, or types that don't go together, at the same place: it isn't this type.
            let mismatch = ["42883", "42804", "42846"].contains(&refused.code());
            if !mismatch || place != refusal.position(self.sql) {
                open.push((place, next, refused));
            }
            // Text, then, as a literal would be.
            if named && !mismatch {
                break;
            }
        }
        open.sort_by_key(|(place, ..)| std::cmp::Reverse(*place));
        for (_, next, refused) in open {
            if let Some(prepared) = self.settle(&next, &refused)? {
                return Ok(Some(prepared));
            }
        }
        Ok(None)
    }

    /// The parameters, from 0, that a refusal (42P18) names or can be about: the first from its place on whose type isn't given yet, then those before it,
    /// which may have been taken for text: `select $1 as id` in a `merge`, the start of a recursion.
    fn about(&self, given: &[Type], refusal: &Refusal) -> Vec<usize> {
        let open = |at: &usize| given.get(*at).is_none_or(|kind| *kind == Type::UNKNOWN);
        let code = refusal.code();
        let message = refusal.0.as_db_error().map_or("", |said| said.message());
        match (code, refusal.position(self.sql)) {
            (UNTYPED, _) => parameters(message).next().filter(open).into_iter().collect(),
            ("42725" | "42883" | "42804" | "42846" | "42P08", Some(from)) => {
                let (before, after) = self.sql.split_at(from);
                let mut before: Vec<_> = parameters(before).filter(open).collect();
                before.reverse();
                before.truncate(if self.back { 3 } else { 0 });
                parameters(after).find(open).into_iter().chain(before).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Numbers of the parameters in a text, from 0.
fn parameters(text: &str) -> impl Iterator<Item = usize> {
    text.split('$').skip(1).filter_map(|rest| {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse::<usize>().ok()?.checked_sub(1)
    })
}
