//! Tokens: none or garbage is 401, one without the right 403, both before anything is said about the request.

use super::Table;
use super::contract::Operation;
use crate::assert::problem;

/// No token at all, and such as nobody signed. The last is a JWT of algorithm `none` with scope `operator`.
const GARBAGE: [&str; 6] = [
    "Bearer",
    "Bearer garbage",
    "Bearer a.b.c",
    "Basic YWRhOmFkYQ==",
    "garbage",
    "Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJhIiwic2NvcGUiOiJvcGVyYXRvciIsImV4cCI6NDA3MDkwODgwMH0.",
];

impl Table<'_> {
    /// Every operation that is not public.
    pub fn tokens(&self) {
        self.each("tokens", |operation| {
            if operation.scope != "public" {
                self.unauthorized(operation);
                self.insufficient(operation);
            }
        });
    }

    fn unauthorized(&self, operation: &Operation) {
        let path = self.path(operation, &[]);
        let call = || self.filled(operation, self.bare(operation, &path));
        let answer = self.send(call());
        problem(&answer, 401);
        assert!(answer.header("www-authenticate").is_some(), "no WWW-Authenticate: {}", answer.describe());
        for garbage in GARBAGE {
            problem(&self.send(call().header("authorization", garbage)), 401);
        }
        // A signature of another token's under these claims.
        let (mine, theirs) = (&self.victim.tenant.admin_token, &self.intruder.admin_token);
        let head = mine.rsplit_once('.').map_or(mine.as_str(), |(head, _)| head);
        let signature = theirs.rsplit_once('.').map_or("", |(_, signature)| signature);
        problem(&self.send(call().token(&format!("{head}.{signature}"))), 401);
        // Who one is comes before what one says: a stranger learns nothing about bodies and preconditions.
        if operation.body.is_some() {
            problem(&self.send(self.bare(operation, &path).body("application/json", b"{".to_vec())), 401);
        }
    }

    fn insufficient(&self, operation: &Operation) {
        let path = self.path(operation, &[]);
        let refuse = |token: &str| {
            problem(&self.send(self.filled(operation, self.bare(operation, &path)).token(token)), 403);
            if operation.body.is_some() {
                let call = self.bare(operation, &path).token(token);
                problem(&self.send(call.body("application/json", b"{".to_vec())), 403);
            }
        };
        let tenant = &self.victim.tenant;
        match operation.scope.as_str() {
            "operator" => [&tenant.member_token, &tenant.admin_token].into_iter().for_each(|token| refuse(token)),
            "admin" => refuse(&tenant.member_token),
            // The victim's entities belong to its admin, not to its member.
            "self" if operation.entities().next().is_some() => refuse(&tenant.member_token),
            _ => {}
        }
        if operation.of_organisation() {
            refuse(&self.world.fixture.operator_token());
        }
    }
}
