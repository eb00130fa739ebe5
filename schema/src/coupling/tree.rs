//! Parses the text form of an analysed statement (`pg_node_tree`): not its structure, only the rights that it needs.
//!
//! For each relation that a statement names, the server notes which columns are read, inserted and updated, to check rights later. That list is
//! column-exact for every kind of statement, MERGE included, where `pg_depend` misses columns; but it is only written as text. The fields are the
//! same from 15 (in the range table) to 18 (in a list of their own).

use std::collections::BTreeSet;

/// Rights that a statement needs on one relation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Oid of the relation.
    pub(crate) relation: u32,
    /// As in an ACL: 1 insert, 2 select, 4 update or `for update`, 8 delete, 16 truncate.
    pub(crate) rights: u32,
    /// Numbers of the columns read; 0: the whole row.
    pub(crate) selected: Vec<i16>,
    /// Numbers of the columns inserted.
    pub(crate) inserted: Vec<i16>,
    /// Numbers of the columns updated.
    pub(crate) updated: Vec<i16>,
}

/// An attribute's number is stored with this added, so that the system's own are not negative (`FirstLowInvalidHeapAttributeNumber`).
const OFFSET: i16 = 7;

/// What an analysed statement says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Analysed {
    /// Every relation on which it needs a right. A relation used twice is there twice.
    pub(crate) needs: Vec<Needs>,
    /// Relations that Postgres itself didn't bring, those named as a constant (`nextval('s')`) included.
    pub(crate) relations: BTreeSet<u32>,
    /// Functions of the same kind that it calls, aggregates and window functions included; not those behind operators.
    pub(crate) functions: BTreeSet<u32>,
    /// It is a utility statement, of which the server has analysed nothing.
    pub(crate) utility: bool,
}

/// Every relation on which the analysed statement needs a right.
pub(crate) fn needs(tree: &str) -> Vec<Needs> {
    analysed(tree).needs
}

/// Reads it in one pass: a statement's text may be 100 kB, and there may be thousands. Fields are parted by spaces or ends of lines.
pub(crate) fn analysed(tree: &str) -> Analysed {
    let mut found = Analysed::default();
    let (mut relation, mut need) = (0, Needs::default());
    let (mut first, mut constant) = (true, false);
    let mut rest = tree;
    while let Some(at) = rest.find(':') {
        let (before, after) = (rest.as_bytes()[..at].last(), &rest[at + 1..]);
        rest = after;
        // Most fields are others.
        let asked = matches!(after.as_bytes().first(), Some(b'r' | b's' | b'i' | b'u' | b'f' | b'a' | b'w' | b'c'));
        if !asked || !matches!(before, Some(b' ' | b'\n')) {
            continue;
        }
        let Some((name, value)) = after.split_once([' ', '\n']) else {
            continue;
        };
        match name {
            "relid" => {
                relation = number(value);
                found.relations.insert(relation);
            }
            "requiredPerms" => {
                need = Needs { relation: std::mem::take(&mut relation), rights: number(value), ..Needs::default() };
            }
            "selectedCols" => need.selected = columns(value),
            "insertedCols" => need.inserted = columns(value),
            // The last of them.
            "updatedCols" if need.rights != 0 => {
                found.needs.push(Needs { updated: columns(value), ..std::mem::take(&mut need) });
            }
            "funcid" | "aggfnoid" | "winfnoid" => {
                found.functions.insert(number(value));
            }
            // A constant's type, regclass, is its first field, its value the last.
            "consttype" => constant = number(value) == 2205,
            "constvalue" if constant => found.relations.extend(constant_oid(value)),
            "utilityStmt" if std::mem::take(&mut first) => found.utility = !value.starts_with("<>"),
            _ => {}
        }
    }
    found.relations.retain(|oid| *oid >= 16384);
    found
}

/// `4 [ 7 64 0 0 0 0 0 0 ]`: the bytes of a number, the lowest first.
fn constant_oid(value: &str) -> Option<u32> {
    // NULL is `<>`.
    let (_, bytes) = value.split_once(']').filter(|_| !value.starts_with('<'))?.0.split_once('[')?;
    let bytes = bytes.split_whitespace().take(4).map(|byte| byte.parse::<i16>().ok().map(|byte| byte.to_le_bytes()[0]));
    let bytes: Option<Vec<u8>> = bytes.collect();
    Some(u32::from_le_bytes(bytes?.try_into().ok()?))
}

fn number(text: &str) -> u32 {
    let digits = text.split(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

/// `(b 8 9)`: 1 and 2.
fn columns(value: &str) -> Vec<i16> {
    let inside = value.strip_prefix("(b").and_then(|rest| rest.split_once(')')).map_or("", |(inside, _)| inside);
    inside.split_whitespace().filter_map(|number| number.parse::<i16>().ok()).map(|number| number - OFFSET).collect()
}

/// Where each output column of a view's rule comes from: table and column number as the server noted them, (0, 0) if it is computed.
pub(crate) fn origins(rule: &str) -> Vec<(u32, i16)> {
    let Some(list) = outermost_targets(rule) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut table = 0;
    let mut column = 0;
    let mut depth = 0_i32;
    // Nested queries in an expression have target lists of their own.
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ':' if depth == 1 => {
                let field = &list[at + 1..];
                if let Some(oid) = field.strip_prefix("resorigtbl ") {
                    table = number(oid);
                } else if let Some(attribute) = field.strip_prefix("resorigcol ") {
                    column = i16::try_from(number(attribute)).unwrap_or_default();
                } else if let Some(junk) = field.strip_prefix("resjunk ")
                    && junk.starts_with("false")
                {
                    // A whole row is computed of all its columns.
                    found.push(if column == 0 { (0, 0) } else { (table, column) });
                }
            }
            _ => {}
        }
    }
    found
}

/// The text within the parentheses of the outermost query's `:targetList`.
fn outermost_targets(rule: &str) -> Option<&str> {
    let mut depth = 0_i32;
    for (at, c) in rule.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ':' if depth == 1 => {
                if let Some(list) = rule[at..].strip_prefix(":targetList (") {
                    return list.split_at_checked(end(list)?).map(|(list, _)| list);
                }
            }
            _ => {}
        }
    }
    None
}

/// Where the parenthesis closes that was open before.
fn end(list: &str) -> Option<usize> {
    let mut depth = 1_i32;
    let mut escaped = false;
    for (at, c) in list.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Needs, analysed, needs, origins};

    #[test]
    fn rights_of_both_layouts() {
        let of_15 = "({QUERY :commandType 3 :rtable ({RANGETBLENTRY :alias <> :rtekind 0 :relid 16384 :relkind r :inh true \
            :requiredPerms 5 :checkAsUser 0 :selectedCols (b) :insertedCols (b 8 10) :updatedCols (b 9) :extraUpdatedCols (b) :securityQuals <>})})";
        let of_18 = "({QUERY :commandType 3 :rtable ({RANGETBLENTRY :rtekind 0 :relid 1 :relkind r :perminfoindex 1}) \
            :rteperminfos ({RTEPERMISSIONINFO :relid 16384 :inh true :requiredPerms 5 :checkAsUser 0 :selectedCols (b) :insertedCols (b 8 10) :updatedCols (b 9)})})";
        let wanted = Needs { relation: 16384, rights: 5, selected: vec![], inserted: vec![1, 3], updated: vec![2] };
        for tree in [of_15, of_18] {
            assert_eq!(needs(tree), std::slice::from_ref(&wanted));
        }
    }

    #[test]
    fn what_is_named_by_oid() {
        let tree = "{QUERY :rtable ({RANGETBLENTRY :relid 16384 :relkind r}{RANGETBLENTRY :relid 1259 :relkind r}) :targetList ({TARGETENTRY :expr \
            {FUNCEXPR :funcid 16500 :args ({CONST :consttype 2205 :consttypmod -1 :constisnull false :constvalue 4 [ -1 64 0 0 0 0 0 0 ]} \
            {CONST :consttype 23 :constvalue 4 [ 1 64 0 0 0 0 0 0 ]})}} {AGGREF :aggfnoid 16501 :aggtype 20})}";
        let found = analysed(tree);
        assert_eq!(found.relations.into_iter().collect::<Vec<_>>(), [16384, 16639]);
        assert_eq!(found.functions.into_iter().collect::<Vec<_>>(), [16500, 16501]);
    }

    #[test]
    fn origins_of_the_outermost_query_alone() {
        let rule = "({QUERY :rtable ({RANGETBLENTRY :subquery {QUERY :targetList ({TARGETENTRY :resorigtbl 9 :resorigcol 9 :resjunk false})}}) \
            :targetList ({TARGETENTRY :expr {SUBLINK :subselect {QUERY :targetList ({TARGETENTRY :resorigtbl 8 :resorigcol 8 :resjunk false})}} :resno 1 \
            :resname a\\) :resorigtbl 0 :resorigcol 0 :resjunk false} {TARGETENTRY :resno 2 :resorigtbl 16384 :resorigcol 2 :resjunk false} \
            {TARGETENTRY :resno 3 :resorigtbl 16384 :resorigcol 3 :resjunk true}) :override 0})";
        assert_eq!(origins(rule), [(0, 0), (16384, 2)]);
    }
}
