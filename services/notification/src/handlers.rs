//! The wire: routes on top, then one function per endpoint.

use actix_web::web::Data;
use kit::auth::{Member, Operator};
use kit::{Answer, Ctx, Filtered, Json, Routes, call, reply};

use crate::model::{Addressee, DeliveryFilter, NotificationFilter, ReadNotifications};
use crate::store::Store;

/// The contract's endpoints.
pub fn routes() -> Routes {
    Routes::new()
        .get("/organisations/{org}/notifications", list_notifications)
        .post("/organisations/{org}/notifications/read", read_notifications)
        .get("/deliveries", list_deliveries)
}

type Stored = Data<dyn Store>;

fn addressee(member: &Member) -> Addressee {
    Addressee { organisation_id: member.organisation, login_id: member.login, profile_id: member.profile }
}

async fn list_notifications(ctx: Ctx, member: Member, list: Filtered<NotificationFilter>, store: Stored) -> Answer {
    let to = addressee(&member);
    let page =
        call::read(&ctx, &store, move |store| store.list_notifications(to, list.filter.unread, &list.page)).await?;
    reply::page(&page)
}

async fn read_notifications(ctx: Ctx, member: Member, body: Json<ReadNotifications>, store: Stored) -> Answer {
    let (to, meta) = (addressee(&member), ctx.meta());
    let ids = body.check()?.ids;
    call::write(&ctx, &store, move |store| store.read_notifications(to, &ids, &meta)).await?;
    reply::no_content()
}

async fn list_deliveries(ctx: Ctx, _operator: Operator, list: Filtered<DeliveryFilter>, store: Stored) -> Answer {
    let page = call::read(&ctx, &store, move |store| store.list_deliveries(list.filter.status, &list.page)).await?;
    reply::page(&page)
}
