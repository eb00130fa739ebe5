//! What a request that writes brings besides its path and its body.

use diesel::PgConnection;

use crate::id::OrganisationId;
use crate::reply::Answer;
use crate::{Ctx, Error, Idempotency, IfMatch, Meta, idempotency};

/// Of a request that creates something in an organisation.
#[derive(Clone, Debug)]
pub struct Create {
    /// Where.
    pub organisation: OrganisationId,
    /// Who, when, in which request.
    pub meta: Meta,
    /// Whether it may be a repeat.
    pub idempotency: Idempotency,
}

impl Create {
    /// Of this request.
    pub fn new(ctx: &Ctx, organisation: OrganisationId, idempotency: Idempotency) -> Self {
        Self { organisation, meta: ctx.meta(), idempotency }
    }

    /// Does `work` once per `Idempotency-Key`: [`idempotency::once`].
    pub fn once(
        &self,
        c: &mut PgConnection,
        schema: &'static str,
        work: impl FnOnce(&mut PgConnection) -> Answer,
    ) -> Answer {
        idempotency::once(c, schema, &self.idempotency, &self.meta, work)
    }

    /// Whether it has an `Idempotency-Key`: its answer may then be one that was kept.
    pub fn may_be_repeat(&self) -> bool {
        self.idempotency != Idempotency::none()
    }
}

/// Of a request that changes or deletes something of an organisation.
#[derive(Clone, Debug)]
pub struct Update {
    /// Where.
    pub organisation: OrganisationId,
    /// Who, when, in which request.
    pub meta: Meta,
    /// The version it is meant for.
    pub if_match: IfMatch,
}

impl Update {
    /// Of this request.
    pub fn new(ctx: &Ctx, organisation: OrganisationId, if_match: IfMatch) -> Self {
        Self { organisation, meta: ctx.meta(), if_match }
    }

    /// 412 unless `current` is the version the client saw: [`IfMatch::check`].
    pub fn check(&self, current: i64) -> Result<(), Error> {
        self.if_match.check(current)
    }
}
