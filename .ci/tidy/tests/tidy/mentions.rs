//! What one module's code names: paths in expressions, types, patterns, attributes and macros' tokens.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// One declaration of `use`, a name at a time.
pub struct Use {
    /// The name that it brings; none for `*` and for `as _`.
    pub name: Option<String>,
    /// What it names, without the `*`.
    pub path: Vec<String>,
    pub is_glob: bool,
    /// With `pub` of any reach.
    pub is_public: bool,
}

/// A path as it is written.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Mention {
    pub path: Vec<String>,
    /// Among a macro's tokens, which may put it into a module of its own: `super` is then this one.
    pub is_token: bool,
}

/// Everything that a module's items name.
#[derive(Default)]
pub struct Mentions {
    pub uses: Vec<Use>,
    pub paths: BTreeSet<Mention>,
    /// Parameters and variables of the function that is being read: alone they name nothing else.
    locals: BTreeSet<String>,
}

/// Whether something is there for tests alone.
pub fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) if list.path.is_ident("cfg") => {
            let condition = list.tokens.to_string();
            condition.split(|c: char| !c.is_alphanumeric()).any(|word| word == "test") && !condition.contains("not")
        }
        _ => false,
    })
}

impl Mentions {
    /// A `use` of the module, or of one of its functions.
    pub fn add_use(&mut self, item: &syn::ItemUse) {
        let is_public = !matches!(item.vis, syn::Visibility::Inherited);
        self.flatten(&item.tree, &mut Vec::new(), is_public);
    }

    fn flatten(&mut self, tree: &syn::UseTree, before: &mut Vec<String>, is_public: bool) {
        let mut add = |name: Option<String>, last: Option<String>, is_glob| {
            let path = before.iter().cloned().chain(last).collect();
            self.uses.push(Use { name, path, is_glob, is_public });
        };
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.flatten(&path.tree, before, is_public);
                before.pop();
            }
            syn::UseTree::Name(name) if name.ident == "self" => add(before.last().cloned(), None, false),
            syn::UseTree::Name(name) => add(Some(name.ident.to_string()), Some(name.ident.to_string()), false),
            syn::UseTree::Rename(to) => {
                let last = (to.ident != "self").then(|| to.ident.to_string());
                add((to.rename != "_").then(|| to.rename.to_string()), last, false);
            }
            syn::UseTree::Glob(_) => add(None, None, true),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.flatten(tree, before, is_public);
                }
            }
        }
    }

    fn add_path(&mut self, path: Vec<String>, is_token: bool) {
        if path.len() != 1 || !self.locals.contains(&path[0]) {
            self.paths.insert(Mention { path, is_token });
        }
    }

    /// Names in a macro's tokens: `a::b::c`, each as long as it goes; not what stands after a dot, a dollar or as `name:` of a field.
    pub fn add_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let is =
            |at: usize, char: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == char);
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                TokenTree::Ident(first) => {
                    // `$crate` is a path of the macro's crate; `$name` stands for whatever is given.
                    let is_given = at > 0 && is(at - 1, '$') && first != "crate";
                    let is_member = at > 0 && is(at - 1, '.') && !(at > 1 && is(at - 2, '.'));
                    let mut path = vec![first.to_string()];
                    while is(at + 1, ':') && is(at + 2, ':') {
                        match tokens.get(at + 3) {
                            Some(TokenTree::Ident(next)) => path.push(next.to_string()),
                            Some(TokenTree::Group(names)) if names.delimiter() == Delimiter::Brace => {
                                self.add_names_below(&path, names.stream());
                                break;
                            }
                            _ => break,
                        }
                        at += 3;
                    }
                    if !is_given && !is_member {
                        self.add_path(path, true);
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
            at += 1;
        }
    }

    /// `use a::{b, c}` among a macro's tokens.
    fn add_names_below(&mut self, before: &[String], names: TokenStream) {
        for name in names {
            if let TokenTree::Ident(name) = name {
                self.add_path(before.iter().cloned().chain([name.to_string()]).collect(), true);
            }
        }
    }

    fn within(&mut self, bound: Bound, visit: impl FnOnce(&mut Self)) {
        let outer = self.locals.clone();
        self.locals.extend(bound.0);
        visit(self);
        self.locals = outer;
    }
}

/// Every name that a function's patterns bind.
#[derive(Default)]
struct Bound(BTreeSet<String>);

impl Bound {
    fn of(read: impl FnOnce(&mut Self)) -> Self {
        let mut bound = Self::default();
        read(&mut bound);
        bound
    }
}

impl<'ast> Visit<'ast> for Bound {
    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        self.0.insert(pattern.ident.to_string());
        visit::visit_pat_ident(self, pattern);
    }
}

impl<'ast> Visit<'ast> for Mentions {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_test(&item.attrs) {
            self.add_use(item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.add_path(path.segments.iter().map(|segment| segment.ident.to_string()).collect(), false);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        self.add_tokens(called.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if attribute.path().is_ident("doc") {
            return;
        }
        if let syn::Meta::List(list) = &attribute.meta {
            self.add_tokens(list.tokens.clone());
            // `#[serde(with = "crate::seconds")]`
            for token in list.tokens.clone() {
                let path = match token {
                    TokenTree::Literal(literal) => syn::parse_str::<syn::LitStr>(&literal.to_string()),
                    _ => continue,
                };
                if let Ok(path) = path.and_then(|text| text.parse::<syn::Path>())
                    && path.segments.len() > 1
                {
                    self.visit_path(&path);
                }
            }
        }
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if !is_test(&function.attrs) {
            let bound = Bound::of(|bound| bound.visit_item_fn(function));
            self.within(bound, |mentions| visit::visit_item_fn(mentions, function));
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            let bound = Bound::of(|bound| bound.visit_impl_item_fn(function));
            self.within(bound, |mentions| visit::visit_impl_item_fn(mentions, function));
        }
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if !is_test(&function.attrs) {
            let bound = Bound::of(|bound| bound.visit_trait_item_fn(function));
            self.within(bound, |mentions| visit::visit_trait_item_fn(mentions, function));
        }
    }
}
