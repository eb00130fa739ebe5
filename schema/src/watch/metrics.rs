//! The same for Prometheus.

use std::fmt::Write as _;

use super::view::View;
use crate::blame::Entry;
use crate::blame::watch::cause;

/// A label's value in the text format.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// All metrics.
pub(super) fn text(view: &View, booked: &[Entry]) -> String {
    let mut all = String::new();
    let head = |all: &mut String, name: &str, kind: &str, help: &str| {
        let _ = writeln!(all, "# HELP {name} {help}\n# TYPE {name} {kind}");
    };
    head(&mut all, "dba_up", "gauge", "1 while the database answers.");
    let _ = writeln!(all, "dba_up {}", u8::from(view.trouble.is_none()));
    head(
        &mut all,
        "dba_blocked_seconds_total",
        "counter",
        "Seconds that sessions of a role waited for locks, by the role at the root.",
    );
    for one in booked {
        let (waiting, root) = (label(&one.waiting), label(&one.root));
        let (direct, cause) = (label(&one.direct), cause(one.cause));
        let seconds = one.seconds;
        let _ = writeln!(
            all,
            "dba_blocked_seconds_total{{waiting=\"{waiting}\",direct=\"{direct}\",root=\"{root}\",cause=\"{cause}\"}} {seconds}"
        );
    }
    head(&mut all, "dba_sessions", "gauge", "Sessions of a service, by what they do.");
    for (name, service) in &view.services {
        let counts = [
            ("all", service.sessions),
            ("active", service.active),
            ("waiting", service.waiting),
            ("idle in transaction", service.idle_in_transaction),
        ];
        for (state, count) in counts {
            let _ = writeln!(all, "dba_sessions{{service=\"{}\",state=\"{state}\"}} {count}", label(name));
        }
    }
    head(&mut all, "dba_longest_transaction_seconds", "gauge", "Age of the oldest open transaction.");
    let longest = view.transactions.first().and_then(|one| one.transaction_s).unwrap_or(0.0);
    let _ = writeln!(all, "dba_longest_transaction_seconds {longest}");
    head(
        &mut all,
        "dba_horizon_transactions",
        "gauge",
        "Transactions since the oldest one that the vacuum must respect.",
    );
    let _ = writeln!(all, "dba_horizon_transactions {}", view.horizon.first().map_or(0, |one| one.transactions));
    if let Some(findings) = view.roles.as_ref().and_then(|roles| roles.findings) {
        head(&mut all, "dba_roles_findings", "gauge", "Differences from the roles file.");
        let _ = writeln!(all, "dba_roles_findings {findings}");
    }
    all
}
