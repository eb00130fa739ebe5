//! Cards: taken from the provider by token, never by number.

use behaviour::assert::{keys, names_field, problem, problem_of};
use behaviour::{Response, Tenant, Value, json};
use billing::provider::Card;
use billing::store::payment_methods;
use chrono::Utc;
use diesel::PgConnection;
use diesel::connection::SimpleConnection as _;
use kit::Error;
use kit::id::OrganisationId;

use crate::house::House;

fn put(house: &House, tenant: &Tenant, body: &Value) -> Response {
    let call = house.api().put(&tenant.path("/payment-method")).json(body);
    house.admin(tenant, call).send()
}

kit::statement! {
    /// All that is kept of cards.
    struct Stored() -> (Text, Text, Text, BigInt) =
        "select m.customer_id, m.token, m.last_four, m.version from billing.payment_methods m order by m.created_at"
}

type Row = (String, String, String, i64);

#[test]
fn a_card_comes_is_replaced_and_goes() {
    let house = House::new();
    let tenant = house.world.tenant("team");
    let path = tenant.path("/payment-method");
    let get = || house.api().get(&path).token(&tenant.member_token).send();
    get().expect(404);
    let first = put(&house, &tenant, &json!({ "paymentMethodToken": "pm_card_visa" })).expect(201);
    assert_eq!(first.header("location"), Some(format!("/api/v1{path}").as_str()));
    assert_eq!(
        keys(&first.json()),
        ["brand", "createdAt", "expiryMonth", "expiryYear", "lastFour", "updatedAt", "version"]
    );
    assert_eq!((&first.json()["brand"], &first.json()["lastFour"]), (&json!("visa"), &json!("4242")));
    assert_eq!(get().expect(200).json(), first.json());
    let other = json!({ "paymentMethodToken": "pm_card_mastercard" });
    put(&house, &tenant, &other).expect(428);
    let call = |etag: &str| house.api().put(&path).json(&other).if_match(etag);
    house.admin(&tenant, call("\"7\"")).send().expect(412);
    house.admin(&tenant, call("7")).send().expect(400);
    let second = house.admin(&tenant, call(&first.etag())).send().expect(200);
    assert_eq!((&second.json()["lastFour"], second.etag().as_str()), (&json!("4444"), "\"2\""));
    let delete = |etag: &str| house.admin(&tenant, house.api().delete(&path).if_match(etag)).send();
    delete(&first.etag()).expect(412);
    delete(&second.etag()).expect(204);
    get().expect(404);
    delete(&second.etag()).expect(404);
    house.admin(&tenant, call(&second.etag())).send().expect(412);
    put(&house, &tenant, &other).expect(201);
    let rows: Vec<Row> = house.rows(Stored {});
    assert!(rows[0].0.starts_with("cus_") && rows[0].1.starts_with("pm_"), "{rows:?}");
}

#[test]
fn cards_that_are_not_taken() {
    let house = House::new();
    let tenant = house.world.tenant("team");
    for (token, code) in [
        ("pm_unheard_of", "resource_missing"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("", "invalid_format"),
        ("pm_card/../visa", "invalid_format"),
        ("pm card", "invalid_format"),
    ] {
        let answer = put(&house, &tenant, &json!({ "paymentMethodToken": token }));
        let refused = problem_of(&answer, 422, "invalid");
        assert!(names_field(&refused, "paymentMethodToken"), "{token}: {refused}");
        assert_eq!(refused["errors"][0]["code"], code, "{token}");
    }
    for unreadable in
        [json!({}), json!({ "paymentMethodToken": 1 }), json!({ "paymentMethodToken": "pm_card_visa", "x": 1 })]
    {
        problem(&put(&house, &tenant, &unreadable), 400);
    }
    let member = house.api().put(&tenant.path("/payment-method")).token(&tenant.member_token);
    member.json(&json!({ "paymentMethodToken": "pm_card_visa" })).send().expect(403);
    assert_eq!(house.rows::<_, Row>(Stored {}), []);
}

#[test]
fn card_numbers_are_refused_and_quoted_nowhere() {
    let house = House::new();
    let tenant = house.world.tenant("team");
    for body in [
        json!({ "paymentMethodToken": "4242424242424242" }),
        json!({ "paymentMethodToken": "4242 4242 4242 4242" }),
        json!({ "paymentMethodToken": "4242-4242-4242-4242" }),
        json!({ "paymentMethodToken": 4242424242424242_u64 }),
        json!({ "paymentMethodToken": "pm_card_visa", "number": "4242424242424242" }),
        json!({ "paymentMethodToken": "pm_card_visa", "card": { "numbers": ["378282246310005"] } }),
        json!({ "4242424242424242": "pm_card_visa" }),
        json!(["4242424242424242"]),
        json!("4242424242424242"),
    ] {
        let answer = put(&house, &tenant, &body);
        let refused = problem_of(&answer, 422, "invalid");
        assert_eq!(refused["errors"][0]["code"], "card_number", "{body}");
        let quoted: String = answer.text().chars().filter(char::is_ascii_digit).collect();
        assert!(!quoted.contains("424242") && !quoted.contains("37828"), "{}", answer.text());
    }
    assert_eq!(house.rows::<_, Row>(Stored {}), []);
}

#[test]
fn the_provider_away_is_no_refusal() {
    let house = House::new();
    let tenant = house.world.tenant("team");
    house.dials(json!({ "errorPerMille": 1000 }));
    put(&house, &tenant, &json!({ "paymentMethodToken": "pm_card_visa" })).expect(503);
    assert_eq!(house.rows::<_, Row>(Stored {}), []);
    house.dials(json!({}));
    put(&house, &tenant, &json!({ "paymentMethodToken": "pm_card_visa" })).expect(201);
}

kit::statement! {
    /// Whether somebody waits for a lock.
    struct SomebodyWaits() -> Bool =
        "select exists (select from pg_catalog.pg_stat_activity a \
         where a.datname = pg_catalog.current_database() and a.wait_event_type = 'Lock')"
}

/// Two requests that both saw no card: the second must not replace a card that it has not seen.
#[test]
fn of_two_first_cards_at_once_the_second_is_refused() {
    let house = House::new();
    let tenant = house.world.tenant("team");
    let card = Card {
        token: "pm_x".into(),
        brand: "visa".into(),
        last_four: "4242".into(),
        expiry_month: 12,
        expiry_year: 2099,
    };
    let meta = kit::Meta { actor: None, request_id: "test".into(), now: Utc::now() };
    let set = |connection: &mut PgConnection| {
        payment_methods::set(connection, OrganisationId(tenant.org), None, "cus_x", &card, &meta)
    };
    let [mut one, mut two] = ["billing_writer"; 2].map(|role| house.db.connect(role));
    one.batch_execute("begin").unwrap();
    assert!(set(&mut one).unwrap().1, "the first card");
    std::thread::scope(|scope| {
        let second = scope.spawn(|| set(&mut two));
        while !house.rows::<_, bool>(SomebodyWaits {})[0] {
            assert!(!second.is_finished(), "it doesn't wait for the first");
            std::thread::yield_now();
        }
        one.batch_execute("commit").unwrap();
        assert!(matches!(second.join().unwrap(), Err(Error::PreconditionRequired)));
    });
}
