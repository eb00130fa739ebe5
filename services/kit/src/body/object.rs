//! Members that may be left out, e-mail addresses, and objects in objects: serde reads a struct from a list as well, by position, which no
//! contract offers.

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

/// For `#[serde(deserialize_with = "kit::body::object")]` on a member that is a struct: an object and nothing else.
pub fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<T, D::Error> {
    T::deserialize(Members(value))
}

/// The same of one that may be left out, with `#[serde(default)]`; null is a wrong type.
pub fn present_object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<Option<T>, D::Error> {
    object(value).map(Some)
}

/// The same of one that may be null.
pub fn nullable_object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Object<T>>::deserialize(value)?.map(|object| object.0))
}

/// For `#[serde(default, deserialize_with = "kit::body::present")]` on an `Option`: `Some` whenever the member stands in the body.
///
/// On `Option<String>` a null is then a wrong type (400); on `Option<Option<String>>` it is `Some(None)`.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

/// For `#[serde(deserialize_with = "kit::body::email")]`: an address in its stored form ([`crate::email::stored`]). What is none
/// stays as it was typed, for [`super::Invalid::email`] to name.
pub fn email<'de, D: Deserializer<'de>>(value: D) -> Result<String, D::Error> {
    let typed = String::deserialize(value)?;
    Ok(crate::email::stored(&typed).unwrap_or(typed))
}

/// The same of one that may be left out, with `#[serde(default)]`.
pub fn present_email<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    email(value).map(Some)
}

struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        object(value).map(Self)
    }
}

/// Reads an object, whatever type is asked for.
struct Members<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Members<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
