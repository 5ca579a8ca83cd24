use super::super::*;

#[test]
fn what_needs_backtracking() {
    let table = [
        ("/a(?=b)", "look-ahead", "(?=", 3),
        ("é(?!b)", "look-ahead", "(?!", 2),
        ("(*pla:b)", "look-ahead", "(*pla", 1),
        ("a(?<=b)", "look-behind", "(?<=", 2),
        ("(?<!b)", "look-behind", "(?<!", 1),
        (r"(a)\1", "back-reference", r"\1", 4),
        (r"()()()()()()()()()()()\11", "back-reference", r"\11", 23),
        (r"(?<n>a)\k<n>", "back-reference", r"\k", 8),
        (r"(a)\g{1}", "back-reference", r"\g", 4),
        ("(?<n>a)(?P=n)", "back-reference", "(?P=", 8),
        ("a++", "possessive quantifier", "++", 2),
        ("a{2}+", "possessive quantifier", "{2}+", 2),
        ("(?x)a* +", "possessive quantifier", "* +", 6),
        ("(?>a)", "atomic group", "(?>", 1),
        ("(?|a)", "branch reset group", "(?|", 1),
        ("(?R)", "recursion", "(?R", 1),
        ("(a)(?1)", "subroutine call", "(?1", 4),
        ("(a)(?-1)", "subroutine call", "(?-1", 4),
        (r"(a)\g<1>", "subroutine call", r"\g", 4),
        ("(a)(?(1)b)", "conditional group", "(?(", 4),
        ("(?C1)", "callout", "(?C", 1),
        ("(*ACCEPT)", "verb", "(*ACCEPT", 1),
        (r"a\K", "reset of the match start", r"\K", 2),
        (r"\Ga", "anchor at the start of the search", r"\G", 1),
        (r"\X", "extended grapheme cluster", r"\X", 1),
        (r"a\p{Lu}", "Unicode property", r"\p{Lu}", 2),
        (r"[\pL]", "Unicode property", r"\pL", 2),
        ("(?J)a", "option for duplicate names", "(?J", 1),
        ("[[:<:]]a", "word boundary", "[[:<:]]", 1),
        ("(?m)a|^", "multi-line anchor with nothing behind it", "^", 7),
    ];
    for (pattern, name, written, column) in table {
        let expected = Unsupported::Construct { name, written: written.into(), column };
        assert_eq!(translate(pattern, false), Err(expected), "{pattern}");
    }
    let error = translate("/foo(?=x)", false).expect_err("a look-ahead");
    assert_eq!(error.to_string(), "look-ahead `(?=` at column 5 cannot be expressed by a linear-time engine");
}

#[test]
fn what_pcre_refuses() {
    let table = [
        ("é(a", 2),
        ("a)", 2),
        ("*", 1),
        ("(*)", 2),
        ("a**", 3),
        ("a{2}{3}", 5),
        ("^*", 2),
        (r"\b+", 3),
        ("a|?", 3),
        ("(?i)*", 5),
        ("a{2,1}", 2),
        ("a{65536}", 2),
        ("x[a", 2),
        ("[]", 1),
        ("[z-a]", 4),
        ("[a--b]", 4),
        (r"[a-\d]", 4),
        (r"[\d-z]", 2),
        ("[:alpha:]", 1),
        ("[[:foo:]]", 2),
        ("[[.a.]]", 2),
        (r"[\R]", 2),
        (r"a\", 2),
        (r"\y", 1),
        (r"\u", 1),
        (r"\x{100}", 1),
        (r"\x{zz}", 1),
        (r"\400", 1),
        (r"\o{8}", 1),
        (r"\N{U+41}", 1),
        (r"\p", 1),
        (r"\cé", 1),
        ("(?q)", 3),
        ("(?i--m)", 5),
        ("(?<1>a)", 1),
        ("(?<n>a)(?<n>b)", 8),
        ("(?<n", 1),
        ("(?#a", 1),
        (&"(".repeat(251), 251),
    ];
    for (pattern, expected) in table {
        match translate(pattern, false) {
            Err(Unsupported::Malformed { column, .. }) => assert_eq!(column, expected, "{pattern}"),
            other => panic!("{pattern}: {other:?}"),
        }
    }
    let error = translate("/a)", false).expect_err("an unbalanced parenthesis");
    assert_eq!(error.to_string(), "closing parenthesis without an opening one at column 3");
}

#[test]
fn caveats() {
    use CaveatKind::{EmptyRepetition, NewlineAfterEnd};
    let table: [(&str, &[(CaveatKind, usize)]); 9] = [
        ("(/a)*/?(.*)", &[]),
        ("(a*)*", &[(EmptyRepetition, 5)]),
        ("(?:a|b?)+(c)", &[(EmptyRepetition, 9)]),
        ("(?:a*)*", &[]),
        ("(/|$)(.*)[^/]*", &[]),
        ("(/|$)[^/]+", &[(NewlineAfterEnd, 4)]),
        (r"a$\b", &[(NewlineAfterEnd, 2)]),
        (r"(?:\s$){2}", &[(NewlineAfterEnd, 6)]),
        (r"a\Z(?m)b", &[]),
    ];
    for (pattern, expected) in table {
        let translated = translate(pattern, false).expect("a pattern");
        let found: Vec<_> = translated.caveats.iter().map(|caveat| (caveat.kind, caveat.column)).collect();
        assert_eq!(found, expected, "{pattern}");
    }
}
