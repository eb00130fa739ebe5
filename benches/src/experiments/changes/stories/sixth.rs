//! One more service, that needs everybody's data.

use std::path::Path;

use schema::DATABASE;

use crate::Failure;
use crate::data::failed;
use crate::experiments::changes::edits::{self, Edit};
use crate::experiments::changes::scratch::Scratch;
use crate::experiments::changes::story::{Story, estimate, timed};

const SIXTH: &[Edit] = &[
    Edit {
        file: "db-roles.sql",
        from: "-- == foundation ==\n",
        to: "create role search_reader login noinherit connection limit 8;\nalter role search_reader set search_path = '';\nalter role search_reader set statement_timeout = '2s';\nalter role search_reader set default_transaction_read_only = on;\n\n-- == foundation ==\n",
    },
    Edit {
        file: "db-roles.sql",
        from: "grant usage on schema published to account_reader, account_writer;\n",
        to: "grant usage on schema published to account_reader, account_writer;\ngrant usage on schema published to search_reader;\n",
    },
    Edit {
        file: "db-roles.sql",
        from: "grant select on published.organisations to profile_reader, profile_writer;",
        to: "grant select on published.organisations to search_reader; -- results by organisation\ngrant select on published.organisations to profile_reader, profile_writer;",
    },
    Edit {
        file: "db-roles.sql",
        from: "grant select on published.persons to account_reader, account_writer;",
        to: "grant select on published.persons to search_reader; -- people are found by name\ngrant select on published.persons to account_reader, account_writer;",
    },
    Edit {
        file: "db-roles.sql",
        from: "grant select on published.registry_changes to notification_reader, notification_writer;",
        to: "grant select on published.registry_changes, published.responsibilities, published.usage to search_reader; -- APIs are found by name and owner\ngrant select on published.registry_changes to notification_reader, notification_writer;",
    },
    Edit {
        file: "db-roles.sql",
        from: "grant select on published.standings to account_reader, account_writer;",
        to: "grant select on published.standings to search_reader; -- a frozen organisation finds nothing\ngrant select on published.standings to account_reader, account_writer;",
    },
    Edit {
        file: "db-roles.sql",
        from: "grant select on published.feed_cursors to account_reader, account_writer;",
        to: "grant select on published.feed_cursors to search_reader; -- how fresh mails are\ngrant select on published.feed_cursors to account_reader, account_writer;",
    },
];

/// One statement over the data of all five.
const EVERYBODYS: &str = "select o.name, p.name, r.kind, u.apis, coalesce(s.standing, 'active'), (select max(c.id) from published.feed_cursors c)
    from published.organisations o
    left join published.persons p on p.organisation_id = o.id
    left join published.responsibilities r on r.organisation_id = p.organisation_id and r.profile_id = p.id
    left join published.usage u on u.organisation_id = o.id
    left join published.standings s on s.organisation_id = o.id";

pub(super) fn sixth_service(scratch: &Scratch, root: &Path) -> Result<Story, Failure> {
    let edited = edits::apply(root, SIXTH)?;
    let mut here = Vec::new();
    timed(&mut here, || {
        let options = schema::drift::Options {
            file: schema::roles::RolesFile::new(edited.text("db-roles.sql")?),
            ..schema::drift::Options::default()
        };
        let url = scratch.deployment().url_of(DATABASE)?;
        let (done, left) = schema::drift::converge(&url, &options, &[])
            .map_err(|error| Failure::could_not_run(format!("{error}.")))?;
        let missing = left.findings.iter().find(|finding| finding.key.contains("search_reader"));
        match missing {
            Some(finding) => {
                Err(Failure::could_not_run(format!("The edited roles file could not be applied: {}.", finding.what)))
            }
            None => Ok((
                (),
                format!("the edited roles file is applied, under the running services: {} statements", done.len()),
            )),
        }
    })?;
    timed(&mut here, || {
        let mut client = scratch.deployment().superuser()?;
        let rows = client
            .batch_execute("begin; set local role search_reader")
            .and_then(|()| client.query(EVERYBODYS, &[]))
            .map_err(|error| failed("reading everybody's data", &error))?;
        Ok(((), format!("the new role reads five services in one statement: {} rows", rows.len())))
    })?;
    Ok(Story {
        id: "sixth-service".into(),
        title: "A sixth service, Search, needs everybody's data".into(),
        files: edited.touched(),
        deployments: 1,
        here,
        elsewhere: vec![
            estimate(
                "HTTP calls",
                (15, 6, 2400),
                "each of five teams offers a list of everything, in pages, and deploys it; Search asks for all of it again and again",
            ),
            estimate(
                "events and copies",
                (12, 1, 600),
                "five consumers and five tables to copy into; what happened before the log's beginning has to be sent again by each team",
            ),
        ],
    })
}
