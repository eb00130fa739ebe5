//! What a scenario's file must hold beyond its shape.

use super::{Arm, LadderPlan, Measure, Scenario, What};

impl Scenario {
    pub(super) fn check(&self) -> Result<(), String> {
        if !(self.seconds > 0.0 && self.seconds <= 60.0) {
            return Err(format!("{}: seconds must lie above 0, at most 60", self.id));
        }
        for (place, arm) in self.arms.iter().enumerate() {
            arm.check().map_err(|why| format!("arm {}: {why}", arm.name))?;
            let before: Vec<&str> = self.arms[..place].iter().map(|arm| &*arm.name).collect();
            let references = arm.expect.iter().filter_map(|one| one.relative_to.as_deref());
            for reference in references {
                if !before.contains(&reference) {
                    return Err(format!("arm {}: {reference} doesn't run before it", arm.name));
                }
            }
            if before.contains(&&*arm.name) {
                return Err(format!("two arms are called {}", arm.name));
            }
        }
        let gains = self.gains.iter();
        for (name, measure) in gains.flat_map(|of| [(&of.from, &of.measure), (&of.to, &of.measure)]) {
            let arm = self.arm(name).ok_or_else(|| format!("there is no arm {name}"))?;
            measure.check(arm)?;
        }
        self.ladders.iter().try_for_each(|ladder| ladder.check(self))
    }
}

impl LadderPlan {
    pub(super) fn check(&self, of: &Scenario) -> Result<(), String> {
        let arm = of.arm(&self.arm).ok_or_else(|| format!("there is no arm {}", self.arm))?;
        let known = |name: &&String| arm.actors.iter().any(|actor| actor.name == **name);
        match self.slowed.iter().find(|name| !known(name)) {
            Some(name) => Err(format!("arm {} has no actor {name}", arm.name)),
            None if self.slowed.is_empty() => Err("a ladder needs an actor in `slowed`".into()),
            None => Ok(()),
        }
    }
}

impl Arm {
    pub(super) fn check(&self) -> Result<(), String> {
        for actor in &self.actors {
            actor.check().map_err(|why| format!("actor {}: {why}", actor.name))?;
        }
        for expectation in &self.expect {
            expectation.measure.check(self)?;
            if expectation.at_least.is_none() && expectation.at_most.is_none() {
                return Err("an expectation needs at-least or at-most".into());
            }
        }
        Ok(())
    }
}

impl Measure {
    pub(super) fn check(&self, arm: &Arm) -> Result<(), String> {
        let named =
            |what: &str, given: bool| given.then_some(()).ok_or_else(|| format!("{:?} needs {what}", self.what));
        match self.what {
            What::Blocked => Ok(()),
            What::Errors if self.actor.is_none() => Ok(()),
            What::Apportioned | What::Buffers => named("waiting", self.waiting.is_some()),
            What::Check => named(
                "the name of a check of its arm",
                self.check.as_ref().is_some_and(|name| arm.checks.contains_key(name)),
            ),
            _ => named(
                "an actor of its arm",
                self.actor.as_ref().is_some_and(|name| arm.actors.iter().any(|actor| actor.name == *name)),
            ),
        }
    }
}
