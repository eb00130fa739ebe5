//! Owners who are gone are counted, listed, and removed.

use behaviour::assert::eventually;
use postgres::Client;

use crate::commands::run_with;
use crate::ground::Ground;

const ORGANISATION: &str = "00000000-0000-7000-8000-000000000001";

fn id(number: usize) -> String {
    format!("00000000-0000-7000-8000-{number:012}")
}

fn texts(client: &mut Client, text: &str) -> Vec<String> {
    client.query(text, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn owners_who_are_gone_are_listed_and_taken_away_with_a_change() {
    let Some(ground) = Ground::find(&["profile", "registry"]) else { return };
    let (mut profile, mut registry) = (ground.connect("profile", "superuser"), ground.connect("registry", "superuser"));
    crate::verify::people(&mut profile, 1, 2);
    let (here, gone) = (id(1), id(9));
    registry
        .batch_execute(&format!(
            "insert into registry.domains (organisation_id, id, name, business_owner_id, version, created_at, updated_at) values
                ('{ORGANISATION}', '{}', 'Kept', '{here}', 1, now(), now()), ('{ORGANISATION}', '{}', 'Left', '{gone}', 4, now(), now());
            insert into registry.sub_domains (organisation_id, id, domain_id, name, version, created_at, updated_at)
            values ('{ORGANISATION}', '{}', '{}', 'Below', 1, now(), now());
            insert into registry.apis (organisation_id, id, sub_domain_id, name, business_owner_id, technical_owner_id, version, created_at, updated_at)
            values ('{ORGANISATION}', '{}', '{}', 'Cards', '{here}', '{gone}', 2, now(), now())",
            id(20), id(21), id(30), id(20), id(40), id(30)
        ))
        .unwrap();
    let _parts = [ground.relay("registry"), ground.ingester("profile")];
    let needed = format!("select r.kind from published.responsibilities r where r.profile_id = '{gone}' order by 1");
    eventually("the copies know it", || (texts(&mut profile, &needed) == ["api", "domain"]).then_some(()));
    let urls = [
        ("REGISTRY_RELAY_URL", ground.url("registry", "registry_relay")),
        ("PROFILE_RELAY_URL", ground.url("profile", "profile_relay")),
        ("REGISTRY_WRITER_URL", ground.url("registry", "registry_writer")),
        ("ORPHANS_PATIENCE_MS", "300".to_owned()),
    ];
    let orphans = |line: &[&str]| run_with(&ground, line, &urls.each_ref().map(|(name, url)| (*name, url.as_str())));
    let (code, said) = orphans(&["orphans"]);
    let listed = format!(
        "api {} of organisation {ORGANISATION} is owned by {gone}, who is gone
domain {} of organisation {ORGANISATION} is owned by {gone}, who is gone
2 orphans, 1 deletions that the shared database would have refused.\n",
        id(40),
        id(21)
    );
    assert!(code == 1 && said.starts_with(&listed), "{code}: {said}");
    let (code, said) = orphans(&["orphans", "--repair"]);
    assert!(code == 0 && said.ends_with("All repaired.\n"), "{code}: {said}");
    let (code, said) = orphans(&["orphans"]);
    assert_eq!((code, said.as_str()), (0, "0 orphans, 0 deletions that the shared database would have refused.\n"));
    let changes = "select c.kind || ' ' || c.version || ' ' || c.before::text || ' ' || c.after::text from registry.changes c order by c.id";
    let (api, domain) = (id(30), id(20));
    let expected = [
        format!(
            r#"ApiModified 3 {{"name": "Cards", "domainId": "{domain}", "subDomainId": "{api}", "technicalOwnerId": "{gone}"}} {{"name": "Cards", "domainId": "{domain}", "subDomainId": "{api}", "technicalOwnerId": null}}"#
        ),
        format!(
            r#"DomainModified 5 {{"name": "Left", "domainId": "{left}", "description": null, "businessOwnerId": "{gone}"}} {{"name": "Left", "domainId": "{left}", "description": null, "businessOwnerId": null}}"#,
            left = id(21)
        ),
    ];
    assert_eq!(texts(&mut registry, changes), expected);
    let rows = "select a.version || ' ' || a.business_owner_id || ' ' || coalesce(a.technical_owner_id::text, 'nobody') from registry.apis a";
    assert_eq!(texts(&mut registry, rows), [format!("3 {here} nobody")]);
    // Profile's copy no longer says that the person is needed.
    eventually("the copies know", || texts(&mut profile, &needed).is_empty().then_some(()));
}
