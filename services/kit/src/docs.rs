//! The contract, served: as JSON for programs and as a page for people.

mod operation;
mod schema;
mod text;

use maud::{DOCTYPE, PreEscaped, html};
use serde_json::Value;

use self::text::{anchor, members, paragraphs, text};

/// Reads the contract's YAML.
pub(crate) fn read(yaml: &str) -> Result<Value, serde_yaml_ng::Error> {
    serde_yaml_ng::from_str(yaml)
}

/// Plain, and readable from 400 px on: long paths break, tables scroll in themselves.
const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--link:#0a58ca}\
@media(prefers-color-scheme:dark){:root{--link:#7db3ff}}\
*{box-sizing:border-box}\
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem;overflow-wrap:anywhere}\
a{color:var(--link)}code{font:0.9em/1.4 ui-monospace,monospace}\
nav ul{padding-left:1.2rem}\
details{border:1px solid var(--line);border-radius:6px;margin:.5rem 0;padding:.5rem .75rem}\
summary{cursor:pointer}summary code{font-weight:600}\
.m{display:inline-block;min-width:4.2em;text-transform:uppercase}\
.s{border:1px solid var(--line);border-radius:4px;font-size:.8em;padding:0 .4em;white-space:nowrap}\
.t{overflow-x:auto}table{border-collapse:collapse;width:100%}\
th,td{border-bottom:1px solid var(--line);padding:.25rem .5rem .25rem 0;text-align:left;vertical-align:top;overflow-wrap:normal}\
td:last-child{min-width:10rem}:target{background:var(--soft)}";

/// The contract as one page that needs nothing else: no script, no font, no network.
pub(crate) fn page(contract: &Value) -> String {
    let title = text(contract, "/info/title");
    let tags = operation::by_tag(contract);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) " " small { (text(contract, "/info/version")) } }
                    (paragraphs(text(contract, "/info/description")))
                    p { "For programs: " a href="openapi.json" { "openapi.json" } }
                }
                nav aria-label="Contents" {
                    ul {
                        @for (tag, _) in &tags { li { a href={ "#tag-" (anchor(tag)) } { (tag) } } }
                        li { a href="#schemas" { "Schemas" } }
                    }
                }
                main {
                    @for (tag, operations) in &tags {
                        h2 id={ "tag-" (anchor(tag)) } { (tag) }
                        @for operation in operations { (operation.html(contract)) }
                    }
                    h2 #schemas { "Schemas" }
                    @for (name, schema) in members(contract.pointer("/components/schemas")) {
                        (schema::section(name, schema))
                    }
                }
            }
        }
    };
    page.into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = r##"
openapi: 3.1.0
info: { title: "Sample <x>", version: "1", description: "Says `what`.\n\nAnd why." }
paths:
  /api/v1/things/{id}:
    parameters: [ { $ref: "#/components/parameters/Id" } ]
    get:
      tags: [Things]
      summary: One thing
      operationId: find_thing
      x-scope: member
      parameters: [ { name: deep, in: query, schema: { type: boolean } } ]
      responses:
        "200": { description: The thing, content: { application/json: { schema: { $ref: "#/components/schemas/Thing" } } } }
        "404": { $ref: "#/components/responses/NotFound" }
    delete: { operationId: delete_thing, responses: { "204": { description: Gone } } }
components:
  parameters: { Id: { name: id, in: path, required: true, schema: { type: string, format: uuid } } }
  responses: { NotFound: { description: No such thing } }
  schemas:
    Thing:
      type: object
      required: [id]
      properties:
        id: { type: string, format: uuid, description: Its id }
        tags: { type: array, maxItems: 20, items: { type: string } }
        owner: { oneOf: [ { $ref: "#/components/schemas/Thing" }, { type: "null" } ] }
"##;

    #[test]
    fn the_page_names_everything_and_asks_nobody() {
        let html = page(&read(CONTRACT).unwrap());
        for part in [
            "Sample &lt;x&gt;",
            "<code>what</code>",
            "/api/v1/things/{id}",
            "find_thing",
            "delete_thing",
            "No such thing",
            "href=\"#schema-thing\"",
            "list of string",
            "deep",
            "member",
            "Its id",
            "width=device-width",
        ] {
            assert!(html.contains(part), "{part} is missing in {html}");
        }
        for foreign in ["<script", "http://", "https://", "<x>", "@import", "url("] {
            assert!(!html.contains(foreign), "{foreign}");
        }
    }
}
