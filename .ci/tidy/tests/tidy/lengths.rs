//! Lines of files and functions.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};

use crate::mentions::is_test;
use crate::tree::Tree;

/// The longest file and function that need no reason.
pub const FILE_MAX: usize = 300;
pub const FUNCTION_MAX: usize = 70;

/// A file or a function.
pub struct Length {
    /// `path` or `path:line name`.
    pub place: String,
    pub lines: usize,
    /// A comment above it begins with `// Long: ` and says why.
    pub has_reason: bool,
}

/// What one file holds.
pub struct Measured {
    pub file: Length,
    pub is_generated: bool,
    pub functions: Vec<Length>,
    /// Lines of each function that answers an endpoint of a service.
    pub endpoints: Vec<usize>,
}

/// All sources outside tests.
pub fn measure(tree: &Tree) -> Vec<Measured> {
    let parsed: Vec<_> = tree.sources().map(|(path, text)| (path, text, parse(path, text))).collect();
    let mut routed: BTreeMap<&str, Routed> = BTreeMap::new();
    for (path, _, source) in parsed.iter().filter(|(path, ..)| path.starts_with("services/")) {
        routed.entry(package(path)).or_default().visit_file(source);
    }
    let (mut measured, none) = (Vec::new(), Routed::default());
    for (path, text, source) in &parsed {
        let routed = routed.get(package(path)).unwrap_or(&none);
        let lines: Vec<&str> = text.lines().collect();
        let mut functions =
            Functions { path, lines: &lines, routed: &routed.0, all: Vec::new(), endpoints: Vec::new() };
        functions.visit_file(source);
        let has_reason = lines.iter().take_while(|line| line.starts_with("//")).any(|line| is_reason(line));
        measured.push(Measured {
            file: Length { place: (*path).to_owned(), lines: lines.len(), has_reason },
            is_generated: text.starts_with("// @generated"),
            functions: functions.all,
            endpoints: functions.endpoints,
        });
    }
    measured
}

fn package(path: &str) -> &str {
    path.split("/src/").next().unwrap_or_default()
}

fn parse(path: &str, text: &str) -> syn::File {
    syn::parse_file(text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn is_reason(line: &str) -> bool {
    line.trim_start().strip_prefix("// Long: ").is_some_and(|why| !why.trim().is_empty())
}

/// Names of handlers: `.get("/apis", apis::list_apis)`.
#[derive(Default)]
struct Routed(BTreeSet<String>);

impl<'ast> Visit<'ast> for Routed {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let is_verb = ["get", "post", "put", "patch", "delete", "get_at_root"].iter().any(|verb| call.method == verb);
        if is_verb
            && let (Some(syn::Expr::Lit(path)), Some(syn::Expr::Path(handler))) = (call.args.first(), call.args.get(1))
            && matches!(&path.lit, syn::Lit::Str(path) if path.value().starts_with('/'))
        {
            self.0.extend(handler.path.segments.last().map(|name| name.ident.to_string()));
        }
        visit::visit_expr_method_call(self, call);
    }
}

struct Functions<'a> {
    path: &'a str,
    lines: &'a [&'a str],
    routed: &'a BTreeSet<String>,
    all: Vec<Length>,
    endpoints: Vec<usize>,
}

impl Functions<'_> {
    fn add(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let start = signature.fn_token.span.start().line;
        let lines = body.brace_token.span.close().end().line + 1 - start;
        let above = self.lines[..start - 1].iter().rev().take_while(|line| {
            let line = line.trim();
            !line.is_empty() && !line.ends_with(['{', '}', ';'])
        });
        let has_reason = above.into_iter().any(|line| is_reason(line));
        self.all.push(Length { place: format!("{}:{start} {}", self.path, signature.ident), lines, has_reason });
        if signature.asyncness.is_some() && self.routed.contains(&signature.ident.to_string()) {
            self.endpoints.push(lines);
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.add(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}
