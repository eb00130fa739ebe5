//! Dependencies between services without a statement: views, triggers, functions, sequences, channels, keys.

use super::builder::ReportBuilder;
use super::report::Kind;

impl ReportBuilder<'_> {
    /// Views over others' tables, triggers, functions, sequences; and channels.
    pub(super) fn links(&mut self) {
        let catalogue = self.catalogue;
        for (view, rule) in &catalogue.rules {
            let view = &catalogue.relations[view];
            for below in rule.uses.iter().filter_map(|(relation, _)| catalogue.relations.get(relation)) {
                self.strand(
                    &view.service,
                    &below.service,
                    Kind::ViewOver,
                    format!("{} over {}", view.name, below.name),
                );
            }
        }
        for link in &catalogue.links {
            let kind = match link.kind.as_str() {
                "trigger" => Kind::Trigger,
                "sequence" => Kind::Sequence,
                _ => Kind::Call,
            };
            self.strand(&link.from.1, &link.to.1, kind, format!("{} to {}", link.from.0, link.to.0));
        }
        for (name, [listening, notifying]) in std::mem::take(&mut self.channels) {
            for (from, to) in listening.iter().flat_map(|from| notifying.iter().map(move |to| (from, to))) {
                self.strand(from, to, Kind::Channel, name.clone());
            }
        }
    }

    pub(super) fn keys(&mut self) {
        let catalogue = self.catalogue;
        for key in &catalogue.keys {
            let (child, parent) = (&catalogue.relations[&key.child], &catalogue.relations[&key.parent]);
            self.strand(&child.service, &parent.service, Kind::Key, format!("{} of {}", key.name, child.name));
            if [&key.on_delete, &key.on_update]
                .iter()
                .any(|action| !matches!(action.as_str(), "no action" | "restrict"))
            {
                self.strand(
                    &parent.service,
                    &child.service,
                    Kind::CascadeWrite,
                    format!("{} of {}", key.name, child.name),
                );
            }
            for column in &key.parent_columns {
                let reach = self.reached.entry((key.parent, *column)).or_default();
                reach.services.insert(child.service.clone());
            }
        }
    }
}
