//! Values that are one of a few words.

/// Declares an enum whose values are words, the same in JSON and, as `text`, in the database.
///
/// ```
/// kit::words! {
///     /// How an organisation stands.
///     pub enum Standing {
///         /// Nothing is due.
///         Active = "active",
///         /// It gets 402.
///         Frozen = "frozen",
///     }
/// }
/// assert_eq!(Standing::Frozen.as_str(), "frozen");
/// ```
#[macro_export]
macro_rules! words {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$about:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash,
            $crate::__private::serde::Serialize, $crate::__private::serde::Deserialize,
            $crate::__private::diesel::expression::AsExpression,
            $crate::__private::diesel::deserialize::FromSqlRow,
        )]
        #[serde(crate = "kit::__private::serde")]
        #[diesel(sql_type = $crate::__private::diesel::sql_types::Text)]
        $vis enum $name {
            $($(#[$about])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// All of them, in the order of their declaration.
            $vis const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word.
            $vis fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        const _: () = {
            use $crate::__private::diesel::pg::{Pg, PgValue};
            use $crate::__private::diesel::sql_types::Text;
            use $crate::__private::diesel::{deserialize, serialize};

            impl deserialize::FromSql<Text, Pg> for $name {
                fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
                    let text = <String as deserialize::FromSql<Text, Pg>>::from_sql(bytes)?;
                    let known = Self::ALL.iter().find(|known| known.as_str() == text);
                    known.copied().ok_or_else(|| ::std::format!("{text} is no {}", stringify!($name)).into())
                }
            }

            impl serialize::ToSql<Text, Pg> for $name {
                fn to_sql<'b>(&'b self, out: &mut serialize::Output<'b, '_, Pg>) -> serialize::Result {
                    <str as serialize::ToSql<Text, Pg>>::to_sql(self.as_str(), out)
                }
            }
        };
    };
}

#[cfg(test)]
mod tests {
    use crate::auth::Scope;

    #[test]
    fn json_has_the_words_and_no_others() {
        for scope in Scope::ALL {
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
            assert_eq!(serde_json::from_value::<Scope>(scope.as_str().into()).unwrap(), *scope);
        }
        assert!(serde_json::from_str::<Scope>("\"Admin\"").is_err());
    }
}
