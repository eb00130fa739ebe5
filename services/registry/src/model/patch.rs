//! What a patch leaves as it is.

/// The patched value: what was sent, else what is there.
pub fn or_present<T: Clone>(sent: &Option<T>, there: &T) -> T {
    sent.as_ref().unwrap_or(there).clone()
}
