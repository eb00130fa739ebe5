//! Frozen organisations. What every endpoint answers them is the suite's `across`; here: how fast, and by whose row.

use behaviour::registry::Desk;

use crate::fixture::House;
use crate::sql;

/// A row by Billing's login makes the very next request 402, unfreezing the next one 200: nothing is remembered.
#[test]
fn the_very_next_request() {
    let house = House::new();
    let desk = Desk::new(&house.world, "team");
    let (_, place) = desk.place();
    let path = format!("/apis/{}", desk.api(place, "cards"));
    let mut billing = house.db.connect("billing_writer");
    let of = format!("where organisation_id = '{}'", desk.tenant.org);
    house.world.fixture.set_standing(desk.tenant.org, "frozen");
    for _ in 0..20 {
        desk.get(&path).expect(402);
        desk.post("/domains", &behaviour::json!({"name": "x"})).expect(402);
        sql::run(
            &mut billing,
            &format!(
                "update billing.standings
                set standing = 'active', overdue_since = null, first_failed_at = null, frozen_at = null {of}"
            ),
        )
        .unwrap();
        desk.get(&path).expect(200);
        desk.get("/domains").expect(200);
        sql::run(
            &mut billing,
            &format!(
                "update billing.standings
                set standing = 'frozen', overdue_since = now(), first_failed_at = now(), frozen_at = now() {of}"
            ),
        )
        .unwrap();
    }
}
