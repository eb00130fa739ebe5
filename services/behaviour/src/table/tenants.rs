//! Tenants: the token of another organisation gets 403 or 404, never a byte of data, and changes nothing.

use serde_json::{Value, json};

use super::Table;
use super::contract::Operation;
use crate::assert::complete_problem;
use crate::http::Response;

impl Table<'_> {
    /// Every operation, tried by a member and an admin of another organisation, who know all the victim's ids.
    pub fn tenants(&self) {
        let before = self.snapshot();
        self.each("tenants", |operation| {
            for token in [&self.intruder.member_token, &self.intruder.admin_token] {
                self.foreign_organisation(operation, token);
                self.foreign_entity(operation, token);
                self.platform(operation, token);
            }
        });
        for ((id, before), (_, after)) in before.iter().zip(&self.snapshot()) {
            assert!(
                self.unchanged(before, after),
                "{id} answers the victim otherwise after the attempts\nbefore: {before}\nafter: {after}"
            );
        }
    }

    /// A feed shows a change only when all older transactions of the cluster have ended, so it may say more by now: but
    /// nothing else, and nothing that an intruder did.
    fn unchanged(&self, before: &Value, after: &Value) -> bool {
        let (Some(old), Some(new), Some(_)) =
            (before["items"].as_array(), after["items"].as_array(), after.get("next"))
        else {
            return before == after;
        };
        let intruders = [self.intruder.member_login, self.intruder.admin_login];
        let by_intruder = |change: &Value| intruders.iter().any(|id| change["actorId"] == json!(id));
        new.starts_with(old) && !new.iter().any(by_intruder)
    }

    /// The victim's organisation and entities, another organisation's token.
    fn foreign_organisation(&self, operation: &Operation, token: &str) {
        if operation.of_organisation() && operation.scope != "public" {
            let call = self.bare(operation, &self.path(operation, &[]));
            self.nothing(&self.send(self.filled(operation, call).token(token)), &[403, 404]);
        }
    }

    /// The intruder's own organisation, the victim's entities: not to be found there.
    fn foreign_entity(&self, operation: &Operation, token: &str) {
        let own = self.intruder.org.to_string();
        let named = operation.entities().next().is_some();
        if operation.of_organisation() && named && operation.scope != "public" {
            let call = self.bare(operation, &self.path(operation, &[("org", &own)]));
            self.nothing(&self.send(self.filled(operation, call).token(token)), &[403, 404]);
        }
    }

    /// What belongs to the platform is for operators.
    fn platform(&self, operation: &Operation, token: &str) {
        if operation.scope == "operator" {
            let call = self.bare(operation, &self.path(operation, &[]));
            self.nothing(&self.send(self.filled(operation, call).token(token)), &[403]);
        }
    }

    fn nothing(&self, answer: &Response, statuses: &[u16]) {
        assert!(statuses.contains(&answer.status), "expected {statuses:?}: {}", answer.describe());
        complete_problem(answer);
        let text = answer.text() + &format!("{:?}", answer.headers);
        for secret in &self.victim.secrets {
            assert!(!text.contains(secret.as_str()), "{secret:?} stands in {}", answer.describe());
        }
    }

    /// What the victim reads, operation by operation.
    fn snapshot(&self) -> Vec<(String, Value)> {
        let reads = self.operations.iter().filter(|operation| operation.method == "GET" && operation.of_organisation());
        reads
            .map(|operation| {
                let call = self.bare(operation, &self.path(operation, &[]));
                let answer = self.send(self.permitted(operation, call)).expect(200);
                (operation.id.clone(), answer.json())
            })
            .collect()
    }
}
