//! Every diagnostic code has a page, and the page says what the code is.

use std::collections::BTreeSet;
use std::fs;

use ingress_core::diagnostic::Code;

use super::files::core;

#[test]
fn every_code_has_a_page_that_begins_like_it() {
    for code in Code::ALL {
        let page = fs::read_to_string(core().join(format!("codes/{}.md", code.id()))).unwrap();
        let mut lines = page.lines();
        assert_eq!(lines.next(), Some(&*format!("# {} {}", code.id(), code.slug())));
        assert_eq!(lines.next(), Some(""), "{code}");
        let third = format!("**{}**, effect `{}`. ", code.severity(), code.effect());
        let line = lines.next().unwrap_or_default();
        assert!(line.starts_with(&third), "{code}: `{line}` does not begin with `{third}`");
        assert!(line.len() > third.len(), "{code} says nothing");
        assert_eq!(page, code.page());
    }
}

#[test]
fn every_page_has_a_code() {
    let pages = fs::read_dir(core().join("codes")).unwrap().map(|entry| entry.unwrap().file_name());
    let pages: BTreeSet<String> = pages.map(|name| name.into_string().unwrap()).collect();
    let codes: BTreeSet<String> = Code::ALL.iter().map(|code| format!("{}.md", code.id())).collect();
    assert_eq!(pages, codes);
}

#[test]
fn ids_and_slugs_are_unique_and_ascend() {
    assert!(Code::ALL.windows(2).all(|pair| pair[0].id() < pair[1].id()));
    let slugs: BTreeSet<&str> = Code::ALL.iter().map(|code| code.slug()).collect();
    assert_eq!(slugs.len(), Code::ALL.len());
    for code in Code::ALL {
        assert_eq!(Code::parse(code.id()), Some(*code));
        assert_eq!(Code::parse(code.slug()), Some(*code));
    }
}
