//! Figures of services, computed from the report's edges and columns.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{Index, Kind, List, Report, Service};

/// Fills in services and index. `roles`: service of each role; `owning`: services that own something.
pub(super) fn fill(report: &mut Report, roles: &BTreeMap<String, String>, owning: &BTreeSet<String>) {
    let pairs: BTreeSet<(&str, &str)> =
        report.edges.iter().map(|edge| (edge.from.as_str(), edge.to.as_str())).collect();
    let mut names: BTreeSet<&str> = pairs.iter().flat_map(|(from, to)| [*from, *to]).collect();
    names.extend(report.columns.iter().flat_map(|column| [column.from.as_str(), column.to.as_str()]));
    names.extend(roles.values().filter(|service| owning.contains(*service)).map(String::as_str));
    let services = names.iter().map(|name| service(name, report, &pairs, roles)).collect();
    report.index = index(&names, &pairs);
    report.services = services;
}

fn service(name: &str, report: &Report, pairs: &BTreeSet<(&str, &str)>, roles: &BTreeMap<String, String>) -> Service {
    let afferent = pairs.iter().filter(|(_, to)| *to == name).count();
    let efferent = pairs.iter().filter(|(from, _)| *from == name).count();
    let own = || report.columns.iter().filter(|column| column.to == name);
    let exposed: BTreeSet<_> = own().filter(|column| column.granted).map(|column| &column.column).collect();
    let used: BTreeSet<_> =
        own().filter(|column| column.list != List::NeverUsed).map(|column| &column.column).collect();
    let writes =
        report.edges.iter().filter(|edge| edge.from == name && matches!(edge.kind, Kind::Write | Kind::CascadeWrite));
    let may_write = report.write_rights.iter().filter(|right| right.from == name);
    Service {
        name: name.to_owned(),
        roles: roles.iter().filter(|(_, service)| *service == name).map(|(role, _)| role.clone()).collect(),
        afferent,
        efferent,
        instability: share(efferent, afferent + efferent),
        exposed: exposed.len(),
        used: exposed.intersection(&used).count(),
        unused: exposed.difference(&used).map(|column| (*column).clone()).collect(),
        cross_keys: report.keys.iter().filter(|key| key.from == name || key.to == name).count(),
        write_edges: writes.map(|edge| edge.through.len()).sum::<usize>() + may_write.count(),
    }
}

fn index(names: &BTreeSet<&str>, pairs: &BTreeSet<(&str, &str)>) -> Index {
    let n = names.len();
    let mut reached = 0;
    for name in names {
        let mut seen = BTreeSet::from([*name]);
        let mut open = vec![*name];
        while let Some(at) = open.pop() {
            open.extend(pairs.iter().filter(|(from, _)| *from == at).map(|(_, to)| *to).filter(|to| seen.insert(to)));
        }
        reached += seen.len();
    }
    Index {
        coupling_factor: share(pairs.len(), n * n.saturating_sub(1)).unwrap_or_default(),
        propagation_cost: share(reached, n * n).unwrap_or_default(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of few")]
fn share(part: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}
