//! Compares the desired with the actual state, and writes the statements between them.

use std::collections::BTreeMap;

use super::census::Census;
use super::finding::{By, Finding};
use super::look::{Look, POWERS};
use crate::error::Result;
use crate::reconcile::setting;
use crate::session::{Session, identifier};
use crate::state::{Right, grantee, statements};

/// The findings, unsorted.
pub(super) fn compare(session: &mut Session, look: &Look<'_>, wanted: &Census, is: &Census) -> Result<Vec<Finding>> {
    let mut found = rights(look, wanted, is);
    found.extend(attributes(look, wanted, is));
    let privileged =
        session.texts("select name from pg_settings where context in ('superuser', 'superuser-backend')")?;
    found.extend(settings(look, &privileged, wanted, is));
    found.extend(members(look, wanted, is));
    found.extend(facts(wanted, is));
    Ok(found)
}

fn rights(look: &Look<'_>, wanted: &Census, is: &Census) -> Vec<Finding> {
    let mut found = Vec::new();
    let seen = |right: &&Right| look.superuser || look.roles.contains(&right.owner);
    for right in wanted.rights.difference(&is.rights).filter(seen) {
        let option = Right { grantable: !right.grantable, ..right.clone() };
        if !right.grantable && is.rights.contains(&option) {
            // It exists, even with grant option: reported below.
            continue;
        }
        let fix = statements("grant", std::iter::once(right), look.grantor()).concat();
        found.push(of_right(look, "missing", right, fix, 4));
    }
    for right in is.rights.difference(&wanted.rights).filter(seen) {
        let without = Right { grantable: !right.grantable, ..right.clone() };
        if wanted.rights.contains(&without) {
            if right.grantable {
                let column =
                    if right.column.is_empty() { String::new() } else { format!(" ({})", identifier(&right.column)) };
                let fix = format!(
                    "revoke grant option for {}{column} on {} {} from {} cascade",
                    right.privilege,
                    right.kind,
                    right.object,
                    grantee(&right.grantee)
                );
                found.push(of_right(look, "grant option", right, look.grantor().run(&right.owner, &fix), 5));
            }
        } else {
            let fix = statements("revoke", std::iter::once(right), look.grantor()).concat();
            found.push(of_right(look, "extra", right, fix, 5));
        }
    }
    found
}

fn of_right(look: &Look<'_>, verb: &str, right: &Right, fix: String, rank: u8) -> Finding {
    let object = match (right.kind.as_str(), right.column.as_str()) {
        ("default", "") => format!("default {} of {}", right.object, right.owner),
        ("default", schema) => format!("default {} of {} in {schema}", right.object, right.owner),
        (kind, "") => format!("{kind} {}", right.object),
        (kind, column) => format!("{kind} {}.{}", right.object, identifier(column)),
    };
    let what = match verb {
        "missing" => "the file gives it, the database doesn't",
        "extra" => "the database gives it, the file doesn't",
        _ => "has the grant option, which the file doesn't give",
    };
    Finding {
        key: format!("{verb} right {} {} {object}", right.grantee, right.privilege),
        what: what.into(),
        fix: Some(fix),
        by: if look.roles.contains(&right.owner) { By::Apply } else { By::Superuser },
        rank,
    }
}

fn attributes(look: &Look<'_>, wanted: &Census, is: &Census) -> Vec<Finding> {
    let mut found = Vec::new();
    for ((role, name), value) in &is.attributes {
        let want = match wanted.attributes.get(&(role.clone(), name.clone())) {
            Some(want) => want.as_str(),
            // A superuser that the file doesn't know.
            None => "false",
        };
        // The session's own role, which can't be made anew to see what the file makes of it.
        if look.rehearsal.kept.contains(role) {
            continue;
        }
        // Without a superuser the administrator isn't looked at.
        if want == value || (!look.superuser && *role == look.administrator) {
            continue;
        }
        let set = match (name.as_str(), want) {
            ("connection limit", n) => format!("connection limit {n}"),
            ("valid until", until) => format!("valid until '{until}'"),
            (name, "true") => name.to_owned(),
            (name, _) => format!("no{name}"),
        };
        let managed = look.managed.contains(role) && !POWERS.contains(&name.as_str());
        found.push(Finding {
            key: format!("attribute {role} {}", name.replace(' ', "_")),
            what: format!("is {value}, should be {want}"),
            fix: Some(format!("alter role {} {set};", identifier(role))),
            by: if managed { By::Apply } else { By::Superuser },
            rank: 2,
        });
    }
    found
}

fn settings(look: &Look<'_>, privileged: &[String], wanted: &Census, is: &Census) -> Vec<Finding> {
    let mut found = Vec::new();
    let all: BTreeMap<_, _> = wanted.settings.iter().chain(&is.settings).map(|(key, _)| (key.clone(), ())).collect();
    for key in all.into_keys() {
        let (want, have) = (wanted.settings.get(&key), is.settings.get(&key));
        let (role, database, name) = &key;
        let superusers = privileged.contains(name) || !look.managed.contains(role);
        if want == have || (superusers && !look.superuser) {
            continue;
        }
        let place = match (role.as_str(), database.as_str()) {
            ("all", "") => "role all".to_owned(),
            ("all", database) => format!("database {}", identifier(database)),
            (role, "") => format!("role {}", identifier(role)),
            (role, database) => format!("role {} in database {}", identifier(role), identifier(database)),
        };
        let change = want.map_or_else(
            || format!("reset {}", identifier(name)),
            |value| format!("set {} = {}", identifier(name), setting(name, value)),
        );
        let shown = |value: Option<&String>| value.map_or_else(|| "not set".to_owned(), |value| format!("'{value}'"));
        found.push(Finding {
            key: format!("setting {role} {name}{}", if database.is_empty() { "" } else { " in database" }),
            what: format!("is {}, should be {}", shown(have), shown(want)),
            fix: Some(format!("alter {place} {change};")),
            by: if superusers { By::Superuser } else { By::Apply },
            rank: 2,
        });
    }
    found
}

fn members(look: &Look<'_>, wanted: &Census, is: &Census) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |verb: &str, (member, group): &(String, String), what: &str, fix: String| {
        found.push(Finding {
            key: format!("{verb} {member} in {group}"),
            what: what.into(),
            fix: Some(fix),
            by: By::Superuser,
            rank: if verb == "missing member" { 2 } else { 5 },
        });
    };
    for (pair, want) in &wanted.members {
        let (member, group) = (identifier(&pair.0), identifier(&pair.1));
        let Some(have) = is.members.get(pair) else {
            if look.existing.contains(&pair.0) && look.existing.contains(&pair.1) {
                let fix = format!("grant {group} to {member};");
                add("missing member", pair, "the file grants it, the database doesn't", fix);
            }
            continue;
        };
        if have.admin && !want.admin {
            let fix = format!("revoke admin option for {group} from {member} cascade;");
            let what = "has the admin option, which the file doesn't give";
            add("member option", pair, what, fix);
        }
        if want.admin && !have.admin {
            let fix = format!("grant {group} to {member} with admin option;");
            add("missing member option", pair, "lacks the admin option, which the file gives", fix);
        }
        for (name, is, should, by) in
            [("inherit", have.inherit, want.inherit, &have.inherit_by), ("set", have.set, want.set, &have.set_by)]
        {
            // Before 16 there is no such option.
            let (Some(is), Some(should)) = (is, should) else {
                continue;
            };
            if is != should {
                let grant = format!("grant {group} to {member} with {name} {should}");
                let fix = match should {
                    true => format!("{grant};"),
                    false => by.iter().map(|by| format!("{grant} granted by {};", identifier(by))).collect(),
                };
                let what = format!("{name} option is {is}, should be {should}");
                add(&format!("member {name} option"), pair, &what, fix);
            }
        }
    }
    for pair in is.members.keys().filter(|pair| !wanted.members.contains_key(*pair)) {
        add(
            "extra member",
            pair,
            "the database grants it, the file doesn't",
            format!("revoke {} from {} cascade;", identifier(&pair.1), identifier(&pair.0)),
        );
    }
    found
}

/// Row security, and triggers that don't fire.
fn facts(wanted: &Census, is: &Census) -> Vec<Finding> {
    let of = |(table, fact): &(String, String), verb: &str, what: &str, change: String| Finding {
        key: format!("{verb} {fact} of {table}"),
        what: what.to_owned(),
        fix: Some(format!("alter table {table} {change};")),
        by: By::Superuser,
        rank: 3,
    };
    let extra = is.facts.difference(&wanted.facts).map(|one| match one.1.strip_prefix("disabled ") {
        Some(trigger) => of(
            one,
            "table with",
            "it doesn't fire; if it belongs to a foreign key, that key is not checked any more",
            format!("enable {trigger}"),
        ),
        None => of(
            one,
            "extra",
            "rows are hidden from everybody but the owner, and the file doesn't enable it",
            off(&one.1),
        ),
    });
    let missing = wanted.facts.difference(&is.facts).map(|one| {
        let change = if one.1.starts_with("force") { one.1.clone() } else { format!("enable {}", one.1) };
        of(one, "missing", "the file enables it, but it is off: rows are hidden from nobody", change)
    });
    extra.chain(missing).collect()
}

fn off(fact: &str) -> String {
    match fact.strip_prefix("force ") {
        Some(rest) => format!("no force {rest}"),
        None => format!("disable {fact}"),
    }
}
