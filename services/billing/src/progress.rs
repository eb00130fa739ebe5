//! How far the latest billing run is, and which payments are held, for `/metrics`.

use diesel::RunQueryDsl as _;
use kit::Measured;

kit::statement! {
    /// The run of the latest period: what is due, what has its invoice, and what still waits for its first answer.
    struct LatestRun() -> (Text, Integer, Integer, BigInt) =
        "select r.period, r.organisations, r.invoices, (select count(*) from billing.invoices i \
           where i.run_id = r.id and i.status = 'open' and i.first_failed_at is null) \
         from billing.runs r order by r.period desc limit 1"
}

/// `billing_run_organisations`, by period and part: `due`, `invoiced`, `unanswered`.
pub fn measured() -> Measured {
    let help = "Organisations of the latest billing run: due, invoiced, and not yet paid or refused.";
    let labels = &["period", "part"];
    Measured::new("billing_run_organisations", help, labels, |connection| {
        let runs = LatestRun {}.load::<(String, i32, i32, i64)>(connection)?;
        let parts = |(period, due, invoiced, unanswered): (String, i32, i32, i64)| {
            [
                (vec![period.clone(), "due".to_owned()], f64::from(due)),
                (vec![period.clone(), "invoiced".to_owned()], f64::from(invoiced)),
                (vec![period, "unanswered".to_owned()], unanswered as f64),
            ]
        };
        Ok(runs.into_iter().flat_map(parts).collect())
    })
}

kit::statement! {
    /// Attempts whose answer is of another charge.
    struct CountHeld() -> BigInt = "select count(*) from billing.payment_attempts a where a.outcome = 'mismatch'"
}

/// `billing_payment_mismatches`.
pub fn mismatches() -> Measured {
    let help = "Payments whose answer is of another charge than was asked for: neither paid nor charged again until that is settled.";
    Measured::new("billing_payment_mismatches", help, &[], |connection| {
        let held: i64 = CountHeld {}.get_result(connection)?;
        Ok(vec![(Vec::new(), held as f64)])
    })
}
