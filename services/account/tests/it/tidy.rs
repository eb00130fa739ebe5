//! What nobody needs any more goes, by the service's clock.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;

use crate::here::Here;

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

#[test]
fn old_changes_go_once_they_have_been_read() {
    let here = Here::new();
    let mut superuser = here.superuser();
    here.organisation("free");
    let mut count = |text: &str| -> i64 {
        let row: Count = sql_query(text).get_result(&mut superuser).expect("a count");
        row.count
    };
    let all = "select count(*) from account.changes";
    assert_eq!(count(all), 2);
    // Read up to and with the first of the two.
    let read = "insert into notification.feed_cursors (feed, xid, id, updated_at) \
        select 'account', c.xid, c.id, c.at from account.changes c order by c.xid, c.id limit 1";
    here.superuser().batch_execute(read).expect("a cursor");
    here.clock(29 * 86_400);
    here.organisation("free");
    assert_eq!(count(all), 4, "none is old enough");
    here.clock(31 * 86_400);
    behaviour::assert::eventually("one has gone", || (count(all) == 3).then_some(()));
    let left = "select count(*) from account.changes where kind = 'OrganisationCreated'";
    assert_eq!(count(left), 1, "the one that was not read stays");
}
