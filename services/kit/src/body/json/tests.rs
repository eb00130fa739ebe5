use super::*;
use serde::Deserialize;

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Sample {
    full_name: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    kind: Option<Kind>,
    #[serde(default)]
    id: Option<uuid::Uuid>,
    #[serde(default)]
    inner: Option<Box<Sample>>,
}
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
enum Kind {
    Api,
}
impl Validate for Sample {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.name("fullName", &self.full_name, 10);
    }
}

fn outcome(body: &[u8]) -> (u16, String, String) {
    let error = match Json::<Sample>::parse(body) {
        Ok(json) => match json.check() {
            Ok(_) => return (200, String::new(), String::new()),
            Err(error) => error,
        },
        Err(error) => error,
    };
    let (Error::BadRequest { errors, .. } | Error::Invalid(errors)) = &error else { panic!("{error}") };
    (error.status().as_u16(), errors[0].field.clone(), errors[0].code.clone())
}

#[test]
fn every_mistake_names_its_field() {
    let table: &[(&[u8], u16, &str, &str)] = &[
        (br#"{"fullName":"a","tags":["x"],"kind":"api"}"#, 200, "", ""),
        (br#"{"fullName":1}"#, 400, "fullName", "invalid_type"),
        (br#"{"fullName":"a","nick":"b"}"#, 400, "nick", "unknown_field"),
        (br#"{"fullName":"a","inner":{"fullName":"a","nick":1}}"#, 400, "inner.nick", "unknown_field"),
        (br#"{"fullName":"a","inner":{}}"#, 400, "inner.fullName", "missing_field"),
        (br#"{"fullName":"a","fullName":"b"}"#, 400, "fullName", "duplicate_field"),
        (br#"{}"#, 400, "fullName", "missing_field"),
        (br#"[]"#, 400, "", "invalid_type"),
        (b"", 400, "", "malformed"),
        (br#"{"fullName":"a""#, 400, "", "malformed"),
        (br#"{"fullName":"a"} {}"#, 400, "", "malformed"),
        (b"{\"fullName\":\"\xff\"}", 400, "fullName", "malformed"),
        (br#"{"fullName":"\ud800"}"#, 400, "fullName", "malformed"),
        (br#"{"fullName":"a","kind":7}"#, 400, "kind", "invalid_type"),
        (b"{\"fullName\":\"\x00\"}", 400, "", "malformed"),
        (br#"{"fullName":"\u0000"}"#, 422, "fullName", "nul"),
        (br#"{"fullName":"a","tags":["x","a\u0000"]}"#, 422, "tags[1]", "nul"),
        (br#"{"fullName":"a","kind":"other"}"#, 422, "kind", "unknown_value"),
        (br#"{"fullName":"a","id":"no"}"#, 422, "id", "invalid_value"),
        (br#"{"fullName":"12345678901"}"#, 422, "fullName", "too_long"),
    ];
    for (body, status, field, code) in table {
        let got = outcome(body);
        assert_eq!(
            (got.0, got.1.as_str(), got.2.as_str()),
            (*status, *field, *code),
            "{}",
            String::from_utf8_lossy(body)
        );
    }
}

#[derive(Debug, PartialEq, serde::Deserialize)]
struct Numbers {
    whole: i32,
    list: Vec<i64>,
}
impl Validate for Numbers {
    fn validate(&self, _: &mut Invalid) {}
}

#[test]
fn a_whole_number_may_have_a_fraction_of_nothing() {
    let read = |text: &str| Json::<Numbers>::parse(text.as_bytes()).map(|body| body.check());
    let expected = Numbers { whole: 7, list: vec![-3, 100, 9_007_199_254_740_993] };
    let text = r#"{"whole":7.0,"list":[-3.0,1e2,9007199254740993]}"#;
    assert_eq!(read(text), Ok(Ok(expected)));
    let text = r#"{"list":[0,-0.0,70.0e-1,-0,0e-400,0.0012e+4,9223372036854775807.0],"whole":2E0}"#;
    let expected = Numbers { whole: 2, list: vec![0, 0, 7, 0, 0, 12, i64::MAX] };
    assert_eq!(read(text), Ok(Ok(expected)));
    for wrong in [
        r#"{"whole":7.0,"list":[],"whole":8}"#,
        r#"{"whole":"\\\"7.0","list":[1.0]}"#,
        r#"{"whole":7.5,"list":[]}"#,
        r#"{"whole":1e300,"list":[]}"#,
        r#"{"whole":3e9,"list":[]}"#,
        // As floats these two would be whole.
        r#"{"whole":1,"list":[999999999999.9999999]}"#,
        r#"{"whole":1e-400,"list":[]}"#,
        r#"{"whole":1,"list":[9223372036854775808.0]}"#,
        r#"{"whole":1,"list":[1e99999999999999999999]}"#,
    ] {
        assert!(!matches!(read(wrong), Ok(Ok(_))), "{wrong}");
    }
}

#[test]
fn depth_is_bounded() {
    let deep = format!("{{\"fullName\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(outcome(deep.as_bytes()).0, 400);
    let nested = format!("{}null{}", "{\"fullName\":\"a\",\"inner\":".repeat(5000), "}".repeat(5000));
    assert_eq!(outcome(nested.as_bytes()).0, 400);
}

/// A text as JSON, each character escaped or not.
fn json_text(text: &str, escaped: &[bool]) -> String {
    let escapes = escaped.iter().copied().chain(std::iter::repeat(false));
    let character = |(character, escape): (char, bool)| {
        if escape {
            return character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect();
        }
        let quoted = serde_json::to_string(&character).unwrap();
        quoted[1..quoted.len() - 1].to_owned()
    };
    format!("\"{}\"", text.chars().zip(escapes).map(character).collect::<String>())
}

#[derive(Debug, Deserialize)]
struct Texts {
    password: String,
    tags: Vec<String>,
    inner: Option<Box<Texts>>,
}
impl Validate for Texts {
    const AS_TYPED: &'static [&'static str] = &["password"];
}

proptest::proptest! {
    #[test]
    fn one_text_has_one_coding(
        typed in "[a-zäé\u{300}-\u{315}ÅΩ가-힣\"\\\\:,{\u{1e9b}\u{323}]{0,12}|\\PC{0,12}",
        escaped in proptest::collection::vec(proptest::prelude::any::<bool>(), 12),
    ) {
        use unicode_normalization::UnicodeNormalization;
        let nfc: String = typed.nfc().collect();
        for form in [typed.clone(), typed.nfd().collect(), nfc.clone()] {
            let text = json_text(&form, &escaped);
            let body = format!(r#"{{"tags":[{text},"a",{text}],"password":{text},"inner":{{"password":"\u0061","tags":[{text}]}}}}"#);
            let read = Json::<Texts>::parse(body.as_bytes()).unwrap().check().unwrap();
            proptest::prop_assert_eq!(&read.tags, &[nfc.clone(), "a".into(), nfc.clone()]);
            proptest::prop_assert_eq!(&read.inner.unwrap().tags, &vec![nfc.clone()]);
            proptest::prop_assert_eq!(&read.password, &form);
        }
    }

    #[test]
    fn no_body_makes_the_rewriting_fail(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40)) {
        let _ = Json::<Texts>::parse(&body);
        let _ = Json::<Numbers>::parse(&body);
        let _ = Json::<Texts>::parse(&[b"{\"tags\":[\"".as_slice(), &body].concat());
    }
}
