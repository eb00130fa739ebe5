//! The sandbox, over HTTP, as Billing sees it.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod client;

use serde_json::{Value, json};

use client::{Client, Process, start};

#[test]
fn tokens_do_what_stripe_says() {
    let (_running, client, _folder) = start();
    let customer = client.customer("pm_card_visa").0;
    let attach = |token: &str| {
        client.post(&format!("/v1/payment_methods/{token}/attach"), None, &[("customer", &customer)]).unwrap()
    };
    for (token, status, kind, code, decline_code) in [
        ("pm_card_chargeDeclined", 402, "card_error", "card_declined", json!("generic_decline")),
        ("pm_card_chargeDeclinedInsufficientFunds", 402, "card_error", "card_declined", json!("insufficient_funds")),
        ("pm_card_chargeDeclinedExpiredCard", 402, "card_error", "expired_card", Value::Null),
        ("pm_unheard_of", 404, "invalid_request_error", "resource_missing", Value::Null),
    ] {
        let (got, body) = attach(token);
        assert_eq!(
            (got, &body["error"]["type"], &body["error"]["code"], &body["error"]["decline_code"]),
            (status, &json!(kind), &json!(code), &decline_code),
            "{token}"
        );
    }
    let (status, method) = attach("pm_card_visa");
    assert_eq!((status, &method["card"]["brand"], &method["card"]["last4"]), (200, &json!("visa"), &json!("4242")));
    let listed = client.get(&format!("/v1/payment_methods?customer={customer}"));
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);

    let refused = client.charge("k1", &client.customer("pm_card_chargeCustomerFail"), "100").unwrap();
    assert_eq!((refused.0, &refused.1["error"]["code"]), (402, &json!("card_declined")));
    assert_eq!(refused.1["error"]["payment_intent"]["status"], "requires_payment_method");
    let ledger = client.get("/ledger");
    assert_eq!((&ledger["count"], &ledger["amount"], &ledger["declined"]), (&json!(0), &json!(0), &json!(1)));
}

#[test]
fn a_key_charges_once() {
    let (_running, client, _folder) = start();
    let card = client.customer("pm_card_visa");
    let first = client.charge("k", &card, "4900").unwrap();
    assert_eq!((first.0, &first.1["status"], &first.1["amount_received"]), (200, &json!("succeeded"), &json!(4900)));
    assert_eq!(client.charge("k", &card, "4900").unwrap(), first);
    let (status, body) = client.charge("k", &card, "4901").unwrap();
    assert_eq!((status, &body["error"]["type"]), (400, &json!("idempotency_error")));
    std::thread::scope(|scope| {
        let asked: Vec<_> =
            (0..8).map(|_| scope.spawn(|| client.charge("race", &card, "1").unwrap().1["id"].clone())).collect();
        let ids: Vec<_> = asked.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(ids.iter().all(|id| *id == ids[0]));
    });
    assert_eq!(
        (client.get("/ledger")["count"].clone(), client.get("/ledger")["amount"].clone()),
        (json!(2), json!(4901))
    );
    let listed = client.get(&format!("/v1/payment_intents?customer={}&limit=1", card.0));
    assert_eq!((&listed["has_more"], &listed["data"][0]["metadata"]["invoice"]), (&json!(true), &json!("race")));
    let id = first.1["id"].as_str().unwrap();
    assert_eq!(client.get(&format!("/v1/payment_intents/{id}")), first.1);
}

#[test]
fn bad_requests_get_stripes_errors() {
    let (running, client, _folder) = start();
    let card = client.customer("pm_card_visa");
    for (amount, status) in [("0", 400), ("-1", 400), ("1.5", 400), ("x", 400)] {
        assert_eq!(client.charge("bad", &card, amount).unwrap().0, status, "{amount}");
    }
    let stranger = client.customer("pm_card_visa");
    let (status, body) = client.charge("bad", &(card.0.clone(), stranger.1), "1").unwrap();
    assert_eq!((status, &body["error"]["code"]), (400, &json!("resource_missing")));
    let response = Client::agent().post(format!("{}/v1/customers", running.url)).send_form([("a", "b")]).unwrap();
    assert_eq!(response.status(), 401);
    let detached = client.post(&format!("/v1/payment_methods/{}/detach", card.1), None, &[]).unwrap();
    assert_eq!((detached.0, &detached.1["customer"]), (200, &Value::Null));
    assert_eq!(client.charge("gone", &card, "1").unwrap().0, 400);
    assert_eq!(client.get("/ledger")["count"], 0);
}

#[test]
fn dials_lose_answers_and_not_money() {
    let (_running, client, _folder) = start();
    let card = client.customer("pm_card_visa");
    client.control(json!({ "dropNext": 1 }));
    assert!(client.charge("lost", &card, "10").is_err());
    assert_eq!(client.get("/ledger")["count"], 1);
    assert_eq!(client.charge("lost", &card, "10").unwrap().0, 200);
    assert_eq!(client.get("/ledger")["count"], 1);
    client.control(json!({ "errorNext": 1 }));
    let (status, body) = client.charge("trouble", &card, "10").unwrap();
    assert_eq!((status, &body["error"]["type"]), (500, &json!("api_error")));
    assert_eq!(client.get("/ledger")["count"], 1);
    client.control(json!({ "hangPerMille": 1000, "hangMs": 30_000 }));
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(std::time::Duration::from_millis(200))).build().into();
    let request = agent.post(format!("{}/v1/customers", client.0)).header("authorization", "Bearer sk_test_sandbox");
    assert!(matches!(request.send_form([("a", "b")]), Err(ureq::Error::Timeout(_))));
    let refused = Client::agent().post(format!("{}/control", client.0)).send_json(json!({ "volume": 11 })).unwrap();
    assert_eq!(refused.status(), 400);
}

#[test]
fn what_was_charged_outlives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger");
    let process = Process::start(&file);
    let card = process.1.customer("pm_card_visa");
    let paid = process.1.charge("k", &card, "4900").unwrap();
    drop(process);
    // A line that the kill tore: never answered, so it must not count.
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, [whole.as_slice(), &whole[..40]].concat()).unwrap();
    let process = Process::start(&file);
    assert_eq!(process.1.charge("k", &card, "4900").unwrap(), paid);
    assert_eq!(process.1.charge("k2", &card, "1").unwrap().0, 200);
    drop(process);
    let process = Process::start(&file);
    assert_eq!(
        (process.1.get("/ledger")["count"].clone(), process.1.get("/ledger")["amount"].clone()),
        (json!(2), json!(4901))
    );
}
