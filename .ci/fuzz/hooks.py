"""Makes generated requests reach further: ids that exist, keys that are new."""
import json
import os
import random
import re
import urllib.request
import uuid

import schemathesis

with open(os.environ["FUZZ_WHO"]) as file:
    WHO = json.load(file)

UUID = re.compile(r"^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$")
# Where the ids of a path parameter are listed: by service, then by name.
LISTS = {
    "domain": ("registry", "/domains"),
    "api": ("registry", "/apis"),
    "watch": ("registry", "/watches"),
    "profile": ("profile", "/profiles"),
    "login": ("account", "/logins"),
    "invoice": ("billing", "/invoices"),
}
# What the body's members refer to.
MEMBERS = {
    "domainId": "domain",
    "subDomainId": "sub_domain",
    "businessOwnerId": "profile",
    "technicalOwnerId": "profile",
    "profileId": "profile",
    "targetId": "api",
}
known = {}


def ids(kind):
    """Some that exist now, or did a little while ago."""
    asked, found = known.get(kind, (0, []))
    if asked % 50 == 0:
        found = look(kind)
    known[kind] = (asked + 1, found)
    return found


def look(kind):
    if kind == "sub_domain":
        return [one["id"] for domain in ids("domain")[:3] for one in read("registry", f"/domains/{domain}/sub-domains")]
    return [one["id"] for one in read(*LISTS[kind])] if kind in LISTS else []


def read(service, path):
    url = f"{WHO['urls'][service]}/organisations/{WHO['org']}{path}?limit=20"
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {WHO['admin']}"})
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["items"]
    except OSError:
        return []


def existing(kind, value):
    """Mostly one that exists, where what was generated is an id at all."""
    if not isinstance(value, str) or not UUID.match(value) or random.random() < 0.2:
        return value
    there = ids(kind)
    return random.choice(there) if there else value


def kind_of(name, path):
    return name if name != "id" else {"profiles": "profile", "logins": "login", "invoices": "invoice"}.get(path.split("/{id}")[0].split("/")[-1], "")


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    path = context.operation.path if context.operation else ""
    return {name: value if name == "org" else existing(kind_of(name, path), value) for name, value in (path_parameters or {}).items()}


@schemathesis.hook
def map_headers(context, headers):
    key = (headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch(r"[!-~]{1,128}", key):
        headers["Idempotency-Key"] = str(uuid.uuid4())
    return headers


@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict):
        return {name: existing(MEMBERS[name], value) if name in MEMBERS else value for name, value in body.items()}
    return body


@schemathesis.hook
def before_call(context, case, kwargs):
    # A link that was inferred may hand over all of what was made where its id is meant.
    for name, value in (case.path_parameters or {}).items():
        if isinstance(value, dict):
            case.path_parameters[name] = value.get("id", str(uuid.uuid4()))
