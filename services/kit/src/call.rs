//! From a handler to the database: the one way off the event loop.

use std::sync::Arc;

use actix_web::web::Data;
use diesel::PgConnection;

use crate::db::Lane;
use crate::{Ctx, Error};

/// Runs `work` as [`crate::Db::read`] does, on a thread of the read lane. A full queue is a 503 at once.
pub async fn read<T, F>(ctx: &Ctx, work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnMut(&mut PgConnection) -> Result<T, Error> + Send + 'static,
{
    let db = ctx.app().db.clone();
    on(&ctx.app().lanes.read, ctx, move || db.read(work)).await
}

/// Runs `work` as [`crate::Db::write`] does, in one transaction, on a thread of the write lane. A full queue is a 503 at once.
pub async fn write<T, F>(ctx: &Ctx, work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce(&mut PgConnection) -> Result<T, Error> + Send + 'static,
{
    let db = ctx.app().db.clone();
    on(&ctx.app().lanes.write, ctx, move || db.write(work)).await
}

async fn on<T: Send + 'static>(
    lane: &Lane,
    ctx: &Ctx,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (result, spent) = lane.run(work).await;
    ctx.spent(spent);
    result
}

/// The form before [`read`]: goes when the last service has left its trait of verbs.
#[doc(hidden)]
pub async fn read_store<S, T, F>(ctx: &Ctx, store: &Data<S>, work: F) -> Result<T, Error>
where
    S: ?Sized + Send + Sync + 'static,
    T: Send + 'static,
    F: FnOnce(&S) -> Result<T, Error> + Send + 'static,
{
    let store: Arc<S> = Data::clone(store).into_inner();
    on(&ctx.app().lanes.read, ctx, move || work(&store)).await
}

/// The form before [`write`]: goes when the last service has left its trait of verbs.
#[doc(hidden)]
pub async fn write_store<S, T, F>(ctx: &Ctx, store: &Data<S>, work: F) -> Result<T, Error>
where
    S: ?Sized + Send + Sync + 'static,
    T: Send + 'static,
    F: FnOnce(&S) -> Result<T, Error> + Send + 'static,
{
    let store: Arc<S> = Data::clone(store).into_inner();
    on(&ctx.app().lanes.write, ctx, move || work(&store)).await
}
