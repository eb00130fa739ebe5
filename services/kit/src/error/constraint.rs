//! Constraints translated by their name, where the code that writes knows what they mean.

use diesel::result::Error as DieselError;

use super::{Error, classify};

/// `.on_constraint("apis_organisation_id_name_key", || Error::conflict("name-taken", "…"))`
pub trait OnConstraint<T> {
    /// The value, or: `meaning` if exactly this constraint (or unique index) failed, else the error as it is.
    fn on_constraint(self, name: &str, meaning: impl FnOnce() -> Error) -> Result<T, Error>;
}

impl<T> OnConstraint<T> for Result<T, Error> {
    fn on_constraint(self, name: &str, meaning: impl FnOnce() -> Error) -> Result<T, Error> {
        match self {
            Err(Error::Internal(fault)) if fault.constraint.as_deref() == Some(name) => Err(meaning()),
            other => other,
        }
    }
}

impl<T> OnConstraint<T> for Result<T, DieselError> {
    fn on_constraint(self, name: &str, meaning: impl FnOnce() -> Error) -> Result<T, Error> {
        self.map_err(classify).on_constraint(name, meaning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Fault;

    fn failed(name: &str) -> Result<(), Error> {
        Err(Error::Internal(Fault { cause: "x".into(), constraint: Some(name.into()) }))
    }

    #[test]
    fn only_the_named_constraint_is_translated() {
        let taken = || Error::conflict("name-taken", "taken");
        assert_eq!(failed("a_key").on_constraint("a_key", taken), Err(taken()));
        assert_eq!(failed("b_key").on_constraint("a_key", taken), failed("b_key"));
        assert_eq!(
            failed("b_key").on_constraint("a_key", taken).on_constraint("b_key", || Error::NotFound),
            Err(Error::NotFound)
        );
    }
}
