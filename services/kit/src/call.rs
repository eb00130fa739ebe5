//! From a handler to the database: the one way off the event loop.

use diesel::PgConnection;

use crate::threads::Lane;
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
    let (result, timing) = lane.run(work).await;
    ctx.add_timing(timing);
    result
}
