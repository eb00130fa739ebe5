//! The life of a version: its states and the ways between them.

kit::words! {
    /// Where a version stands in its life; in the order of a life.
    pub enum Status {
        /// An idea: where every version starts.
        Inception = "inception",
        /// Being built.
        Development = "development",
        /// Being tried.
        Qa = "qa",
        /// In use.
        Production = "production",
        /// Still in use, but not to be used anew.
        Deprecated = "deprecated",
        /// Gone; nothing comes after.
        Retired = "retired",
        /// Given up before production.
        Cancelled = "cancelled",
    }
}

impl Status {
    /// The states it may go to from here.
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::Inception => &[Self::Development, Self::Cancelled],
            Self::Development => &[Self::Qa, Self::Cancelled],
            Self::Qa => &[Self::Development, Self::Production, Self::Cancelled],
            Self::Production => &[Self::Deprecated, Self::Retired],
            Self::Deprecated => &[Self::Retired],
            Self::Retired => &[],
            Self::Cancelled => &[Self::Inception],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn production_is_left_for_good() {
        for status in [Status::Production, Status::Deprecated, Status::Retired] {
            assert!(status.next().iter().all(|next| matches!(next, Status::Deprecated | Status::Retired)));
        }
    }
}
