//! Which rows a change concerns: for each noun the kinds of changes after which its rows may differ, and how their keys are found.

use schema::Noun;

/// A noun, the kinds that concern it, and a query for the keys over the changes `c`.
struct Touched {
    noun: &'static str,
    kinds: &'static [&'static str],
    keys: &'static str,
}

const ENTITY: &str = "select c.organisation_id, c.entity_id::uuid as id from c";
const ORGANISATION: &str = "select c.organisation_id from c";
/// Owners before and after: whoever is none any more has a row that is gone.
const OWNERS: &str = "select c.organisation_id, o.id::uuid as profile_id, case when c.kind like 'Api%' then 'api' else 'domain' end as kind,
        c.entity_id::uuid as target_id
    from c, unnest(array[c.before ->> 'businessOwnerId', c.before ->> 'technicalOwnerId',
        c.after ->> 'businessOwnerId', c.after ->> 'technicalOwnerId']) as o (id)";
/// A change doesn't say when its watch began: all of this person and this target.
const WATCHES: &str = "select w.organisation_id, w.kind, w.target_id, w.profile_id, w.created_at
    from c join published.watchers w on w.organisation_id = c.organisation_id
        and w.kind = coalesce(c.after, c.before) ->> 'kind' and w.target_id = (coalesce(c.after, c.before) ->> 'targetId')::uuid
        and w.profile_id = (coalesce(c.after, c.before) ->> 'profileId')::uuid";

/// Nouns that change without a change in the feed: they are compared as a whole, again and again.
pub const UNTOLD: [&str; 3] = ["signing_keys", "standings", "accepted_invitations"];

const TABLE: &[Touched] = &[
    Touched {
        noun: "organisations",
        kinds: &["OrganisationCreated", "OrganisationModified", "SubscriptionPlanModified"],
        keys: "select c.organisation_id as id from c",
    },
    Touched { noun: "plans", kinds: &["PlanCreated", "PlanModified"], keys: "select c.entity_id as code from c" },
    Touched {
        noun: "login_contacts",
        kinds: &["LoginCreated", "LoginModified", "LoginDeleted", "PasswordModified"],
        keys: "select c.entity_id::uuid as login_id from c",
    },
    Touched { noun: "persons", kinds: &["ProfileCreated", "ProfileModified", "ProfileDeleted"], keys: ENTITY },
    Touched {
        noun: "contacts",
        kinds: &["ProfileCreated", "ProfileModified", "ProfileDeleted", "NotificationSettingsModified"],
        keys: ENTITY,
    },
    Touched { noun: "head_counts", kinds: &["ProfileCreated", "ProfileDeleted"], keys: ORGANISATION },
    Touched {
        noun: "usage",
        kinds: &["DomainCreated", "DomainDeleted", "SubDomainCreated", "SubDomainDeleted", "ApiCreated", "ApiDeleted"],
        keys: ORGANISATION,
    },
    Touched {
        noun: "responsibilities",
        kinds: &[
            "DomainCreated",
            "DomainModified",
            "DomainDeleted",
            "ApiCreated",
            "ApiModified",
            "ApiMoved",
            "ApiDeleted",
        ],
        keys: OWNERS,
    },
    Touched { noun: "watchers", kinds: &["WatchCreated", "WatchEnded"], keys: WATCHES },
    Touched {
        noun: "standings",
        kinds: &["InvoicePaid", "PaymentFailed", "PaymentOverdue", "OrganisationFrozen", "OrganisationUnfrozen"],
        keys: ORGANISATION,
    },
];

/// The statement that finds the rows of `noun` that changes `$1` (JSON, as in the view of the feed `feed`) concern, as they are now, with their keys; none
/// of these `kinds` concerns it: no statement.
pub fn statement(noun: &Noun, feed: &Noun, kinds: &[&str]) -> Option<String> {
    let touched = TABLE.iter().find(|touched| touched.noun == noun.name)?;
    if !kinds.iter().any(|kind| touched.kinds.contains(kind)) {
        return None;
    }
    let these = touched.kinds.iter().map(|kind| format!("'{kind}'")).collect::<Vec<_>>().join(", ");
    let same = noun.key.iter().map(|key| format!("x.{key} = k.{key}")).collect::<Vec<_>>().join(" and ");
    Some(format!(
        "with c as (select c.* from jsonb_populate_recordset(null::published.{feed}, $1::text::jsonb) c where c.kind in ({these})),
        k as (select distinct * from ({keys}) k where k is not null)
        select {key}, to_jsonb(x)::text from k left join published.{name} x on {same}",
        feed = feed.name,
        keys = touched.keys,
        key = key_of(noun, "k"),
        name = noun.name,
    ))
}

/// The key of a row as the text of a JSON array.
pub fn key_of(noun: &Noun, row: &str) -> String {
    let columns = noun.key.iter().map(|key| format!("{row}.{key}")).collect::<Vec<_>>().join(", ");
    format!("jsonb_build_array({columns})::text")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `relay::tests` and the behaviour suites show that the kinds suffice; this, that no noun was forgotten.
    #[test]
    fn every_noun_is_either_told_or_compared() {
        for noun in crate::topics::all().filter(|noun| !noun.is_feed()) {
            let told = TABLE.iter().any(|touched| touched.noun == noun.name);
            assert!(told || UNTOLD.contains(&noun.name.as_str()), "{}", noun.name);
        }
    }
}
