//! A month that is billed: which one, who orders it, and the card that all pay with.

use behaviour::{Client, Response, Services, Session};
use chrono::{Datelike, Utc};
use serde_json::json;

use crate::{Failure, Place};

/// The month so many months before this one.
pub fn period(back: u32) -> String {
    let today = Utc::now().date_naive();
    let months = today.year() * 12 + today.month0() as i32 - back as i32;
    format!("{:04}-{:02}", months.div_euclid(12), months.rem_euclid(12) + 1)
}

/// What Billing answers to the operator's order of a month: 202.
pub fn order(place: &Place, period: &str) -> Result<Response, Failure> {
    let operator = place.operator.as_ref().ok_or_else(|| Failure::could_not_run("The system has no operator."))?;
    let services = Services::new(place.services.iter().collect());
    let operator = Session::log_in(&services, &operator.email, &operator.password)?;
    Ok(operator.post("billing", "/billing-runs", &json!({ "period": period }))?)
}

/// The payment sandbox.
pub fn sandbox(place: &Place) -> Result<behaviour::Api, Failure> {
    let url = place.payments.as_ref().ok_or_else(|| Failure::could_not_run("There is no payment sandbox."))?;
    Ok(Client::new().api(url))
}

/// One customer with one card at the sandbox: that all organisations share it makes no difference to Billing.
pub fn card(sandbox: &behaviour::Api) -> Result<(String, String), Failure> {
    let form = |path: &str, form: String| -> Result<String, Failure> {
        let call = sandbox.raw("POST", path).token("sk_test_sandbox");
        let call = call.body("application/x-www-form-urlencoded", form.into_bytes());
        Ok(call.try_send()?.check(200)?.member("id").unwrap_or_default())
    };
    let customer = form("/v1/customers", String::new())?;
    let method = form("/v1/payment_methods/pm_card_visa/attach", format!("customer={customer}"))?;
    Ok((customer, method))
}
