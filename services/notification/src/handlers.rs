//! The wire: routes on top, then one function per endpoint.

use actix_web::web::Data;
use kit::auth::{Member, Operator};
use kit::{Answer, Ctx, Filtered, Json, Routes, call, reply};

use crate::mail::Sender;
use crate::model::{Addressee, DeliveryFilter, NotificationFilter, ReadNotifications, RetryDeliveries};
use crate::{confirmations, deliveries, notifications};

/// The contract's endpoints.
pub fn routes() -> Routes {
    Routes::new()
        .get("/organisations/{org}/notifications", list_notifications)
        .post("/organisations/{org}/notifications/read", read_notifications)
        .get("/confirmations/{token}", confirmations::show)
        .post("/confirmations/{token}", confirmations::confirm)
        .get("/deliveries", list_deliveries)
        .post("/deliveries/retry", retry_deliveries)
}

fn addressee(member: &Member) -> Addressee {
    Addressee { organisation_id: member.organisation, login_id: member.login, profile_id: member.profile }
}

async fn list_notifications(ctx: Ctx, member: Member, list: Filtered<NotificationFilter>) -> Answer {
    let to = addressee(&member);
    reply::page(&call::read(&ctx, move |c| notifications::list(c, to, list.filter.unread, &list.page)).await?)
}

async fn read_notifications(ctx: Ctx, member: Member, body: Json<ReadNotifications>) -> Answer {
    let (to, meta, ids) = (addressee(&member), ctx.meta(), body.check()?.ids);
    call::write(&ctx, move |c| notifications::mark_read(c, to, &ids, &meta)).await?;
    reply::no_content()
}

async fn list_deliveries(
    ctx: Ctx,
    _operator: Operator,
    list: Filtered<DeliveryFilter>,
    sender: Data<Sender>,
) -> Answer {
    let status = list.filter.status;
    reply::page(&call::read(&ctx, move |c| deliveries::list(c, status, sender.domain(), &list.page)).await?)
}

async fn retry_deliveries(ctx: Ctx, _operator: Operator, body: Json<RetryDeliveries>) -> Answer {
    let (meta, ids) = (ctx.meta(), body.check()?.ids);
    call::write(&ctx, move |c| deliveries::retry(c, &ids, &meta)).await?;
    reply::no_content()
}
