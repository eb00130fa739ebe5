//! The protocol: HEAD wherever GET is, 405 with Allow, 406, 404 for paths that are none, the request id and the timing of every answer.

use super::Table;
use crate::assert::{complete_problem, eventually, problem};
use crate::http::{Call, Response};

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];

impl Table<'_> {
    /// Every path: the methods it doesn't have.
    pub fn methods(&self) {
        self.each("methods", |operation| {
            let path = self.path(operation, &[]);
            let same = self.operations.iter().filter(|other| other.path == operation.path);
            let offered: Vec<&str> = same.map(|other| other.method.as_str()).collect();
            for method in METHODS.iter().filter(|method| !offered.contains(method)) {
                let call = self.permitted(operation, self.api.raw(method, &path));
                let answer = self.send(call);
                problem(&answer, 405);
                let mut allow: Vec<&str> =
                    answer.header("allow").unwrap_or_default().split(',').map(str::trim).collect();
                allow.sort_unstable();
                let mut offered = offered.clone();
                offered.extend(offered.contains(&"GET").then_some("HEAD"));
                offered.sort_unstable();
                assert_eq!(allow, offered, "Allow: {}", answer.describe());
            }
        });
        for path in
            ["/", "/api", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v2/organisations", "/nothing", "/%00", "/%FF"]
        {
            let answer = self.send(self.api.root(path).token(&self.victim.tenant.admin_token));
            problem(&answer, 404);
        }
    }

    /// Every path with GET, and those that stand in no contract: HEAD is answered the same, without a body.
    pub fn heads(&self) {
        for path in ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"] {
            self.same_by_head(path, |call| call);
        }
        self.each("heads", |operation| {
            if operation.method == "GET" {
                self.same_by_head(&self.path(operation, &[]), |call| self.permitted(operation, call));
                // An error's answer, too: without a token, and of the wrong path.
                self.same_by_head(&self.path(operation, &[]), |call| call.header("authorization", "Bearer x"));
                self.same_by_head(&format!("{}/nothing", self.path(operation, &[])), |call| call);
            }
        });
    }

    #[track_caller]
    fn same_by_head(&self, path: &str, with: impl Fn(Call) -> Call) {
        let own_length = |answer: &Response| answer.status >= 400 || path == "/metrics";
        // What is read may change meanwhile, a feed above all: then they say nothing of each other.
        let [get, head] = eventually("GET answers the same twice", || {
            let [get, head, again] = ["GET", "HEAD", "GET"].map(|method| self.send(with(self.api.raw(method, path))));
            (own_length(&get) || get.body == again.body).then_some([get, head])
        });
        assert_eq!(head.status, get.status, "{}", head.describe());
        assert!(head.body.is_empty(), "{}", head.describe());
        // Ids and times are each answer's own, and so is the length of a body that holds them.
        let own = ["x-request-id", "server-timing", "date"];
        let length_is_own = own_length(&get);
        let differs = |name: &str| own.contains(&name) || length_is_own && name == "content-length";
        let headers = |answer: &Response| -> Vec<_> {
            let mut headers: Vec<_> = answer.headers.iter().filter(|(name, _)| !differs(name)).cloned().collect();
            headers.sort();
            headers
        };
        assert_eq!(headers(&head), headers(&get), "{}", head.describe());
        assert!(head.header("content-length").is_some(), "{}", head.describe());
    }

    /// Every operation: what it can't be answered in, and which request id it is answered with.
    pub fn negotiation(&self) {
        self.each("negotiation", |operation| {
            let path = self.path(operation, &[]);
            let call = || self.permitted(operation, self.filled(operation, self.bare(operation, &path)));
            for accept in ["text/html", "application/xml", "image/*", "application/json;q=0"] {
                problem(&self.send(call().header("accept", accept)), 406);
            }
            if operation.method != "GET" {
                return;
            }
            for accept in [
                "application/json",
                "*/*",
                "application/*",
                "text/html, */*;q=0.1",
                "application/problem+json, application/json",
            ] {
                self.send(call().header("accept", accept)).expect(200);
            }
            let given = "table-request.1";
            let answer = self.send(call().header("x-request-id", given));
            assert_eq!(answer.header("x-request-id"), Some(given), "{}", answer.describe());
            // What can't be an id is replaced, never sent back.
            let answer = self.send(call().header("x-request-id", &"x".repeat(5_000)));
            assert!(answer.header("x-request-id").is_some_and(|id| id.len() < 1_000), "{}", answer.describe());
            let refused = self
                .send(self.bare(operation, &path).header("x-request-id", given).header("authorization", "Bearer x"));
            if refused.status >= 400 {
                assert_eq!(complete_problem(&refused)["instance"], given, "{}", refused.describe());
            }
        });
    }
}
