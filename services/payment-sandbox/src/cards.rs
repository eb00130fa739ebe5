//! Stripe's well-known test tokens, and how each of them behaves.

/// When a card refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Attaches and pays.
    Pays,
    /// Can't be attached: Stripe's code and, for `card_declined`, its decline code.
    DeclinesAttach(&'static str, Option<&'static str>),
    /// Attaches, and declines whenever it is charged.
    DeclinesCharge(&'static str, Option<&'static str>),
}

/// One test token.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    /// The token, as in Stripe's documentation.
    pub token: &'static str,
    /// The card's brand.
    pub brand: &'static str,
    /// Its last four digits; more of the number exists nowhere.
    pub last_four: &'static str,
    /// What it does.
    pub behaviour: Behaviour,
}

const fn card(token: &'static str, brand: &'static str, last_four: &'static str, behaviour: Behaviour) -> Card {
    Card { token, brand, last_four, behaviour }
}

use Behaviour::{DeclinesAttach, DeclinesCharge, Pays};

/// Every token known.
pub const CARDS: &[Card] = &[
    card("pm_card_visa", "visa", "4242", Pays),
    card("pm_card_visa_debit", "visa", "5556", Pays),
    card("pm_card_mastercard", "mastercard", "4444", Pays),
    card("pm_card_amex", "amex", "8431", Pays),
    card("pm_card_chargeDeclined", "visa", "0002", DeclinesAttach("card_declined", Some("generic_decline"))),
    card(
        "pm_card_chargeDeclinedInsufficientFunds",
        "visa",
        "9995",
        DeclinesAttach("card_declined", Some("insufficient_funds")),
    ),
    card("pm_card_chargeDeclinedLostCard", "visa", "9987", DeclinesAttach("card_declined", Some("lost_card"))),
    card("pm_card_chargeDeclinedStolenCard", "visa", "9979", DeclinesAttach("card_declined", Some("stolen_card"))),
    card("pm_card_chargeDeclinedFraudulent", "visa", "0019", DeclinesAttach("card_declined", Some("fraudulent"))),
    card("pm_card_chargeDeclinedExpiredCard", "visa", "0069", DeclinesAttach("expired_card", None)),
    card("pm_card_chargeDeclinedIncorrectCvc", "visa", "0127", DeclinesAttach("incorrect_cvc", None)),
    card("pm_card_chargeDeclinedProcessingError", "visa", "0119", DeclinesAttach("processing_error", None)),
    card("pm_card_chargeCustomerFail", "visa", "0341", DeclinesCharge("card_declined", Some("generic_decline"))),
];

/// The card behind a token.
pub fn find(token: &str) -> Option<&'static Card> {
    CARDS.iter().find(|card| card.token == token)
}
