//! Parameters and columns of a statement, as its client sees them.

use std::collections::BTreeSet;

use postgres::types::{Kind, Type};

#[derive(Debug, Default, Clone)]
pub(super) struct Shape {
    pub(super) parameters: Vec<Type>,
    /// Name and type of each.
    columns: Vec<(String, Type)>,
}

pub(super) fn shape_of(statement: &postgres::Statement) -> Shape {
    let column = |column: &postgres::Column| (column.name().to_owned(), column.type_().clone());
    Shape { parameters: statement.params().to_vec(), columns: statement.columns().iter().map(column).collect() }
}

impl Shape {
    /// Has this column the same name and type in both?
    pub(super) fn same(&self, other: &Self, at: usize) -> bool {
        self.columns.get(at).is_some() && self.columns.get(at) == other.columns.get(at)
    }

    /// Is a parameter or a column of one of these types, or of an array or a domain of one?
    pub(super) fn holds(&self, types: &BTreeSet<u32>) -> bool {
        let is = |kind: &&Type| {
            let inner = match kind.kind() {
                Kind::Array(of) | Kind::Domain(of) => of.oid(),
                _ => kind.oid(),
            };
            types.contains(&kind.oid()) || types.contains(&inner)
        };
        self.parameters.iter().chain(self.columns.iter().map(|(_, kind)| kind)).any(|kind| is(&kind))
    }

    /// A column's name.
    pub(super) fn name(&self, at: usize) -> &str {
        self.columns.get(at).map_or("", |(name, _)| name)
    }
}

/// How a statement's parameters and columns differ, and whether its reader would misread them.
pub(super) fn differs(before: &Shape, after: &Shape) -> (Vec<String>, bool) {
    let (mut words, mut misread) = (Vec::new(), false);
    for (at, (was, is)) in before.parameters.iter().zip(&after.parameters).enumerate() {
        if was != is {
            words.push(format!("parameter ${}: {was} → {is}", at + 1));
        }
    }
    for (at, (name, kind)) in before.columns.iter().enumerate() {
        let column = at + 1;
        match after.columns.get(at) {
            None => words.push(format!("column {column} {name} is gone")),
            Some((now, _)) if now != name => {
                words.push(format!("column {column} {name} is now {now}"));
            }
            Some((_, is)) if is != kind => {
                words.push(format!("column {column} {name}: {kind} → {is}"));
                if as_text(is) && as_text(kind) {
                    continue;
                }
            }
            Some(_) => continue,
        }
        misread = true;
    }
    for (name, kind) in after.columns.iter().skip(before.columns.len()) {
        words.push(format!("a new column {name}: {kind}"));
    }
    (words, misread)
}

/// Types that clients read alike.
fn as_text(kind: &Type) -> bool {
    [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME].contains(kind)
}
