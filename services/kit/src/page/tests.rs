//! Cursors, limits and pages.

use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn every_place_reads_back(micros in 0..4_102_444_800_000_000i64, id: u128, path in "/[a-z/]{0,20}") {
        let place = Keyset::new(DateTime::from_timestamp_micros(micros).unwrap(), Uuid::from_u128(id));
        let cursor = page(&path, "").unwrap().cursor(place);
        prop_assert_eq!(page(&path, &format!("cursor={cursor}")).unwrap().after, Some(place));
        let elsewhere = page(&(path + "x"), &format!("cursor={cursor}"));
        prop_assert!(elsewhere.is_err());
    }

    #[test]
    fn any_text_is_a_cursor_or_an_error(text in "[A-Za-z0-9_-]{0,60}|\\PC{0,40}", query in "\\PC{0,60}") {
        prop_assert!(place(&text, &[0; MARK]).is_err() || text.len() == 43);
        if let Ok(mut parameters) = query::pairs(&query) {
            let _ = Page::take("/a", &mut parameters);
        }
    }
}

fn page(path: &str, query_string: &str) -> Result<Page, Error> {
    Page::take(path, &mut query::pairs(query_string).unwrap())
}

#[test]
fn a_cursor_leads_back_to_its_place_and_nowhere_else() {
    let start = page("/a", "limit=1&tag=x").unwrap();
    let keys: Vec<_> =
        (0..2).map(|n| Keyset::new(DateTime::from_timestamp_micros(n).unwrap(), Uuid::now_v7())).collect();
    let first = start.finish(keys.clone(), |key| *key);
    assert_eq!(first.items.len(), 1);
    let cursor = first.next_cursor.unwrap();
    let next = page("/a", &format!("tag=x&limit=7&cursor={cursor}")).unwrap();
    assert_eq!((next.limit, next.after), (7, Some(keys[0])));
    assert!(page("/b", &format!("tag=x&cursor={cursor}")).is_err(), "another path");
    assert!(page("/a", &format!("tag=y&cursor={cursor}")).is_err(), "another filter");
    assert!(page("/a", &format!("tag=x&cursor={}", &cursor[1..])).is_err(), "garbled");
    assert!(page("/a", "tag=x&cursor=").is_err(), "empty");
}

/// Anybody can build a cursor: it names its list and holds no secret.
#[test]
fn a_cursor_to_a_time_that_postgres_does_not_know_is_refused() {
    let list = page("/a", "").unwrap();
    for early in [DateTime::<Utc>::MIN_UTC, DateTime::UNIX_EPOCH - chrono::TimeDelta::microseconds(1)] {
        let cursor = list.cursor(Keyset::new(early, Uuid::nil()));
        assert!(page("/a", &format!("cursor={cursor}")).is_err(), "{early}");
    }
}

#[test]
fn the_last_page_has_no_cursor() {
    let page = page("/a", "limit=2").unwrap();
    assert_eq!(page.fetch(), 3);
    assert_eq!(page.finish(vec![1, 2], |_| unreachable!()).next_cursor, None);
}

#[test]
fn limits() {
    assert_eq!(page("/a", "").unwrap().limit, 50);
    for wrong in ["0", "201", "-1", "x", "", "1.5", "99999999999999999999"] {
        assert!(page("/a", &format!("limit={wrong}")).is_err(), "{wrong}");
    }
}
