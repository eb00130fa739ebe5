//! Names after the handler: Registry's answers carry its owners' ids; who they are today is Profile's to say, in one call for the
//! whole answer.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::neighbour::Item;

/// Members of Registry's answers that hold a person.
const OWNERS: [&str; 2] = ["businessOwner", "technicalOwner"];

/// Everybody whom an answer names.
#[must_use]
pub fn named(answer: &mut Value) -> BTreeSet<Uuid> {
    let mut ids = BTreeSet::new();
    each_owner(answer, &mut |owner| ids.extend(id_of(owner)));
    ids
}

/// Gives each person the present name and job title; of one who isn't among `persons` the id alone is left.
pub fn fill(answer: &mut Value, persons: &[Item]) {
    let by_id: HashMap<Uuid, &Item> = persons.iter().filter_map(|item| Some((id_of(&item.row)?, item))).collect();
    each_owner(answer, &mut |owner| {
        let person = id_of(owner).and_then(|id| by_id.get(&id));
        for (member, column) in [("name", "name"), ("jobTitle", "job_title")] {
            match person.and_then(|person| person.row.get(column)) {
                Some(value) => owner.insert(member.to_owned(), value.clone()),
                None => owner.shift_remove(member),
            };
        }
    });
}

fn id_of(owner: &Map<String, Value>) -> Option<Uuid> {
    owner.get("id")?.as_str()?.parse().ok()
}

fn each_owner(value: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each_owner(item, visit)),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::Object(owner) if OWNERS.contains(&name.as_str()) => visit(owner),
                    other => each_owner(other, visit),
                }
            }
        }
        _ => {}
    }
}
