//! The contract's assertions: this service's own, and those that hold for every operation.

use behaviour::profile;
use behaviour::table::{Table, Victim};

use crate::fixture::House;

#[test]
fn suite() {
    let house = House::new();
    behaviour::run(&house.world, &profile::suite());
}

behaviour::checks!(House::new(), table);

fn table(house: &House) -> Table<'_> {
    Table::new(&house.world, "profile", victim(house))
}

fn victim(house: &House) -> Victim {
    let tenant = house.world.tenant("team");
    let profile = house.world.profile();
    let secret = behaviour::json!({
        "name": "Sibyl Secret", "jobTitle": "Keeper of Riddles", "email": "sibyl@secret.example", "timeZone": "Asia/Tokyo",
    });
    let path = tenant.path("/profiles");
    profile.post(&path).token(&tenant.admin_token).json(&secret).send().expect(201);
    let secrets = ["Ada Admin", "Mel Member", "Sibyl", "Riddles", "sibyl@", "Asia/Tokyo", "@fixture.example"];
    Victim {
        ids: vec![("id".to_owned(), tenant.admin_profile.to_string())],
        secrets: secrets.map(str::to_owned).to_vec(),
        bodies: Vec::new(),
        tenant,
    }
}
