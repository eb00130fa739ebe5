//! The retry budget: retries are a tenth of the calls at most, so that a neighbour in trouble doesn't get twice the load.

/// Calls that pay for one retry.
const PRICE: u32 = 10;
/// What can be saved up, and what there is at the start: three retries.
const MOST: u32 = 3 * PRICE;

/// Retries that may be made to one neighbour.
#[derive(Debug)]
pub struct RetryBudget(u32);

impl Default for RetryBudget {
    fn default() -> Self {
        Self(MOST)
    }
}

impl RetryBudget {
    /// A call was made.
    pub fn called(&mut self) {
        self.0 = (self.0 + 1).min(MOST);
    }

    /// Whether a call may be tried again; if so, that is paid.
    pub fn retry(&mut self) -> bool {
        let paid = self.0.checked_sub(PRICE);
        self.0 = paid.unwrap_or(self.0);
        paid.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn retries_are_a_tenth_of_the_calls_and_three(steps in prop::collection::vec(any::<bool>(), 0..2_000)) {
            let (mut budget, mut calls, mut retries) = (RetryBudget::default(), 0u32, 0u32);
            for call in steps {
                if call {
                    budget.called();
                    calls += 1;
                } else {
                    retries += u32::from(budget.retry());
                }
                prop_assert!(retries * 10 <= calls + 30);
            }
        }
    }

    #[test]
    fn ten_calls_pay_for_one() {
        let mut budget = RetryBudget::default();
        while budget.retry() {}
        (0..9).for_each(|_| budget.called());
        assert!(!budget.retry());
        budget.called();
        assert!(budget.retry() && !budget.retry());
    }
}
