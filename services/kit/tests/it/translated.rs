//! A server whose messages are in another language: errors are known by its words, so a login that can't have them in English
//! isn't served, and says why.

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use schema::testing::{GERMAN, TestCluster, in_german, speaks_german};

use crate::http::until;
use crate::own::{Own, Urls};

#[test]
fn a_server_in_german_is_asked_for_english_or_refused_in_a_sentence() {
    in_german("translated::a_server_in_german_is_asked_for_english_or_refused_in_a_sentence", || {
        let cluster = TestCluster::ephemeral();
        let urls = Urls::of(&cluster);
        if speaks_german(&urls.superuser).is_none() {
            return;
        }
        let mut superuser = diesel::PgConnection::establish(&urls.superuser).unwrap();
        superuser.batch_execute(&format!("alter system set {GERMAN}")).unwrap();
        superuser.batch_execute("select pg_reload_conf()").unwrap();
        let set = |connection: &mut diesel::PgConnection, what: &str| {
            for role in ["account_reader", "account_writer"] {
                connection.batch_execute(&what.replace("ROLE", role)).unwrap();
            }
        };
        // As `db-roles.sql` has it.
        let own = Own::at(&urls, |_| {});
        until("ready", || (own.ready().status == 200).then_some(()));
        own.service.stop().unwrap();
        // Where nobody could apply that: refused.
        set(&mut superuser, "alter role ROLE reset lc_messages");
        let own = Own::at(&urls, |_| {});
        let said = until("why not", || Some(own.ready().text()).filter(|text| text.contains("lc_messages")));
        assert!(said.contains("not in English") && said.contains("alter role"), "{said}");
        assert_eq!(own.list().status, 503);
        // Where a login may do it by itself, it does.
        set(&mut superuser, "grant set on parameter lc_messages to ROLE");
        until("ready", || (own.ready().status == 200).then_some(()));
    });
}
