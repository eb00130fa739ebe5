//! Registry's operations.

use serde_json::json;

use super::{Things, Walk};

impl Walk<'_> {
    pub(super) fn registry(&mut self, things: &mut Things) {
        let org = format!("/organisations/{}", things.org);
        let (domain, sub, api) = (things.before("domain"), things.before("sub"), things.before("api"));
        self.post("registry", &format!("{org}/watches"), json!({"kind": "api", "targetId": api}));
        self.post("registry", &format!("{org}/watches"), json!({"kind": "domain", "targetId": domain}));
        let spare = things.last("spare");
        let watch = self.post("registry", &format!("{org}/watches"), json!({"kind": "api", "targetId": spare})).id();
        for path in ["/domains", "/apis", "/tags", "/watches", "/registry-changes"] {
            self.get("registry", &format!("{org}{path}"));
        }
        let owner = things.before("profile");
        for filter in [
            format!("domainId={domain}"),
            format!("subDomainId={sub}"),
            format!("ownerId={owner}"),
            "tag=walk".into(),
            "status=inception".into(),
            "q=a".into(),
        ] {
            self.get("registry", &format!("{org}/apis?{filter}"));
        }
        self.get("registry", &format!("{org}/domains/{domain}/sub-domains"));
        self.change("registry", "PATCH", &format!("{org}/domains/{domain}"), json!({"description": self.salt}));
        self.change("registry", "PATCH", &format!("{org}/sub-domains/{sub}"), json!({"description": self.salt}));
        let path = format!("{org}/apis/{api}");
        self.change(
            "registry",
            "PATCH",
            &path,
            json!({"title": self.salt, "tags": ["walk", "walked"], "businessOwnerId": owner}),
        );
        self.get("registry", &format!("{path}/versions"));
        let minor = things.period;
        let etag = self.get("registry", &path).etag;
        self.call("registry", "POST", &format!("{path}/versions"), &etag, Some(json!({"major": 9, "minor": minor})));
        let etag = self.get("registry", &path).etag;
        self.call(
            "registry",
            "PUT",
            &format!("{path}/versions/9.{}/status", minor),
            &etag,
            Some(json!({"status": "development"})),
        );
        let etag = self.get("registry", &path).etag;
        self.call("registry", "DELETE", &format!("{path}/versions/9.{}", minor), &etag, None);
        let etag = self.get("registry", &path).etag;
        let other = things.last("sub");
        self.call("registry", "POST", &format!("{path}/move"), &etag, Some(json!({"subDomainId": other})));
        let path = format!("{org}/sub-domains/{other}");
        let etag = self.get("registry", &path).etag;
        let other = things.last("domain");
        self.call("registry", "POST", &format!("{path}/move"), &etag, Some(json!({"domainId": other})));
        if let Some(watch) = watch {
            self.call("registry", "DELETE", &format!("{org}/watches/{watch}"), "", None);
        }
        self.token.clone_from(&things.operator);
        self.get("registry", "/registry-changes");
        self.token.clone_from(&things.token);
    }
}
