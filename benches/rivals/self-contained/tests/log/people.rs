//! People, as Profile writes them with their changes; and what is asked of a database.

use postgres::Client;

pub const ORGANISATION: &str = "00000000-0000-7000-8000-000000000001";

pub fn id(number: usize) -> String {
    format!("00000000-0000-7000-8000-{number:012}")
}

/// People with a change each.
pub fn people(client: &mut Client, from: usize, to: usize) {
    people_of(client, ORGANISATION, from, to);
}

/// The same, of an organisation.
pub fn people_of(client: &mut Client, organisation: &str, from: usize, to: usize) {
    client
        .batch_execute(&format!(
            "insert into profile.profiles (organisation_id, id, name, job_title, email, time_zone, version, created_at, updated_at)
            select '{organisation}', ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'P' || n, '', 'p' || n || '@people.example',
                'Europe/Zurich', 1, now(), now() from generate_series({from}, {to} - 1) n;
            insert into profile.changes (at, kind, organisation_id, entity_id, version, request_id)
            select now(), 'ProfileCreated', '{organisation}', '00000000-0000-7000-8000-' || lpad(n::text, 12, '0'), 1, 'test-' || n
            from generate_series({from}, {to} - 1) n"
        ))
        .unwrap();
}

/// A new name and a change for each of whom this is true: `n` is their number.
pub fn rename(client: &mut Client, version: usize, which: &str) {
    let number = "right(id::text, 12)";
    let these = format!("from (select *, {number}::int as n from profile.profiles) p where {which}");
    client
        .batch_execute(&format!(
            "update profile.profiles set name = 'V{version}-' || {number}, version = {version} where id in (select p.id {these});
            insert into profile.changes (at, kind, organisation_id, entity_id, version, request_id)
            select now(), 'ProfileModified', p.organisation_id, p.id::text, {version}, 'test-' || p.id || '-{version}' {these}"
        ))
        .unwrap();
}

pub fn count(client: &mut Client, text: &str) -> usize {
    usize::try_from(client.query_one(text, &[]).unwrap().get::<_, i64>(0)).unwrap()
}

/// The first column.
pub fn texts(client: &mut Client, text: &str) -> Vec<String> {
    client.query(text, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}
