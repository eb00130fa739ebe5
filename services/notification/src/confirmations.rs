//! The page behind the link in the mail. Looking at it changes nothing: programs that follow links in mails to check them press no button.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use kit::{Ctx, Error, Ids, NoQuery, call};
use maud::{DOCTYPE, html};

use crate::addresses::{self, Link};
use crate::text::one_line;

/// What is shown of an organisation's name: it is the organisation's own choice.
const NAME_CHARS_MAX: usize = 60;

/// Which organisation it is about, and the button.
pub async fn show(ctx: Ctx, token: Ids<String>, _: NoQuery) -> Result<HttpResponse, Error> {
    let (now, token) = (ctx.now(), whole(token)?);
    let link = call::read(&ctx, move |c| Ok(addresses::find(c, &token, now)?)).await?;
    Ok(page(&link))
}

/// The button was pressed.
pub async fn confirm(ctx: Ctx, token: Ids<String>, _: NoQuery) -> Result<HttpResponse, Error> {
    let (now, token) = (ctx.now(), whole(token)?);
    let link = call::write(&ctx, move |c| Ok(addresses::confirm(c, &token, now)?)).await?;
    Ok(page(&link))
}

/// The token, if it can be one.
fn whole(token: Ids<String>) -> Result<String, Error> {
    let is_digit = |letter: u8| letter.is_ascii_digit() || (b'a'..=b'f').contains(&letter);
    match token.0 {
        token if token.len() == 64 && token.bytes().all(is_digit) => Ok(token),
        _ => Err(Error::bad_request("token", "invalid_format", "must be 64 hexadecimal digits: the link is not whole")),
    }
}

fn page(link: &Link) -> HttpResponse {
    let (status, text) = match link {
        Link::Open(Some(name)) => (StatusCode::OK, format!("May “{}” send you mails?", one_line(name, NAME_CHARS_MAX))),
        Link::Open(None) => (StatusCode::OK, "May Govrnanza send you mails?".to_owned()),
        Link::Invitation(name) => {
            let name = name.as_deref().unwrap_or("Govrnanza");
            let text = format!("“{}” has made a login for you. Do you want it?", one_line(name, NAME_CHARS_MAX));
            (StatusCode::OK, text)
        }
        Link::Used => (StatusCode::OK, "Your e-mail address is confirmed.".to_owned()),
        Link::Accepted => (StatusCode::OK, "You have accepted the login: sign in with it in a few seconds.".to_owned()),
        Link::Taken => {
            let text = "You have a login with this e-mail address already. It isn't changed, and as long as it exists this one can't be \
                accepted.";
            (StatusCode::CONFLICT, text.to_owned())
        }
        Link::Expired => {
            let text = "This link has expired. The platform's staff can have a new one sent to you, or an admin of your organisation \
                makes the login anew.";
            (StatusCode::GONE, text.to_owned())
        }
        Link::Unknown => (StatusCode::NOT_FOUND, "This link is unknown.".to_owned()),
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                meta name="robots" content="noindex";
                title { "Govrnanza: mails" }
            }
            body {
                h1 { "Govrnanza" }
                p { (text) }
                @if let Link::Open(_) = link {
                    form method="post" { button { "Yes, send me mails" } }
                    p { "If not, close this page: you get no mails." }
                }
                @if let Link::Invitation(_) = link {
                    form method="post" { button { "Yes, accept it" } }
                    p { "Mails about it are sent to you then. If you don't want it, close this page: nobody can sign in with it." }
                }
            }
        }
    };
    let policy = "default-src 'none'; form-action 'self'; frame-ancestors 'none'";
    HttpResponse::build(status)
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .content_type("text/html; charset=utf-8")
        .body(page.into_string())
}
