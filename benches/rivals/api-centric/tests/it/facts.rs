//! Facts that come in any order: the owner's latest stays.

use std::time::Instant;

use api_centric::facts::Facts;
use api_centric::neighbour::{Item, Question};
use api_centric::nouns::STANDINGS;
use api_centric::sql::Sql;
use behaviour::{Value, json};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use schema::apply::install;
use schema::testing::TestCluster;
use schema::{ApplyOptions, OwnDatabase};
use uuid::Uuid;

fn item(organisation: Uuid, version: i64) -> Item {
    let standing = if version % 2 == 0 { "frozen" } else { "active" };
    let row = json!({"organisation_id": organisation, "standing": standing, "overdue_since": null, "frozen_at": null});
    Item { version: Some(version), row: row.as_object().unwrap().clone() }
}

#[test]
fn the_latest_version_stays_whatever_came_first() {
    let cluster = TestCluster::bare();
    let own = OwnDatabase::of("registry").unwrap();
    install(cluster.cluster(), &own.name(), cluster.passwords(), &ApplyOptions::alone(own)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sql = || Sql::new(&cluster.url(&own.name(), &own.copier())).unwrap();
    let (facts, reading) = (Facts::new(sql(), true), sql());
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    let orders = (2i64..9).prop_flat_map(|most| Just((1..=most).collect::<Vec<_>>()).prop_shuffle());
    let result = runner.run(&orders, |versions| {
        let organisation = Uuid::now_v7();
        let question = Question::of(&STANDINGS, [organisation]);
        runtime.block_on(async {
            for version in &versions {
                facts.write(&question, Instant::now(), &[item(organisation, *version)]).await.unwrap();
            }
        });
        let newest = versions.iter().max().copied().unwrap_or_default();
        let find = "select (select to_json(s.standing) from published.standings s where s.organisation_id = $1)::text";
        let standing: Value = runtime.block_on(reading.json(find, &[&organisation])).unwrap();
        prop_assert_eq!(standing, item(organisation, newest).row["standing"].clone());
        Ok(())
    });
    result.unwrap();
}

#[test]
fn every_statement_of_every_noun_can_be_run_by_its_login() {
    let cluster = TestCluster::bare();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for service in api_centric::SERVICES {
        let own = OwnDatabase::of(service).unwrap();
        install(cluster.cluster(), &own.name(), cluster.passwords(), &ApplyOptions::alone(own)).unwrap();
        let sql = |login: &str| Sql::new(&cluster.url(&own.name(), login)).unwrap();
        let (reader, copier) = (sql(&format!("{service}_reader")), sql(&own.copier()));
        let (organisation, ids) = (Some(Uuid::now_v7()), Some(vec![Uuid::now_v7()]));
        for (noun, with_ids) in api_centric::nouns::NOUNS.iter().flat_map(|noun| [(noun, false), (noun, true)]) {
            let statements = noun.statements(with_ids);
            if noun.owner == service {
                runtime.block_on(reader.text(&statements.answer, &[&organisation, &ids])).unwrap();
            } else if own.nouns().iter().any(|read| read == noun.name) {
                runtime.block_on(copier.text(&statements.local, &[&organisation, &ids])).unwrap();
                let none = "[]".to_owned();
                runtime.block_on(copier.text(&statements.write, &[&organisation, &ids, &none, &none])).unwrap();
            }
        }
    }
}

/// Else each statement is planned anew each time: that costs more than running it.
#[test]
fn sessions_keep_their_plans() {
    let cluster = TestCluster::bare();
    let own = OwnDatabase::of("registry").unwrap();
    install(cluster.cluster(), &own.name(), cluster.passwords(), &ApplyOptions::alone(own)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sql = Sql::new(&cluster.url(&own.name(), &own.copier())).unwrap();
    let mode: String =
        runtime.block_on(sql.json("select to_json(current_setting('plan_cache_mode'))::text", &[])).unwrap();
    assert_eq!(mode, "force_generic_plan");
}
