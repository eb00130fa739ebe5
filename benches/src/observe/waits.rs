//! Who waited for which statement: the lock ledger once more, by what was being run and by the lock.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use schema::blame::sample::Sampler;
use schema::blame::{Ledger, Sample};

use super::states::Names;
use crate::result::Wait;

/// Between the parts of a name in the ledger: in no statement that Postgres takes.
const PART: char = '\u{1f}';
/// Longer statements are cut.
const LENGTH: usize = 120;

/// Adds up waits by statement.
pub struct Waits {
    ledger: Ledger,
    names: Names,
    /// By process id: whose it is, and what it ran while it worked.
    sessions: BTreeMap<i32, (String, String)>,
    relations: BTreeMap<u32, String>,
}

impl Waits {
    /// None yet.
    pub fn new(names: Names) -> Self {
        Self { ledger: Ledger::new(), names, sessions: BTreeMap::new(), relations: BTreeMap::new() }
    }

    /// Adds a sample. Only where somebody waits is the server asked what is being run.
    pub fn observe(&mut self, sample: &Sample, sampler: &mut Sampler) -> schema::Result<()> {
        let roots = sample.waiters.keys().flat_map(|pid| sample.roots(*pid));
        let direct = sample.waiters.values().flat_map(|waiter| waiter.blockers.iter().copied());
        let pids: BTreeSet<i32> = sample.waiters.keys().copied().chain(direct).chain(roots).collect();
        if !pids.is_empty() {
            self.ask(&pids.iter().copied().collect::<Vec<_>>(), sample, sampler)?;
        }
        let named: BTreeMap<i32, String> = pids.iter().map(|pid| (*pid, self.name(*pid, sample))).collect();
        self.ledger.observe(sample, &named);
        Ok(())
    }

    fn ask(&mut self, pids: &[i32], sample: &Sample, sampler: &mut Sampler) -> schema::Result<()> {
        for (pid, now) in sampler.statements(pids)? {
            let one = (self.names.of(&now.role), shortened(&now.statement));
            // It may have released its lock since the sample: what it ran before is what was waited for.
            if now.state == "idle" {
                self.sessions.entry(pid).or_insert(one);
            } else {
                self.sessions.insert(pid, one);
            }
        }
        for relation in sample.waiters.values().filter_map(|waiter| waiter.relation) {
            if let Entry::Vacant(unknown) = self.relations.entry(relation) {
                unknown.insert(sampler.relation(relation)?);
            }
        }
        Ok(())
    }

    /// Service, statement, and, of who waits, mode and relation of the lock.
    fn name(&self, pid: i32, sample: &Sample) -> String {
        let unknown = || (format!("pid {pid}"), String::new());
        let (service, statement) = self.sessions.get(&pid).cloned().unwrap_or_else(unknown);
        let waiter = sample.waiters.get(&pid);
        let mode = waiter.map_or("", |waiter| waiter.mode.as_str());
        let relation = waiter.and_then(|waiter| self.relations.get(&waiter.relation?).map(String::as_str));
        [service.as_str(), &statement, mode, relation.unwrap_or_default()].join(&PART.to_string())
    }

    /// All waits, longest first.
    pub fn finish(self) -> Vec<Wait> {
        let mut sums: Vec<Wait> = Vec::new();
        for entry in self.ledger.entries() {
            let [waiting, statement, mode, relation] = parts(&entry.waiting);
            let [root, holds, ..] = parts(&entry.root);
            let relation = Some(relation).filter(|name| !name.is_empty());
            let (seconds, waits) = (entry.seconds, entry.waits);
            Wait { waiting, statement, cause: entry.cause, mode, relation, root, holds, seconds, waits }
                .add_to(&mut sums);
        }
        sums.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        sums
    }
}

fn parts(name: &str) -> [String; 4] {
    let mut parts = name.split(PART).map(str::to_owned);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// A statement on one line, with `?` for its literals, so that the same one with other values is the same.
fn shortened(sql: &str) -> String {
    let mut text = String::new();
    let mut rest = sql.trim_start();
    while let Some(c) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let length = match c {
            '\'' => rest[1..].find('\'').map_or(rest.len(), |end| end + 2),
            c if word(c) => rest.find(|c: char| !(word(c) || c == '.')).unwrap_or(rest.len()),
            c if c.is_whitespace() => rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        match c {
            '\'' | '0'..='9' => text.push('?'),
            c if c.is_whitespace() => text.push(' '),
            _ => text.push_str(&rest[..length]),
        }
        rest = &rest[length..];
    }
    let text = text.trim_end().trim_end_matches(';');
    match text.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn the_same_statement_with_other_values_is_the_same() {
        let shown = "update t1 set a = ? where b = ? and c = $1 and d = public.e";
        assert_eq!(shortened("update t1\n  set a = 1.5 where b = 'x y' and c = $1 and d = public.e;"), shown);
        assert_eq!(shortened("select 'never closed"), "select ?");
        assert!(shortened(&"é".repeat(500)).ends_with(" …"));
    }
}
