//! From a month's end to a freeze and back, by real runs over the contract alone: what Billing decides, Account shows and
//! Registry enforces.

use behaviour::{World, json};
use lab::system::clock;
use lab::system::clock::Move;
use lab::system::{Deployment, Options};

use crate::support::{unique, until, world};

const DAY: i64 = 86_400;

/// An admin who can sign in again: each move of the clock ends the tokens made before.
struct Admin<'a> {
    world: &'a World,
    organisation: String,
    email: String,
}

const PASSWORD: &str = "long enough to pass";

impl<'a> Admin<'a> {
    fn sign_up(world: &'a World, plan: &str) -> Self {
        let email = format!("{}@dunning.example", unique("a"));
        let body = json!({"name": unique("Dunned"), "plan": plan, "admin": {"email": email, "password": PASSWORD}});
        let made = world.account().post("/organisations").json(&body).send().expect(201);
        Self { world, organisation: made.id().to_string(), email }
    }

    fn token(&self) -> String {
        let body = json!({"email": self.email, "password": PASSWORD});
        let answer = self.world.account().post("/sessions").json(&body).send().expect(200);
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    fn path(&self, rest: &str) -> String {
        format!("/organisations/{}{rest}", self.organisation)
    }

    fn standing(&self) -> String {
        let seen = self.world.account().get(&self.path("")).token(&self.token()).send().expect(200).json();
        seen["standing"].as_str().unwrap().to_owned()
    }

    fn invoices(&self) -> Vec<behaviour::Value> {
        let list = self.world.billing().get(&self.path("/invoices")).token(&self.token()).send().expect(200);
        list.json()["items"].as_array().unwrap().clone()
    }

    fn registry(&self) -> u16 {
        self.world.registry().get(&self.path("/apis")).token(&self.token()).send().status
    }
}

#[test]
fn who_does_not_pay_is_frozen_and_who_pays_is_not() {
    let options = Options { ephemeral: true, ..Options::default() };
    let up = Deployment::start(&options, |_| {}).unwrap();
    pay_or_freeze(&up, &world(up.place()));
}

/// A month ends: one is invoiced and charged, the other frozen, until it pays.
pub fn pay_or_freeze(up: &Deployment, world: &World) {
    let on = |days: i64| clock::run(Move::By(days * DAY), up.up_json()).unwrap();
    let owing = Admin::sign_up(world, "team");
    let paying = Admin::sign_up(world, "team");
    let card = json!({"paymentMethodToken": "pm_card_visa"});
    let give_card = |admin: &Admin| {
        let put = world.billing().put(&admin.path("/payment-method")).token(&admin.token()).json(&card).send();
        assert!([200, 201].contains(&put.status), "{}", put.describe());
    };
    give_card(&paying);

    // Past the month's end, so the run of this month is due; then past the notice, so the charges are.
    on(33);
    until("both are invoiced", || !owing.invoices().is_empty() && !paying.invoices().is_empty());
    on(4);
    until("the card is charged", || paying.invoices().iter().any(|invoice| invoice["status"] == "paid"));
    // Day after day, as in life: the retries 1, 3 and 7 days after the first failure, the freeze 14 days after it.
    for _ in 0..7 {
        on(1);
        assert_eq!(owing.registry(), 200, "not frozen before its time");
    }
    until("it is overdue", || owing.standing() == "overdue");
    on(8);
    until("it is frozen", || owing.standing() == "frozen");
    assert_eq!(owing.registry(), 402);
    assert_eq!((paying.standing().as_str(), paying.registry()), ("active", 200));

    give_card(&owing);
    for invoice in owing.invoices().iter().filter(|invoice| invoice["status"] == "overdue") {
        let path = owing.path(&format!("/invoices/{}/payments", invoice["id"].as_str().unwrap()));
        world.billing().post(&path).token(&owing.token()).json(&json!({})).send().expect(200);
    }
    assert_eq!((owing.standing().as_str(), owing.registry()), ("active", 200), "at once");
}
