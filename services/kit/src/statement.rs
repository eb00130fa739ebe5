//! Hand-written SQL that is planned once: diesel caches by type, which `sql_query` does not offer.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;

/// Declares a statement: its parameters with their SQL types, its row, its text with `$1`, `$2`, … in the order of the parameters.
///
/// ```
/// use kit::id::{ApiId, OrganisationId};
/// kit::statement! {
///     /// One API with its domain's name.
///     pub struct FindApi(organisation_id: OrganisationId as Uuid, id: ApiId as Uuid) -> (Uuid, Text, Nullable<Text>) =
///         "select a.id, a.name, a.title from registry.apis a where a.organisation_id = $1 and a.id = $2"
/// }
/// kit::statement! {
///     /// No rows: for `execute`. Borrowed parameters take a lifetime.
///     pub struct Rename<'a>(id: ApiId as Uuid, name: &'a str as Text) =
///         "update registry.apis set name = $2 where id = $1"
/// }
/// fn find(connection: &mut diesel::PgConnection, organisation_id: OrganisationId, id: ApiId) -> diesel::QueryResult<(ApiId, String, Option<String>)> {
///     use diesel::RunQueryDsl;
///     FindApi { organisation_id, id }.get_result(connection)
/// }
/// ```
///
/// SQL types are those of `diesel::sql_types` (and `Jsonb`, `Timestamptz`, `Array<…>`); a parameter may stand several times.
/// The text must be a constant: it is the same for every value, or the cache would answer with another's plan.
#[macro_export]
macro_rules! statement {
    ($(#[$meta:meta])* $vis:vis struct $name:ident $(<$lt:lifetime>)? ($($field:ident: $rust:ty as $sql:ty),* $(,)?) $(-> $row:ty)? = $text:expr) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        $vis struct $name $(<$lt>)? {
            $(
                #[doc = concat!("Parameter of type `", stringify!($sql), "`.")]
                $vis $field: $rust,
            )*
        }

        const _: () = {
            use $crate::__private::diesel::{self, sql_types::*};
            // Uses the names above even for a statement that has neither parameters nor rows.
            type _Named = Text;

            /// Stands for the statement in diesel's cache, whatever lifetime its parameters have.
            pub struct Key;

            impl $(<$lt>)? diesel::query_builder::QueryId for $name $(<$lt>)? {
                type QueryId = Key;
                const HAS_STATIC_QUERY_ID: bool = true;
            }

            impl $(<$lt>)? diesel::query_builder::QueryFragment<diesel::pg::Pg> for $name $(<$lt>)? {
                fn walk_ast<'walk>(
                    &'walk self,
                    out: diesel::query_builder::AstPass<'_, 'walk, diesel::pg::Pg>,
                ) -> diesel::QueryResult<()> {
                    const TEXT: &str = $text;
                    $crate::statement::walk(TEXT, out, |index, out| {
                        let parameter = 0;
                        $(
                            let parameter = parameter + 1;
                            if index == parameter {
                                return out.push_bind_param::<$sql, _>(&self.$field);
                            }
                        )*
                        let _ = parameter;
                        Err($crate::statement::no_parameter(stringify!($name), index, out))
                    })
                }
            }

            $crate::statement!(@query $name $(<$lt>)? $(=> $row)?);

            impl<$($lt,)? Connection> diesel::query_dsl::RunQueryDsl<Connection> for $name $(<$lt>)? {}
        };
    };
    (@query $name:ident $(<$lt:lifetime>)? => $row:ty) => {
        impl $(<$lt>)? $crate::__private::diesel::query_builder::Query for $name $(<$lt>)? {
            type SqlType = $row;
        }
    };
    (@query $name:ident $(<$lt:lifetime>)?) => {};
}

/// Writes a statement's text, asking for the parameter where one stands. Not for services.
#[doc(hidden)]
pub fn walk<'a, 'b>(
    text: &str,
    mut out: AstPass<'a, 'b, Pg>,
    bind: impl Fn(usize, &mut AstPass<'_, 'b, Pg>) -> QueryResult<()>,
) -> QueryResult<()> {
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let digits = rest[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
        let (before, after) = rest.split_at(at + 1 + digits);
        match before[at + 1..].parse() {
            Ok(index) => {
                out.push_sql(&before[..at]);
                bind(index, &mut out)?;
            }
            // A dollar without a number is text.
            Err(_) => out.push_sql(before),
        }
        rest = after;
    }
    out.push_sql(rest);
    Ok(())
}

/// A `$n` without its parameter is a mistake in the source. Not for services.
#[doc(hidden)]
pub fn no_parameter(name: &str, index: usize, _: &mut AstPass<'_, '_, Pg>) -> diesel::result::Error {
    diesel::result::Error::QueryBuilderError(format!("{name} has no parameter ${index}").into())
}
