//! Which calls belong to one request: the W3C header `traceparent`, handed on with every call, and what is made for the request
//! as spans in the log.
//!
//! kit logs each request's trace and, with `LOG=info,span=debug`, its statements; then this crate logs each call and statement of
//! its own. `lab composed` draws a request's waterfall of these lines.

use std::time::Instant;

use actix_web::HttpRequest;

/// The request that calls are made for.
#[derive(Clone, Copy, Debug)]
pub struct Trace {
    id: u128,
    /// The span of whoever called us, or of the request itself where it begins here.
    parent: u64,
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

    /// That of the request which this task works for, if any does.
    fn present() -> Option<Self> {
        TRACE.try_with(|trace| *trace).ok()
    }

    fn begin() -> Self {
        Self { id: rand::random::<u128>().max(1), parent: span() }
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut hex = |size| {
            let is = |part: &&str| part.len() == size && part.bytes().all(|byte| byte.is_ascii_hexdigit());
            parts.next().filter(is)
        };
        let (_version, id, parent, _flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
        if parts.next().is_some() {
            return None;
        }
        Some(Self { id: u128::from_str_radix(id, 16).ok()?, parent: u64::from_str_radix(parent, 16).ok()? })
    }

    /// Runs what makes calls for it.
    pub async fn within<T>(self, work: impl Future<Output = T>) -> T {
        TRACE.scope(self, work).await
    }
}

/// Whether spans are logged.
pub(crate) fn logged() -> bool {
    tracing::enabled!(target: "span", tracing::Level::DEBUG)
}

fn ms_since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1000.0
}

/// A statement's line in the log, at its end; none of one that no request caused.
pub(crate) fn statement(text: &str, began: Instant) {
    if let Some(trace) = Trace::present().filter(|_| logged()) {
        let trace_id = format!("{:032x}", trace.id);
        let noun = text.rsplit_once(" published.").and_then(|(_, rest)| rest.split_whitespace().next());
        tracing::debug!(target: "span", trace_id, noun, ms = ms_since(began), "statement");
    }
}

/// One call: its trace, its own span, and when it began.
pub(crate) struct Call {
    trace: Trace,
    span: u64,
    began: Instant,
}

impl Call {
    /// Of the request that this task works for; what no request causes begins a trace.
    pub fn begin() -> Self {
        Self { trace: Trace::present().unwrap_or_else(Trace::begin), span: span(), began: Instant::now() }
    }

    /// What it sends.
    pub fn header(&self) -> String {
        format!("00-{:032x}-{:016x}-01", self.trace.id, self.span)
    }

    /// Its line in the log.
    pub fn ended(&self, url: &str, outcome: &str) {
        let [span_id, parent_id] = [self.span, self.trace.parent].map(|id| format!("{id:016x}"));
        let (trace_id, ms) = (format!("{:032x}", self.trace.id), ms_since(self.began));
        tracing::debug!(target: "span", trace_id, span_id, parent_id, url, outcome, ms, "call");
    }
}

fn span() -> u64 {
    rand::random::<u64>().max(1)
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
