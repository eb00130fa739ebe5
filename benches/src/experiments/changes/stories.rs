//! Three wishes that a shared database grants cheaply, priced: what can be measured is done and timed, the rest is called an estimate.

mod sixth;

use std::path::Path;
use std::time::{Duration, Instant};

use super::edits::{self, Edit};
use super::scratch::Scratch;
use super::story::{Step, Story, estimate, timed};
use crate::Failure;
use crate::data::failed;
use sixth::sixth_service;

/// How many changes are worked through again.
const REPLAYED: i64 = 20_000;

/// All three, on the scratch system, with the source tree at `root`. The system is put back first.
pub fn price(scratch: &Scratch, root: &Path) -> Result<Vec<Story>, Failure> {
    scratch.begin()?;
    Ok(vec![one_more_column(scratch, root)?, replay(scratch)?, sixth_service(scratch, root)?])
}

const ONE_MORE_COLUMN: &[Edit] = &[
    Edit {
        file: "schema/views/profile.sql",
        from: "select p.organisation_id, p.id, p.name, p.job_title\n",
        to: "select p.organisation_id, p.id, p.name, p.job_title, p.time_zone\n",
    },
    Edit {
        file: "services/registry/src/views.rs",
        from: "        job_title -> Nullable<Text>,\n",
        to: "        job_title -> Nullable<Text>,\n        time_zone -> Nullable<Text>,\n",
    },
    Edit {
        file: "services/registry/src/model.rs",
        from: "    pub job_title: Option<String>,\n",
        to: "    pub job_title: Option<String>,\n    /// Where the clock of this person is.\n    pub time_zone: Option<String>,\n",
    },
    Edit { file: "services/registry/src/store/apis.rs", from: ".job_title", to: ".job_title, {before}.time_zone" },
    Edit { file: "services/registry/src/store/domains.rs", from: "p.job_title", to: "p.job_title, p.time_zone" },
    Edit {
        file: "docs/contract/registry.yaml",
        from: "        jobTitle: {type: [string, 'null']}\n",
        to: "        jobTitle: {type: [string, 'null']}\n        timeZone: {type: [string, 'null']}\n",
    },
];

fn one_more_column(scratch: &Scratch, root: &Path) -> Result<Story, Failure> {
    let edited = edits::apply(root, ONE_MORE_COLUMN)?;
    let mut here = Vec::new();
    timed(&mut here, || {
        let sql = edited.text("schema/views/profile.sql")?;
        let mut client = scratch.deployment().superuser()?;
        client
            .batch_execute(&format!("begin; set local role profile_publisher; {sql}; commit"))
            .map_err(|error| failed("publishing one more column", &error))?;
        Ok(((), "the edited view is put in place, under the running services".to_owned()))
    })?;
    timed(&mut here, || {
        let mut client = scratch.deployment().superuser()?;
        let rows = client
            .batch_execute("begin; set local role registry_reader")
            .and_then(|()| client.query("select p.name, p.time_zone from published.persons p", &[]))
            .map_err(|error| failed("reading one more column", &error))?;
        Ok(((), format!("Registry's reader reads it: {} people", rows.len())))
    })?;
    Ok(Story {
        id: "one-more-column".into(),
        title: "A reader now wants one more column: Registry shows an owner's time zone".into(),
        files: edited.touched(),
        deployments: 1,
        here,
        elsewhere: vec![
            estimate(
                "HTTP calls",
                (9, 2, 60),
                "the owner's contract, handler and store, the reader's client, its cache and its fake in tests; the owner deploys first",
            ),
            estimate(
                "events and copies",
                (11, 2, 120),
                "the event's schema, its producer, the reader's table, migration and consumer; then every person is sent again to fill the copy",
            ),
        ],
    })
}

fn replay(scratch: &Scratch) -> Result<Story, Failure> {
    let mut here = Vec::new();
    scratch.deployment().stop_services()?;
    let mut client = scratch.deployment().superuser()?;
    client
        .batch_execute(&format!(
            "insert into registry.changes (at, kind, organisation_id, entity_id, version, request_id, before, after)
             select now() - n * interval '48 hours' / {REPLAYED}, 'ApiModified', (select min(id::text)::uuid from account.organisations),
                 gen_random_uuid()::text, n, 'replay', '{{\"name\": \"a\"}}', '{{\"name\": \"b\"}}'
             from generate_series({REPLAYED}, 1, -1) n;
             update notification.feed_cursors set xid = '0', id = 0, fan_out_id = null, fan_out_after = null where feed = 'registry'"
        ))
        .map_err(|error| failed("writing 48 hours of changes", &error))?;
    here.push(Step {
        what: format!("{REPLAYED} changes of 48 hours stand in Registry's table; Notification's cursor is set back"),
        seconds: None,
        extrapolated: false,
    });
    let rate = timed(&mut here, || {
        let started = Instant::now();
        scratch.deployment().start_service("notification")?;
        let unread = "select count(*) from registry.changes c, notification.feed_cursors f where f.feed = 'registry' and (c.xid, c.id) > (f.xid, f.id)";
        loop {
            let left: i64 =
                client.query_one(unread, &[]).map_err(|error| failed("waiting for the replay", &error))?.get(0);
            if left == 0 {
                break;
            }
            if started.elapsed() > Duration::from_secs(120) {
                return Err(Failure::could_not_run(format!("After two minutes {left} changes are still unread.")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok((
            REPLAYED as f64 / started.elapsed().as_secs_f64(),
            "Notification starts and works through all of them again".to_owned(),
        ))
    })?;
    here.push(Step {
        what: "48 hours with ten changes a second, at that speed".to_owned(),
        seconds: Some(48.0 * 36_000.0 / rate),
        extrapolated: true,
    });
    scratch.deployment().start_services()?;
    Ok(Story {
        id: "replay".into(),
        title: "48 hours of changes must be worked through again".into(),
        files: Vec::new(),
        deployments: 0,
        here,
        elsewhere: vec![
            estimate(
                "HTTP calls",
                (0, 0, 480),
                "nobody has kept what was said: it is pieced together from logs and by asking for everything, as it is now and not as it was",
            ),
            estimate(
                "events and copies",
                (0, 0, 30),
                "the log's offset is set back, if the log keeps so long and reading twice does no harm: it is made for that",
            ),
        ],
    })
}
