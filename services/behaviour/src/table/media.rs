//! Bodies that are no JSON, or say that they are something else.

use serde_json::Value;

use super::Table;
use super::bodies::JSON;
use super::contract::Operation;
use crate::assert::problem;

impl Table<'_> {
    /// No JSON, or none that is an object.
    pub(super) fn malformed(&self, operation: &Operation) {
        let texts: [&[u8]; 9] =
            [b"", b"{", b"nonsense", b"[]", b"null", b"1", b"\"text\"", b"{} {}", b"{\"\xff\xfe\": 1}"];
        for text in texts {
            problem(&self.send(self.call(operation).body(JSON, text.to_vec())), 400);
        }
        problem(&self.send(self.call(operation).body(JSON, vec![b'['; 100_000])), 400);
    }

    /// Another media type, packed, too large.
    pub(super) fn media(&self, operation: &Operation, body: &Value) {
        for media in ["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/jsonx", "json"]
        {
            problem(&self.send(self.call(operation).body(media, body.to_string().into_bytes())), 415);
        }
        let packed = self.call(operation).header("content-encoding", "br");
        let answer = self.send(packed.body(JSON, body.to_string().into_bytes()));
        problem(&answer, 415);
        let mut large = body.to_string().into_bytes();
        large.resize(300 * 1024, b' ');
        problem(&self.send(self.call(operation).body(JSON, large)), 413);
    }
}
