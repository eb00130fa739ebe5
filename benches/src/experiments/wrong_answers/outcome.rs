//! What was answered wrongly, by how long an answer may be used again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::result::{Outcome, Table};

/// Requests that had to be refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Count {
    /// How often what refuses them was done.
    pub caused: u64,
    /// Requests sent after that, and granted.
    pub wrong: u64,
    /// Those of them whose answer says that the owner was away.
    pub degraded: u64,
    /// From the cause to the last of them.
    pub longest_ms: u64,
}

/// One time to live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Row {
    /// How long an answer may be used again.
    pub ttl_s: u64,
    /// Reads of an organisation after it was frozen.
    pub frozen: Count,
    /// Domains of an organisation after it chose a plan that it just fitted.
    pub above_plan: Count,
    /// APIs of an owner who had been deleted, or was meanwhile.
    pub gone: Count,
    /// Organisations above their plan at the end.
    pub organisations_above: i64,
    /// APIs at the end whose owner is gone.
    pub orphans: i64,
    /// Changes that somebody was told twice, or not of, or that weren't read. Expected 0.
    pub told_wrongly: i64,
    /// Mails that arrived.
    pub mails: u64,
    /// Mails that were written and never arrived. Expected 0.
    pub mails_lost: u64,
    /// Mails that arrived once again. Expected 0.
    pub mails_twice: u64,
    /// Charges of the month that was billed meanwhile, at the payment sandbox.
    pub charges: u64,
    /// Organisations not charged exactly once for what they had, and charges that Billing doesn't know. Expected 0.
    pub wrong_charges: u64,
    /// What else must always hold and didn't, by the audit's name. Expected none.
    pub counted: BTreeMap<String, i64>,
}

/// Every time to live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WrongAnswers {
    /// In the order they were tried.
    pub rows: Vec<Row>,
}

impl Row {
    /// Whether all holds that no time to live may change.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.told_wrongly == 0
            && [self.mails_lost, self.mails_twice, self.wrong_charges] == [0; 3]
            && self.counted.is_empty()
    }
}

impl Count {
    /// `12 in 30 (3 degraded), up to 5.1 s`.
    fn text(self) -> String {
        match self.wrong {
            0 => format!("0 in {}", self.caused),
            wrong => {
                let (degraded, longest) = (self.degraded, self.longest_ms as f64 / 1000.0);
                format!("{wrong} in {} ({degraded} degraded), up to {longest:.1} s", self.caused)
            }
        }
    }
}

impl<P> Outcome<P> for WrongAnswers {
    fn tables(&self, _: &P) -> Vec<Table> {
        let numbers = ["changes told wrongly", "mails lost, twice", "wrong charges", "other violations"];
        let words = ["time to live", "2xx after a freeze", "creates above the plan", "APIs of a deleted owner"];
        let mut table = Table::new(&words, &numbers, &[]).titled(
            "What was answered wrongly while each service was stopped in turn, by how long an answer may be used again",
        );
        for row in &self.rows {
            let others: i64 = row.counted.values().sum();
            table.row([
                format!("{} s", row.ttl_s),
                row.frozen.text(),
                row.above_plan.text(),
                row.gone.text(),
                row.told_wrongly.to_string(),
                format!("{}, {} of {}", row.mails_lost, row.mails_twice, row.mails),
                format!("{} of {}", row.wrong_charges, row.charges),
                others.to_string(),
            ]);
        }
        for (row, (name, count)) in self.rows.iter().flat_map(|row| row.counted.iter().map(move |one| (row, one))) {
            table = table.note(format!("At {} s: {name}: {count}, expected 0.", row.ttl_s));
        }
        vec![table.note(
            "`12 in 30`: granted 12 times after 30 freezes (choices of a smaller plan, deletions), a request each 100 ms until it is refused; \
             degraded: the answer says that the owner was away. The last four are expected 0.",
        )]
    }
}
