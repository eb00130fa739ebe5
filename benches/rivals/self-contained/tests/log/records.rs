//! What an ingester makes of records that a relay would never write, or writes twice.

use std::time::Duration;

use behaviour::assert::eventually;
use behaviour::json;
use chrono::Utc;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::types::RDKafkaErrorCode;

use crate::ground::Ground;
use crate::people::{ORGANISATION, texts};

const STRANGER: &str = "00000000-0000-7000-8000-000000000002";
const PERSON: &str = "00000000-0000-7000-8000-000000000003";
const TARGET: &str = "00000000-0000-7000-8000-000000000004";

pub struct Writer<'a> {
    ground: &'a Ground,
    producer: BaseProducer,
}

impl<'a> Writer<'a> {
    pub fn new(ground: &'a Ground) -> Self {
        let producer = ClientConfig::new().set("bootstrap.servers", &ground.log.kafka_brokers).create().unwrap();
        Self { ground, producer }
    }

    fn write(&self, noun: &str, key: &str, value: Option<&str>, headers: &[(&str, &str)]) {
        self.add(noun, key, value, headers);
        self.flush();
    }

    pub fn flush(&self) {
        self.producer.flush(Duration::from_secs(30)).unwrap();
    }

    pub fn add(&self, noun: &str, key: &str, value: Option<&str>, headers: &[(&str, &str)]) {
        let topic = format!("{}{noun}", self.ground.log.topic_prefix);
        let headers = headers
            .iter()
            .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(*value) }));
        let mut record = BaseRecord::to(&topic).key(key).headers(headers);
        record.payload = value;
        while let Err((error, again)) = self.producer.send(record) {
            assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "{error}");
            self.producer.poll(Duration::from_millis(10));
            record = again;
        }
    }

    fn person(&self, organisation: &str, name: Option<&str>, position: &str) {
        let row = json!({"organisation_id": organisation, "id": PERSON, "name": name, "job_title": ""}).to_string();
        let key = json!([organisation, PERSON]).to_string();
        self.write("persons", &key, name.map(|_| row.as_str()), &[("position", position)]);
    }

    fn change(&self, id: i64, kind: &str, needs: &str) {
        self.change_at(&now(), id, kind, needs);
    }

    fn change_at(&self, at: &str, id: i64, kind: &str, needs: &str) {
        let watch = json!({"kind": "domain", "targetId": TARGET, "profileId": PERSON});
        let row = json!({
            "id": id, "xid": (700 + id).to_string(), "at": at, "kind": kind, "organisation_id": ORGANISATION,
            "entity_id": TARGET, "version": id, "actor_id": null, "request_id": format!("test-{id}"), "before": null, "after": watch,
        });
        let headers = [("position", "1.1"), ("needs", needs)];
        self.write("registry_changes", ORGANISATION, Some(&row.to_string()), &headers);
    }
}

/// Today.
fn now() -> String {
    Utc::now().format("%Y-%m-%dT00:00:00+00:00").to_string()
}

const NAMES: &str = "select p.organisation_id::text || ' ' || p.name from published.persons p order by 1";

#[test]
fn the_newest_position_stays_and_poison_is_kept_aside() {
    let Some(ground) = Ground::find(&["registry"]) else { return };
    let writer = Writer::new(&ground);
    let mut copy = ground.connect("registry");
    writer.person(ORGANISATION, Some("Ada"), "2.5");
    writer.person(ORGANISATION, Some("Older"), "1.9");
    let key = json!([ORGANISATION, PERSON]).to_string();
    writer.write("persons", &key, Some("{not json"), &[("position", "2.6")]);
    writer.write("persons", &key, Some("{}"), &[]);
    // The row of one tenant under the key of another.
    let theirs = json!({"organisation_id": STRANGER, "id": PERSON, "name": "Eve", "job_title": ""}).to_string();
    writer.write("persons", &key, Some(&theirs), &[("position", "2.7")]);
    // Well-formed, but no row of the table.
    writer.write("persons", r#"["x", "y"]"#, Some(r#"{"organisation_id": "x", "id": "y"}"#), &[("position", "2.8")]);
    let _ingester = ground.ingester("registry");
    writer.person(STRANGER, Some("Last"), "2.9");
    let both = [format!("{ORGANISATION} Ada"), format!("{STRANGER} Last")];
    eventually("the good ones are there", || (texts(&mut copy, NAMES) == both).then_some(()));
    let aside =
        texts(&mut copy, "select a.at_offset || ' ' || a.reason from published.log_aside a order by a.at_offset");
    let reasons = [
        "2 the value is no JSON object",
        "3 no position",
        "4 organisation_id isn't that of the key",
        "5 the database: ",
    ];
    assert_eq!(aside.len(), reasons.len(), "{aside:#?}");
    assert!(aside.iter().zip(reasons).all(|(said, reason)| said.starts_with(reason)), "{aside:#?}");

    writer.person(ORGANISATION, None, "2.10");
    writer.person(ORGANISATION, Some("Back from the grave"), "2.4");
    writer.person(STRANGER, Some("Renamed"), "3.1");
    eventually("the rename is there", || {
        texts(&mut copy, NAMES).contains(&format!("{STRANGER} Renamed")).then_some(())
    });
    assert_eq!(texts(&mut copy, NAMES), [format!("{STRANGER} Renamed")]);
}

#[test]
fn a_poisoned_change_is_kept_aside_with_its_place_and_the_others_go_on() {
    let Some(ground) = Ground::find(&["notification"]) else { return };
    let writer = Writer::new(&ground);
    let mut copy = ground.connect("notification");
    writer.change(1, "DomainModified", "{}");
    let poison = [
        Some("{not json"),
        Some(
            r#"{"organisation_id": "00000000-0000-7000-8000-000000000002", "id": 2, "at": "2026-01-01T00:00:00+00:00"}"#,
        ),
        Some(r#"{"organisation_id": "00000000-0000-7000-8000-000000000001", "at": "2026-01-01T00:00:00+00:00"}"#),
        Some(
            r#"{"organisation_id": "00000000-0000-7000-8000-000000000001", "id": 3, "at": "yesterday", "entity_id": "\u0000"}"#,
        ),
        None,
    ];
    for value in poison {
        writer.write("registry_changes", ORGANISATION, value, &[("position", "1.2")]);
    }
    let _ingester = ground.ingester("notification");
    writer.change(9, "DomainModified", "{}");
    const CHANGES: &str = "select c.request_id from published.registry_changes c order by c.xid, c.id";
    eventually("the good ones are there", || (texts(&mut copy, CHANGES) == ["test-1", "test-9"]).then_some(()));
    let aside = texts(
        &mut copy,
        "select a.topic || ' ' || a.part || ' ' || a.at_offset || ' ' || a.reason from published.log_aside a order by a.at_offset",
    );
    let reasons = [
        "registry_changes 0 1 the value is no JSON object",
        "registry_changes 0 2 the organisation isn't that of the key",
        "registry_changes 0 3 no id",
        "registry_changes 0 4 the database: ",
        "registry_changes 0 5 a change that is gone",
    ];
    assert_eq!(aside.len(), reasons.len(), "{aside:#?}");
    assert!(aside.iter().zip(reasons).all(|(said, reason)| said.starts_with(reason)), "{aside:#?}");
}

#[test]
fn a_change_waits_for_its_rows_and_is_told_once() {
    let Some(ground) = Ground::find(&["notification"]) else { return };
    let writer = Writer::new(&ground);
    let mut copy = ground.connect("notification");
    let _ingester = ground.ingester("notification");
    writer.change(1, "DomainModified", "{}");
    writer.change(2, "WatchCreated", r#"{"watchers": {"0": 0}}"#);
    writer.change(2, "WatchCreated", r#"{"watchers": {"0": 0}}"#);
    writer.change(3, "DomainModified", r#"{"nobody-reads-this": {"0": 7}}"#);
    const CHANGES: &str = "select c.request_id from published.registry_changes c order by c.xid, c.id";
    eventually("the first is there", || (texts(&mut copy, CHANGES).len() == 1).then_some(()));
    // Other nouns don't wait for it.
    writer.person(ORGANISATION, Some("Ada"), "1.1");
    eventually("the person is there", || (texts(&mut copy, NAMES).len() == 1).then_some(()));
    assert_eq!(texts(&mut copy, CHANGES), ["test-1"]);
    let at = now();
    let watch = json!({
        "organisation_id": ORGANISATION, "kind": "domain", "target_id": TARGET, "profile_id": PERSON, "created_at": at,
        "ended_at": null, "created_xid": "5", "ended_xid": null,
    });
    let key = json!([ORGANISATION, "domain", TARGET, PERSON, at]).to_string();
    writer.write("watchers", &key, Some(&watch.to_string()), &[("position", "1.2")]);
    eventually("all are there", || (texts(&mut copy, CHANGES) == ["test-1", "test-2", "test-3"]).then_some(()));
    // Of a log whose end was lost: what never comes isn't waited for.
    writer.change(4, "DomainModified", r#"{"watchers": {"0": 99}}"#);
    eventually("what is gone isn't waited for", || (texts(&mut copy, CHANGES).len() == 4).then_some(()));
    // Who watches is told of what comes after, by the positions of this database.
    let told = texts(
        &mut copy,
        "select c.request_id from published.registry_changes c, published.watchers w
        where c.kind = 'DomainModified' and w.created_xid <= c.xid and w.ended_xid > c.xid order by c.xid, c.id",
    );
    assert_eq!(told, ["test-3", "test-4"]);
}

#[test]
fn old_changes_leave_the_copies_and_are_not_told_again() {
    let Some(ground) = Ground::find(&["notification"]) else { return };
    let writer = Writer::new(&ground);
    let mut copy = ground.connect("notification");
    let old = (Utc::now() - chrono::TimeDelta::days(31)).format("%Y-%m-%dT00:00:00+00:00").to_string();
    writer.change_at(&old, 1, "DomainModified", "{}");
    writer.change(2, "DomainModified", "{}");
    let _ingester = ground.ingester("notification");
    const CHANGES: &str = "select c.request_id from published.registry_changes c order by c.xid, c.id";
    // The old one stands before it.
    eventually("both were read", || texts(&mut copy, CHANGES).contains(&"test-2".to_owned()).then_some(()));
    eventually("the old one has gone", || (texts(&mut copy, CHANGES) == ["test-2"]).then_some(()));
    writer.change_at(&old, 1, "DomainModified", "{}");
    writer.change(3, "DomainModified", "{}");
    eventually("the next is there", || {
        (texts(&mut copy, CHANGES).last().map(String::as_str) == Some("test-3")).then_some(())
    });
    assert_eq!(texts(&mut copy, CHANGES), ["test-2", "test-3"]);
}
