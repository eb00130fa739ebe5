//! The modules of a workspace, and where a path in one of them leads.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::Visit;

use crate::mentions::{Mention, Mentions, is_test};
use crate::tree::Tree;

struct Module {
    file: String,
    parent: Option<usize>,
    root: usize,
    children: BTreeMap<String, usize>,
    /// What it defines, macros without reach included.
    items: BTreeSet<String>,
    mentions: Mentions,
}

/// All modules of all crates, those for tests left out.
#[derive(Default)]
pub struct Modules {
    all: Vec<Module>,
    /// Name of a crate → its root.
    crates: BTreeMap<String, usize>,
    /// Crate and name of a macro under `#[macro_export]` → the module that defines it.
    exported: BTreeMap<(usize, String), usize>,
}

/// What a path names. One name can be both: `apply` the module and `apply` the function.
#[derive(Default)]
struct Found {
    module: Option<usize>,
    item: Option<Item>,
}

struct Item {
    name: String,
    /// Where it is defined.
    home: usize,
    /// A macro must have written it: `home` has nothing of this name.
    is_guess: bool,
    /// Modules whose `use` it went through.
    through: Vec<usize>,
}

/// One file uses what another defines.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    pub from: String,
    pub to: String,
    pub name: String,
    /// Files that hand the name on by a `use` of their own.
    pub through: Vec<String>,
}

impl Modules {
    /// Reads all packages: `src/lib.rs`, `src/main.rs`, `src/bin/*.rs` and what they declare.
    pub fn read(tree: &Tree) -> Self {
        let mut modules = Self::default();
        for package in tree.packages() {
            let source = format!("{}/src", package.folder);
            let is_root = |path: &str| {
                let below = path.strip_prefix(&source).unwrap_or_default();
                let binary = below.strip_prefix("/bin/").is_some_and(|name| !name.contains('/'));
                matches!(below, "/lib.rs" | "/main.rs") || binary
            };
            for (path, _) in tree.sources().filter(|(path, _)| is_root(path)) {
                let root = modules.add(tree, path, None, "");
                if path.ends_with("/lib.rs") {
                    modules.crates.insert(package.ident.clone(), root);
                }
            }
        }
        modules
    }

    /// `below`: the folder that holds the files of its children.
    fn add(&mut self, tree: &Tree, file: &str, parent: Option<usize>, below: &str) -> usize {
        let text = tree.0.get(file).unwrap_or_else(|| panic!("no file {file}"));
        let items = syn::parse_file(text).unwrap_or_else(|e| panic!("{file}: {e}")).items;
        let below = if parent.is_none() || file.ends_with("/mod.rs") {
            file.rsplit_once('/').map_or("", |(folder, _)| folder)
        } else {
            below
        };
        self.add_items(tree, file, parent, below, &items)
    }

    fn add_items(&mut self, tree: &Tree, file: &str, parent: Option<usize>, below: &str, items: &[syn::Item]) -> usize {
        let at = self.all.len();
        let root = parent.map_or(at, |parent| self.all[parent].root);
        self.all.push(Module {
            file: file.to_owned(),
            parent,
            root,
            children: BTreeMap::new(),
            items: BTreeSet::new(),
            mentions: Mentions::default(),
        });
        for item in items {
            self.add_item(tree, at, below, item);
        }
        at
    }

    fn add_item(&mut self, tree: &Tree, at: usize, below: &str, item: &syn::Item) {
        use syn::Item::{Const, Enum, Fn, Macro, Mod, Static, Struct, Trait, TraitAlias, Type, Union, Use};
        let (attributes, name) = match item {
            Mod(item) if !is_test(&item.attrs) => return self.add_module(tree, at, below, item),
            Mod(_) => return,
            Use(item) if !is_test(&item.attrs) => return self.all[at].mentions.add_use(item),
            Use(_) => return,
            Macro(item) => (&item.attrs, item.ident.as_ref()),
            Const(item) => (&item.attrs, Some(&item.ident)),
            Enum(item) => (&item.attrs, Some(&item.ident)),
            Fn(item) => (&item.attrs, Some(&item.sig.ident)),
            Static(item) => (&item.attrs, Some(&item.ident)),
            Struct(item) => (&item.attrs, Some(&item.ident)),
            Trait(item) => (&item.attrs, Some(&item.ident)),
            TraitAlias(item) => (&item.attrs, Some(&item.ident)),
            Type(item) => (&item.attrs, Some(&item.ident)),
            Union(item) => (&item.attrs, Some(&item.ident)),
            syn::Item::Impl(item) => (&item.attrs, None),
            _ => return,
        };
        if is_test(attributes) {
            return;
        }
        let root = self.all[at].root;
        if let Some(name) = name.map(ToString::to_string) {
            if attributes.iter().any(|attribute| attribute.path().is_ident("macro_export")) {
                self.exported.insert((root, name.clone()), at);
            }
            self.all[at].items.insert(name);
        }
        self.all[at].mentions.visit_item(item);
    }

    fn add_module(&mut self, tree: &Tree, at: usize, below: &str, item: &syn::ItemMod) {
        let name = item.ident.to_string();
        let folder = format!("{below}/{name}");
        let file = self.all[at].file.clone();
        let child = match &item.content {
            Some((_, items)) => self.add_items(tree, &file, Some(at), &folder, items),
            None => {
                let flat = format!("{folder}.rs");
                let file = if tree.0.contains_key(&flat) { flat } else { format!("{folder}/mod.rs") };
                self.add(tree, &file, Some(at), &folder)
            }
        };
        self.all[at].children.insert(name, child);
    }

    /// Every use of another file. A parent that hands its own children's names on (`mod x; pub use x::Y;`) doesn't use them by
    /// that, only where its code names them; who takes `Y` from the parent uses the file that defines it.
    pub fn arrows(&self) -> BTreeSet<Arrow> {
        let mut arrows = BTreeSet::new();
        for (at, module) in self.all.iter().enumerate() {
            for one in module.mentions.uses.iter().filter(|one| !one.is_glob) {
                let item = self.resolve(at, &one.path, &mut Vec::new()).item;
                arrows.extend(
                    item.filter(|item| !(one.is_public && self.is_within(item.home, at)))
                        .and_then(|item| self.arrow(module, item)),
                );
            }
            for Mention { path, is_token } in &module.mentions.paths {
                let item = self.resolve(at, path, &mut Vec::new()).item;
                arrows.extend(
                    item.filter(|item| !(*is_token && item.is_guess && path[0] == "super"))
                        .and_then(|item| self.arrow(module, item)),
                );
            }
        }
        arrows
    }

    fn arrow(&self, from: &Module, item: Item) -> Option<Arrow> {
        let file = |module: usize| self.all[module].file.clone();
        let through = item.through.into_iter().map(file).filter(|through| *through != from.file).collect();
        let arrow = Arrow { from: from.file.clone(), to: file(item.home), name: item.name, through };
        (arrow.from != arrow.to).then_some(arrow)
    }

    fn is_within(&self, mut module: usize, outer: usize) -> bool {
        while module != outer {
            match self.all[module].parent {
                Some(parent) => module = parent,
                None => return false,
            }
        }
        true
    }

    /// `followed`: names whose `use` is being followed, which don't help to find themselves.
    fn resolve(&self, from: usize, path: &[String], followed: &mut Vec<(usize, String)>) -> Found {
        let mut found = Found { module: Some(from), item: None };
        for (at, name) in path.iter().enumerate() {
            let Some(module) = found.module else { break };
            found = match name.as_str() {
                "crate" => Found { module: Some(self.all[module].root), item: None },
                "self" => found,
                "super" => Found { module: self.all[module].parent, item: None },
                _ => self.look(module, name, followed),
            };
            if found.module.is_none() && found.item.is_none() {
                if at == 0 {
                    found.module = self.crates.get(name).copied();
                } else {
                    // A macro wrote it.
                    found.item = Some(Item { name: name.clone(), home: module, is_guess: true, through: Vec::new() });
                }
            }
        }
        found
    }

    fn look(&self, at: usize, name: &str, followed: &mut Vec<(usize, String)>) -> Found {
        let module = &self.all[at];
        let exported = self.exported.get(&(at, name.to_owned())).copied();
        let home = module.items.contains(name).then_some(at).or(exported);
        let mut found = Found {
            module: module.children.get(name).copied(),
            item: home.map(|home| Item { name: name.to_owned(), home, is_guess: false, through: Vec::new() }),
        };
        if followed.iter().any(|(module, before)| *module == at && before == name) {
            return found;
        }
        followed.push((at, name.to_owned()));
        let (globs, named): (Vec<_>, Vec<_>) = module.mentions.uses.iter().partition(|one| one.is_glob);
        for one in named.into_iter().filter(|one| one.name.as_deref() == Some(name)) {
            found.fill(at, self.resolve(at, &one.path, followed));
        }
        for one in globs {
            if found.module.is_none()
                && found.item.is_none()
                && let Some(open) = self.resolve(at, &one.path, followed).module
            {
                found.fill(at, self.look(open, name, followed));
            }
        }
        followed.pop();
        found
    }
}

impl Found {
    /// What a `use` of module `at` brings beside what is there.
    fn fill(&mut self, at: usize, brought: Self) {
        self.module = self.module.or(brought.module);
        if self.item.is_none() {
            self.item = brought.item;
            if let Some(item) = &mut self.item {
                item.through.push(at);
            }
        }
    }
}
