//! Calls and the time that they took.

/// Of one statement, or of some.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Share {
    /// How many.
    pub calls: u64,
    /// What they took on the server, milliseconds.
    pub ms: f64,
}

impl Share {
    /// Both added up.
    pub fn plus(self, more: Self) -> Self {
        Self { calls: self.calls + more.calls, ms: self.ms + more.ms }
    }

    /// Which part of `all` this is: of the calls, of the time.
    pub fn of(self, all: Self) -> [f64; 2] {
        // Of nothing all is covered.
        let part = |this: f64, all: f64| if all > 0.0 { this / all } else { 1.0 };
        [part(self.calls as f64, all.calls as f64), part(self.ms, all.ms)]
    }
}
