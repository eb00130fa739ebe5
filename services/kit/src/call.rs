//! From a handler to a store: the one way to a database thread.

use std::sync::Arc;

use actix_web::web::Data;

use crate::db::Lane;
use crate::{Ctx, Error};

/// Runs a read of the store on a thread of the read lane. A full queue is a 503 at once.
pub async fn read<S, T, F>(ctx: &Ctx, store: &Data<S>, work: F) -> Result<T, Error>
where
    S: ?Sized + Send + Sync + 'static,
    T: Send + 'static,
    F: FnOnce(&S) -> Result<T, Error> + Send + 'static,
{
    on(&ctx.app().lanes.read, ctx, store, work).await
}

/// Runs a write of the store on a thread of the write lane. A full queue is a 503 at once.
pub async fn write<S, T, F>(ctx: &Ctx, store: &Data<S>, work: F) -> Result<T, Error>
where
    S: ?Sized + Send + Sync + 'static,
    T: Send + 'static,
    F: FnOnce(&S) -> Result<T, Error> + Send + 'static,
{
    on(&ctx.app().lanes.write, ctx, store, work).await
}

async fn on<S, T, F>(lane: &Lane, ctx: &Ctx, store: &Data<S>, work: F) -> Result<T, Error>
where
    S: ?Sized + Send + Sync + 'static,
    T: Send + 'static,
    F: FnOnce(&S) -> Result<T, Error> + Send + 'static,
{
    let store: Arc<S> = Data::clone(store).into_inner();
    let (result, spent) = lane.run(move || work(&store)).await;
    ctx.spent(spent);
    result
}
