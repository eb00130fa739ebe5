//! The contract's assertions: this service's own, and those that hold for every operation.

use behaviour::billing;
use behaviour::table::{Table, Victim};

use crate::house::{House, this_month};

#[test]
fn suite() {
    let house = House::new();
    behaviour::run(&house.world, &billing::suite());
}

behaviour::checks!(House::new(), table);

fn table(house: &House) -> Table<'_> {
    Table::new(&house.world, "billing", victim(house))
}

/// Somebody with a card and an invoice that is not paid yet.
fn victim(house: &House) -> Victim {
    let (period, time) = this_month();
    house.go_to(time);
    let tenant = house.world.tenant("team");
    house.card(&tenant, "pm_card_visa");
    let run = house.run(period).expect(202).id().to_string();
    house.tick(time);
    let invoice = house.invoices(&tenant)[0]["id"].as_str().unwrap().to_owned();
    Victim {
        ids: vec![("find_run.id".to_owned(), run), ("id".to_owned(), invoice)],
        secrets: ["4242", "pm_", "cus_"].map(str::to_owned).to_vec(),
        bodies: Vec::new(),
        tenant,
    }
}
