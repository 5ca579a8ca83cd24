//! Which module may use which: the walls that `docs/architecture.md` speaks of.
//!
//! A module without a row, a use without an entry and an entry without a use all fail.

use std::collections::{BTreeMap, BTreeSet};

use super::files::{Source, core_sources};

/// `module` is everything in it, `module::Item` that item alone.
const ROWS: [(&str, &[&str]); 17] = [
    ("object", &[]),
    ("word", &[]),
    ("path", &[]),
    // Of paths the expressions, which hosts have too.
    ("host", &["path::InvalidRegex", "path::Search", "word"]),
    ("diagnostic", &["object"]),
    ("model", &["object"]),
    ("policy", &["host", "object", "path"]),
    ("dialect", &["diagnostic", "host", "model", "object", "path", "policy"]),
    (
        "lower",
        // Of the dialects what they all share, never one of them.
        &[
            "diagnostic",
            "dialect::Attachment",
            "dialect::CertificateScope",
            "dialect::ClassField",
            "dialect::Cluster",
            "dialect::DefaultScope",
            "dialect::Dialect",
            "dialect::Dialects",
            "dialect::DraftMember",
            "dialect::HostDraft",
            "dialect::Intent",
            "dialect::ResourceBackend",
            "dialect::Semantics",
            "dialect::Subject",
            "dialect::TieBreak",
            "dialect::TrailingSlash",
            "dialect::WildcardDepth",
            "host",
            "model",
            "object",
            "path",
            "policy",
        ],
    ),
    ("request", &["host", "path"]),
    ("decision", &["host", "object", "path", "policy", "request"]),
    ("explain", &["decision", "host", "object", "path", "policy"]),
    ("reference", &["decision", "explain", "host", "path", "policy", "request"]),
    // The numbers of backends and the hash function, nothing that reads objects.
    ("matcher", &["host", "lower::BackendId", "lower::SeededState", "path", "policy", "word"]),
    (
        "snapshot",
        &["decision", "explain", "host", "lower::BackendId", "matcher", "path", "policy", "reference", "request"],
    ),
    (
        "compiler",
        &[
            "diagnostic",
            "host",
            "lower::Options",
            "lower::State",
            "matcher::Counted",
            "matcher::Programs",
            "matcher::Shapes",
            // Of objects it names the one that a trial replaces.
            "model::Ingress",
            "model::Inputs",
            "model::Object",
            "object::Kind",
            "object::ObjectRef",
            "snapshot",
        ],
    ),
    ("publish", &["snapshot::Snapshot"]),
];

/// `module::Item` for each thing of another module that the file names.
fn uses(source: &Source) -> BTreeSet<String> {
    let lines = source.code().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let mut uses = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c == '$' || c == '_' || c.is_alphanumeric()) {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let module = identifier(rest);
        assert!(!module.is_empty(), "{}: write one `use crate::` for each module", source.path);
        let Some(rest) = rest[module.len()..].strip_prefix("::") else {
            uses.insert(format!("{module}::self"));
            continue;
        };
        match rest.strip_prefix('{') {
            Some(group) => {
                // The first name of each item tells enough; groups inside of groups are not written here.
                let group = &group[..group.find('}').unwrap()];
                assert!(!group.contains('{'), "{}: a group inside of a group", source.path);
                let items = group.split(',').map(str::trim).filter(|item| !item.is_empty());
                uses.extend(items.map(|item| format!("{module}::{}", identifier(item))));
            }
            None => {
                uses.insert(format!("{module}::{}", identifier(rest)));
            }
        }
    }
    uses
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(text.len());
    &text[..end]
}

/// The top module that a file belongs to, and how deep in it the file is.
fn module(source: &Source) -> (&str, usize) {
    let path = source.path.strip_prefix("ingress-core/src/").unwrap();
    let top = path.split('/').next().unwrap();
    (top.strip_suffix(".rs").unwrap_or(top), path.matches('/').count())
}

fn entry_for<'e>(entries: &[&'e str], used: &str) -> Option<&'e str> {
    let module = used.split("::").next().unwrap();
    entries.iter().copied().find(|entry| *entry == used || *entry == module)
}

#[test]
fn modules_use_only_what_their_row_says() {
    let rows: BTreeMap<&str, &[&str]> = ROWS.into_iter().collect();
    let mut needed: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    let sources = core_sources();
    for source in sources.iter().filter(|source| !source.is_test()) {
        let (module, _) = module(source);
        if module == "lib" {
            continue;
        }
        let Some((&row, entries)) = rows.get_key_value(module) else {
            problems.push(format!("module `{module}` has no row"));
            continue;
        };
        seen.insert(row);
        for used in uses(source).iter().filter(|used| used.split("::").next() != Some(module)) {
            match entry_for(entries, used) {
                Some(entry) => _ = needed.insert((row, entry)),
                None => problems.push(format!("{} uses `{used}`, which `{module}` may not", source.path)),
            }
        }
    }
    for (row, entries) in ROWS {
        let idle = entries.iter().filter(|entry| !needed.contains(&(row, **entry)));
        problems.extend(idle.map(|entry| format!("`{row}` may use `{entry}` and does not; take it out of the row")));
        if !seen.contains(row) {
            problems.push(format!("there is no module `{row}`"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// `super` must not lead out of a module, or the walls could be walked around.
#[test]
fn super_stays_inside_of_the_module() {
    for source in core_sources() {
        let (module, depth) = module(&source);
        if module == "lib" || source.is_test() {
            continue;
        }
        let out = "super::".repeat(depth + 1);
        let mut lines = source.code().filter(|line| !line.trim_start().starts_with("//"));
        // One inside of an inline module needs one more; there is none but in tests.
        let found = lines.find(|line| line.contains(&out));
        assert_eq!(found, None, "{} leaves its module", source.path);
    }
}

#[test]
fn the_reader_of_imports_reads_them_all() {
    let text = "use crate::a::B;\nuse crate::c::{self, D as E,\n    F};\n// crate::g::H\nfn x() { crate::i::j::k(); pub(crate) }\n\
                $crate::l::M\nuse crate::n;\n#[cfg(test)]\nmod tests {\nuse crate::o::P;\n}";
    let source = Source { path: "ingress-core/src/x.rs".into(), text: text.into() };
    let uses: Vec<String> = uses(&source).into_iter().collect();
    assert_eq!(uses, ["a::B", "c::D", "c::F", "c::self", "i::j", "n::self"]);
}
