//! The outcome for people.

use std::collections::BTreeSet;
use std::fmt;
use std::fmt::{Display, Formatter};

use super::outcome::{Agreement, Outcome, Sums};
use super::stories::Story;
use super::weigh::{Weighed, World};

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Who must deploy together with a change, against {} statements of five services\n",
            self.statements
        )?;
        writeln!(f, "  {:<28}{:<14}{:<34}without them (tables are read)", "change", "owner", "with published views")?;
        for change in &self.changes {
            write!(f, "  {:<28}{:<14}", change.name, change.owner)?;
            writeln!(f, "{:<34}{}", cell(&change.with_views), cell(&change.without_views))?;
        }
        writeln!(f)?;
        self.sums(f)?;
        writeln!(f, "\nThe owner's gain, the others' loss, who must consent")?;
        self.changes.iter().try_for_each(|change| consent(f, change))?;
        if let Some(agreement) = &self.agreement {
            write!(f, "\n{agreement}")?;
        }
        for story in &self.stories {
            write!(f, "\n{story}")?;
        }
        Ok(())
    }
}

impl Outcome {
    fn sums(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let count = self.changes.len();
        let (with, without) = (&self.with_views, &self.without_views);
        let mut line = |what: &str, value: &dyn Fn(&Sums) -> String| {
            writeln!(f, "  {what:<44}{:<32}{}", value(with), value(without))
        };
        line("services that deploy together, all changes", &|sums| sums.deployments.to_string())?;
        line("at the most", &|sums| sums.most.to_string())?;
        line("an owner can't do alone", &|sums| format!("{} of {count}", sums.not_alone))?;
        let services: BTreeSet<&String> = with.blocked_s.keys().chain(without.blocked_s.keys()).collect();
        for service in services {
            let seconds =
                |sums: &Sums| sums.blocked_s.get(service).map_or_else(String::new, |seconds| format!("{seconds:.1} s"));
            line(&format!("blocked: {service}"), &seconds)?;
        }
        Ok(())
    }
}

/// `3 account billing registry`, `0 –`.
fn cell(world: &World) -> String {
    match (&world.refused, world.deploy_together.len()) {
        (Some(_), _) => "refused".to_owned(),
        (None, 0) => "0 –".to_owned(),
        (None, count) => format!("{count} {}", list(&world.deploy_together)),
    }
}

fn list(names: &BTreeSet<String>) -> String {
    // Five names don't fit beside one another: the first letters of a name tell it.
    let names: Vec<&str> = names.iter().map(|name| name.get(..4).filter(|_| names.len() > 2).unwrap_or(name)).collect();
    names.join(" ")
}

fn consent(f: &mut Formatter<'_>, change: &Weighed) -> fmt::Result {
    let names: Vec<&str> = change.with_views.consent.iter().map(String::as_str).collect();
    let who = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
    writeln!(f, "  {}: {}\n    gain {}  loss {}  consent: {who}", change.name, change.title, change.gain, change.loss)
}

impl Display for Agreement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Beside what really happens under five running services: {} pairs of change and service, {} broke; false SAFE {}, false BREAKS {} ({:.1} %)",
            self.pairs,
            self.broke,
            self.false_safe.len(),
            self.false_breaks.len(),
            self.false_breaks_share() * 100.0
        )?;
        for (what, lines) in
            [("called safe, and broke", &self.false_safe), ("called broken, and went on", &self.false_breaks)]
        {
            lines.iter().try_for_each(|line| writeln!(f, "  {what}: {line}"))?;
        }
        Ok(())
    }
}

impl Display for Story {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        writeln!(
            f,
            "  here: {} files touched, {} deployments, {:.1} s measured",
            self.files.len(),
            self.deployments,
            self.seconds()
        )?;
        for step in &self.here {
            let how = if step.extrapolated { ", extrapolated" } else { "" };
            let seconds = step.seconds.map_or_else(String::new, |seconds| format!(" ({seconds:.2} s{how})"));
            writeln!(f, "    {}{seconds}", step.what)?;
        }
        for other in &self.elsewhere {
            writeln!(
                f,
                "  {} (estimate): {} files, {} deployments, {} minutes: {}",
                other.architecture, other.files, other.deployments, other.minutes, other.why
            )?;
        }
        Ok(())
    }
}
