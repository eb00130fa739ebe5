//! What each walk makes anew, and what it deletes.

use serde_json::json;

use super::{PASSWORD, Things, Walk};

impl Walk<'_> {
    /// One of everything.
    pub(super) fn make(&mut self, things: &mut Things) {
        let (org, salt) = (format!("/organisations/{}", things.org), self.salt.clone());
        let person = |walk: &mut Self, name: &str| {
            let body = json!({"name": name, "jobTitle": "Engineer", "email": format!("{name}-{salt}@walk.example").replace(' ', "."), "timeZone": "Europe/Zurich"});
            walk.post("profile", &format!("{org}/profiles"), body).id()
        };
        let (owner, leaver) = (person(self, "Ada Owner"), person(self, "Pat Leaver"));
        things.add("profile", owner);
        things.add("leaver", leaver);
        let owner = things.last("profile");
        let body = json!({"email": format!("login-{}@walk.example", self.salt), "password": PASSWORD, "scope": "member", "profileId": owner});
        let login = self.post("account", &format!("{org}/logins"), body).id();
        things.add("login", login);
        let domain = self
            .post(
                "registry",
                &format!("{org}/domains"),
                json!({"name": format!("d-{}", self.salt), "description": "d", "businessOwnerId": owner}),
            )
            .id();
        things.add("domain", domain);
        // Below what the walk before has made: so each statement can be tried for itself.
        let path = format!("{org}/domains/{}/sub-domains", things.before("domain"));
        let sub = self.post("registry", &path, json!({"name": format!("s-{}", self.salt)})).id();
        things.add("sub", sub);
        let under = things.before("sub");
        let body = json!({"name": format!("a-{}", self.salt), "title": "An API", "tags": ["walk"], "subDomainId": under,
            "businessOwnerId": owner, "technicalOwnerId": owner, "version": {"major": 1, "minor": 0}});
        let api = self.post("registry", &format!("{org}/apis"), body).id();
        things.add("api", api);
        let body = json!({"name": format!("b-{}", self.salt), "subDomainId": under});
        let bare = self.post("registry", &format!("{org}/apis"), body).id();
        things.add("spare", bare);
    }

    pub(super) fn delete(&mut self, things: &mut Things) {
        let org = format!("/organisations/{}", things.org);
        for (service, path, kind) in
            [("registry", "apis", "spare"), ("account", "logins", "login"), ("profile", "profiles", "leaver")]
        {
            let id = things.take(kind);
            self.remove(service, &format!("{org}/{path}/{id}"));
        }
        // An empty sub domain and an empty domain, made for this.
        let made = self.post("registry", &format!("{org}/domains"), json!({"name": format!("e-{}", self.salt)})).id();
        things.add("empty", made);
        let domain = things.take("empty");
        let sub = self.post("registry", &format!("{org}/domains/{domain}/sub-domains"), json!({"name": "e"})).id();
        if let Some(sub) = sub {
            self.remove("registry", &format!("{org}/sub-domains/{sub}"));
        }
        self.remove("registry", &format!("{org}/domains/{domain}"));
    }
}
