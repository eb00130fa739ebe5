//! What arrived, as a page and as JSON; and the dials.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread;

use actix_web::web::{self, Data, Json, Path, Query};
use actix_web::{App, HttpResponse, HttpServer, Responder, rt};
use maud::{DOCTYPE, PreEscaped, html};
use serde::Deserialize;
use serde_json::json;

use crate::mailbox::{Dials, Mail, Shared};

/// As many as a person may want to scroll through.
const SHOWN_MAX: usize = 200;

/// Serves the page on a thread of its own; gives the address it is bound to.
pub(crate) fn serve(address: SocketAddr, shared: &Arc<Shared>) -> io::Result<SocketAddr> {
    let shared = Data::from(Arc::clone(shared));
    let (tell, told) = mpsc::channel();
    thread::Builder::new().name("mailbox page".into()).spawn(move || {
        let bound = HttpServer::new(move || App::new().app_data(shared.clone()).configure(routes))
            .workers(1)
            .disable_signals()
            .bind(address);
        match bound {
            Ok(server) => {
                let _ = tell.send(server.addrs().first().copied().ok_or_else(|| io::Error::other("bound to nothing")));
                // It ends with the process; there is nobody left to tell an error to.
                let _ = rt::System::new().block_on(server.run());
            }
            Err(error) => {
                let _ = tell.send(Err(error));
            }
        }
    })?;
    told.recv().map_err(io::Error::other)?
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/", web::get().to(show))
        .route("/healthz", web::get().to(HttpResponse::Ok))
        .route("/readyz", web::get().to(HttpResponse::Ok))
        .route("/mails", web::get().to(list))
        .route("/mails", web::delete().to(clear))
        .route("/mails/{id}/raw", web::get().to(raw))
        .route("/dials", web::get().to(find_dials))
        .route("/dials", web::put().to(set_dials));
}

#[derive(Debug, Deserialize)]
struct Filter {
    to: Option<String>,
    limit: Option<usize>,
}

/// Newest first.
fn chosen(shared: &Shared, filter: &Filter) -> Vec<Mail> {
    let mut mails = shared.mails();
    mails.reverse();
    mails.retain(|mail| filter.to.as_ref().is_none_or(|wanted| mail.to.iter().any(|to| to.contains(wanted.as_str()))));
    mails.truncate(filter.limit.unwrap_or(SHOWN_MAX));
    mails
}

async fn list(shared: Data<Shared>, filter: Query<Filter>) -> impl Responder {
    let items: Vec<_> = chosen(&shared, &filter)
        .iter()
        .map(|mail| {
            let mut item = json!(mail);
            item["subject"] = json!(mail.subject());
            item["messageId"] = json!(mail.message_id());
            item
        })
        .collect();
    HttpResponse::Ok().json(json!({ "items": items }))
}

async fn clear(shared: Data<Shared>) -> impl Responder {
    shared.clear();
    HttpResponse::NoContent()
}

async fn raw(shared: Data<Shared>, id: Path<u64>) -> impl Responder {
    match shared.mails().into_iter().find(|mail| mail.id == *id) {
        Some(mail) => HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(mail.raw),
        None => HttpResponse::NotFound().finish(),
    }
}

async fn find_dials(shared: Data<Shared>) -> impl Responder {
    HttpResponse::Ok().json(shared.dials())
}

async fn set_dials(shared: Data<Shared>, dials: Json<Dials>) -> impl Responder {
    shared.set_dials(dials.into_inner());
    HttpResponse::Ok().json(shared.dials())
}

const STYLE: &str = "
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 50rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere }
h1 { font-size: 1.3rem } details { border-top: 1px solid #8886; padding: .6rem 0 } summary { cursor: pointer }
small { opacity: .75; display: block } pre { white-space: pre-wrap } iframe { width: 100%; height: 22rem; border: 1px solid #8886; background: #fff }
input { font: inherit; max-width: 100% }";

async fn show(shared: Data<Shared>, filter: Query<Filter>) -> impl Responder {
    let mails = chosen(&shared, &filter);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            title { "Mailbox" }
            style { (PreEscaped(STYLE)) }
            h1 { "Mailbox" }
            p { (mails.len()) " shown, newest first. " a href="" { "Look again" } }
            form {
                label { "To " input name="to" value=(filter.to.as_deref().unwrap_or_default()) placeholder="part of an address"; }
            }
            @for mail in &mails {
                details {
                    summary {
                        b { (mail.subject()) }
                        small { "to " (mail.to.join(", ")) " · " (mail.arrived_at.format("%Y-%m-%d %H:%M:%S UTC")) }
                    }
                    small { "Message-ID " (mail.message_id()) " · " a href={ "mails/" (mail.id) "/raw" } { "as it came" } }
                    pre { (mail.text.as_deref().unwrap_or_default()) }
                    @if let Some(html) = &mail.html {
                        iframe sandbox title="HTML part" loading="lazy" srcdoc=(html) {}
                    }
                }
            }
            @if mails.is_empty() {
                p { "Nothing has arrived." }
            }
        }
    };
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        // Frames made by srcdoc inherit it: a mail can't load anything, run anything or send anything from here.
        .insert_header((
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
        ))
        .insert_header(("Cache-Control", "no-store"))
        .body(page.into_string())
}
