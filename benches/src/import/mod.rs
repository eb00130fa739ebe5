//! `lab import`
pub mod catalogue;
pub mod mapping;
pub mod people;
