//! SQL whose schema is only known at run time (the tables that every service has alike), cached all the same:
//! without a static id diesel caches a prepared statement by its text.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::HasSqlType;
use diesel::{QueryResult, RunQueryDsl};

/// Pushes one parameter.
trait Bind: Send {
    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()>;
}

struct Value<T, S>(T, std::marker::PhantomData<S>);

impl<T, S> Bind for Value<T, S>
where
    T: ToSql<S, Pg> + Send,
    S: Send,
    Pg: HasSqlType<S>,
{
    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param::<S, T>(&self.0)
    }
}

/// A statement for one of the shared tables: text with `$n`, and its parameters in order; `R` is its row.
pub(crate) struct Sql<'a, R = ()> {
    text: String,
    binds: Vec<Box<dyn Bind + 'a>>,
    row: std::marker::PhantomData<R>,
}

impl<'a, R> Sql<'a, R> {
    /// `text` with the service's schema for every `{schema}`.
    pub fn new(text: &str, schema: &'static str) -> Self {
        Self { text: text.replace("{schema}", schema), binds: Vec::new(), row: std::marker::PhantomData }
    }

    /// The next parameter.
    pub fn bind<S: Send + 'a, T: ToSql<S, Pg> + Send + 'a>(mut self, value: T) -> Self
    where
        Pg: HasSqlType<S>,
    {
        self.binds.push(Box::new(Value::<T, S>(value, std::marker::PhantomData)));
        self
    }
}

impl<R> QueryFragment<Pg> for Sql<'_, R> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        crate::statement::walk(&self.text, out.reborrow(), |index, out| match self.binds.get(index.wrapping_sub(1)) {
            Some(bind) => bind.push(out),
            None => Err(crate::statement::no_parameter("a shared statement", index, out)),
        })
    }
}

impl<R> QueryId for Sql<'_, R> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<R> diesel::query_builder::Query for Sql<'_, R> {
    type SqlType = R;
}

impl<R, Connection> RunQueryDsl<Connection> for Sql<'_, R> {}
