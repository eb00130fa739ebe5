//! Which calls belong to one request: the W3C header `traceparent`, handed on with every call and written to the log.
//!
//! kit logs each request's trace, this crate each call (`LOG=info,api_centric=debug`): a waterfall is a search for one id.

use actix_web::HttpRequest;

/// The request that calls are made for.
#[derive(Clone, Debug)]
pub struct Trace {
    /// 32 hexadecimal digits.
    id: String,
    /// The span of whoever called us, or of the request itself where it begins here.
    parent: String,
}

tokio::task_local! {
    static TRACE: Trace;
}

impl Trace {
    /// The request's; a new one where it brings none.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let given = request.headers().get("traceparent").and_then(|value| Self::read(value.to_str().ok()?));
        given.unwrap_or_else(Self::begin)
    }

    fn begin() -> Self {
        Self { id: format!("{:032x}", rand::random::<u128>()), parent: span() }
    }

    fn read(text: &str) -> Option<Self> {
        let hex = |part: &str, size| part.len() == size && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        match text.split('-').collect::<Vec<_>>()[..] {
            [version, id, parent, flags] if hex(version, 2) && hex(id, 32) && hex(parent, 16) && hex(flags, 2) => {
                Some(Self { id: id.to_owned(), parent: parent.to_owned() })
            }
            _ => None,
        }
    }

    /// Runs what makes calls for it.
    pub async fn within<T>(self, work: impl Future<Output = T>) -> T {
        TRACE.scope(self, work).await
    }
}

/// One call: its trace, its own span, and whose it is part of.
pub(crate) struct Call {
    pub trace: Trace,
    pub span: String,
}

impl Call {
    /// Of the request that this task works for; what no request causes begins a trace.
    pub fn begin() -> Self {
        Self { trace: TRACE.try_with(Trace::clone).unwrap_or_else(|_| Trace::begin()), span: span() }
    }

    /// What it sends.
    pub fn header(&self) -> String {
        format!("00-{}-{}-01", self.trace.id, self.span)
    }

    /// Its line in the log.
    pub fn ended(&self, url: &str, outcome: &str, ms: f64) {
        let (trace_id, parent_id) = (&self.trace.id, &self.trace.parent);
        tracing::debug!(trace_id, span_id = self.span, parent_id, url, outcome, ms, "call");
    }
}

fn span() -> String {
    format!("{:016x}", rand::random::<u64>().max(1))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn sent(traceparent: &str) -> String {
        let request = TestRequest::default().insert_header(("traceparent", traceparent)).to_http_request();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(Trace::of(&request).within(async { Call::begin().header() }))
    }

    #[test]
    fn a_call_is_of_its_requests_trace_and_has_a_span_of_its_own() {
        let (id, parent) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        let header = sent(&format!("00-{id}-{parent}-01"));
        assert!(header.starts_with(&format!("00-{id}-")) && !header.contains(parent), "{header}");
        for wrong in ["", "00-x-y-01", &format!("00-{id}-{parent}"), &format!("00-{id}-{parent}-01-02-03")] {
            let header = sent(wrong);
            assert!(!header.contains(id) && header.len() == 55, "{wrong}: {header}");
        }
    }
}
