//! What Billing does with its database: a module for each noun, each verb a function on a connection.

pub mod attempts;
pub(crate) mod changes;
pub mod invoices;
pub mod invoicing;
pub mod leases;
pub mod outcomes;
pub mod payment_methods;
pub mod runs;
pub mod standings;
