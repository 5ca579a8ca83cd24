mod refusals;

use proptest::prelude::*;
use regex_automata::meta::{BuildError, Regex};

use super::*;

fn compile(pattern: &str) -> Result<Regex, Box<BuildError>> {
    let syntax = regex_automata::util::syntax::Config::new().unicode(false).utf8(false);
    let config = Regex::config().utf8_empty(false).nfa_size_limit(Some(1 << 20));
    Regex::builder().syntax(syntax).configure(config).build(pattern).map_err(Box::new)
}

/// The groups of the first match, the whole match first; an unset group is `-`. A group that is repeated zero times is
/// gone from the end.
fn groups(pattern: &str, subject: &[u8]) -> Option<String> {
    let regex = compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error:?}"));
    let mut captures = regex.create_captures();
    regex.captures(subject, &mut captures);
    let groups = captures.iter().map(|span| match span {
        Some(span) => subject[span.start..span.end].escape_ascii().to_string(),
        None => String::from("-"),
    });
    captures.is_match().then(|| groups.collect::<Vec<_>>().join(" "))
}

/// What PCRE2 10.42 answers: `Some` has the groups, separated by blanks.
fn check(table: &[(&str, &[u8], Option<&str>)]) {
    for (pattern, subject, expected) in table {
        let translated = translate(pattern, false).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        let found = groups(&translated.searching(), subject);
        assert_eq!(found.as_deref(), *expected, "{pattern} as {translated:?} on {}", subject.escape_ascii());
    }
}

#[test]
fn characters() {
    check(&[
        ("/a.b", b"/a\xffb", Some(r"/a\xffb")),
        ("a.b", b"a\nb", None),
        ("(?s)a.b", b"a\nb", Some(r"a\nb")),
        (r"a\Nb|(?s)\N", b"a\nb", Some("a")),
        (r"\C", b"\n", Some(r"\n")),
        (r"\<a\>\/\-\&\~\#\ ", b"<a>/-&~# ", Some("<a>/-&~# ")),
        (r"\x41\x{42}\103\o{104}\x", b"ABCD\0", Some(r"ABCD\x00")),
        (r"\a\e\f\n\r\t\0\cA\c[", b"\x07\x1b\x0c\n\r\t\0\x01\x1b", Some(r"\x07\x1b\x0c\n\r\t\x00\x01\x1b")),
        (r"\012\0123\18", b"\n\n3\x018", Some(r"\n\n3\x018")),
        (r"()()()()()()()()()()\12", b"\n", Some(r"\n          ")),
        ("é+", "éé".as_bytes(), Some(r"\xc3\xa9")),
        (r"\é", "é".as_bytes(), Some(r"\xc3\xa9")),
        (r"\xC3\xa9", "é".as_bytes(), Some(r"\xc3\xa9")),
        (r"\Qa.(b\E.", b"a.(bc", Some("a.(bc")),
        (r"\Qab\E*\E", b"abbb", Some("abbb")),
        (r"a{,3}", b"a{,3}", Some("a{,3}")),
        ("a{ {x} {1,2,3} }]", b"a{ {x} {1,2,3} }]", Some("a{ {x} {1,2,3} }]")),
        (r"\R\R", b"\r\n\x85", Some(r"\r\n\x85")),
        (r"\h\H\v\V\w\W\d\D\s\S", b"\xa0a\x0bb_-0x\x0bc", Some(r"\xa0a\x0bb_-0x\x0bc")),
        (r"\w", "é".as_bytes(), None),
    ]);
}

#[test]
fn classes() {
    check(&[
        ("[]a]+", b"a]", Some("a]")),
        ("[^]a]+", b"]b[", Some("b[")),
        ("[[a]+", b"a[", Some("a[")),
        ("[a&&b]+", b"&ab", Some("&ab")),
        ("[#--b]+", b"#$-b", Some("#$-b")),
        ("[+--/]+", b",-./+", Some(",-")),
        ("[a~~b]+", b"~", Some("~")),
        ("[a-]+", b"-a", Some("-a")),
        ("[-a]+", b"-a", Some("-a")),
        ("[a-c-e]+", b"abc-ed", Some("abc-e")),
        (r"[\d-]+", b"1-", Some("1-")),
        (r"[\b\n\x41-\x43\1\8\g]+", b"\x08\nABC\x018g", Some(r"\x08\nABC\x018g")),
        (r"[\Qa-z]\E]+", b"a-z]b", Some("a-z]")),
        (r"[a\E-\Qc\E]+", b"abc-", Some("abc")),
        (r"[\E^a]+", b"ab", Some("b")),
        ("[[:alpha:][:digit:]-]+", b"a1-_", Some("a1-")),
        ("[[:^alpha:]]+", b"a1-", Some("1-")),
        ("[[:word:]]+[[:blank:]][[:punct:]]", b"a_1\t~", Some(r"a_1\t~")),
        ("(?i)[[:upper:]]+[^b]", b"aBBc", Some("aBBc")),
        ("(?i)a[^b]", b"aB", None),
        ("[é]+", "é".as_bytes(), Some(r"\xc3\xa9")),
        ("[^a]", b"\n", Some(r"\n")),
        (r"[^\d\D]|x", b"1x", Some("x")),
        ("(?x)[a b]+", b"a b", Some("a b")),
        ("(?xx)[ ^a b]+", b"a cb", Some(r" c")),
        ("[[:alpha]+", b":ahx", Some(":ah")),
    ]);
}

#[test]
fn groups_and_flags() {
    check(&[
        ("/(a)(?:b)(?<n>c)(?P<o>d)(?'p'e)", b"/abcde", Some("/abcde a c d e")),
        ("(?n)(a)(?<n>b)", b"ab", Some("ab b")),
        ("(a(?i)b|c)C", b"xcC", Some("cC c")),
        ("(a(?i)b|c)C", b"xCC", Some("CC C")),
        ("(a(?i)b|c)C", b"xCc", None),
        ("a(?i)b|c", b"C", Some("C")),
        ("(?i:a)b", b"Ab", Some("Ab")),
        ("(?i:a)b", b"AB", None),
        ("(?i)a(?-i)b", b"Ab", Some("Ab")),
        ("(?i)a(?^)b", b"AB", None),
        ("(?i-i)a", b"A", None),
        ("(?x) a b # c\n d\\ ", b"abd ", Some("abd ")),
        ("a(?#any ( text)b", b"ab", Some("ab")),
        ("(?U)(a+)(a*?)", b"aaa", Some("aaa a aa")),
        ("(a+?)(a*)", b"aaa", Some("aaa a aa")),
        ("(?:(a)|b)*", b"ab", Some("ab a")),
        ("(a)?b", b"b", Some("b -")),
        ("(a){0}b", b"ab", Some("b")),
        ("(a){0}(b)", b"ab", Some("b - b")),
        ("(?x)a {2} # two\n ?", b"aaa", Some("aa")),
        ("()|a", b"a", Some(" ")),
    ]);
}

#[test]
fn anchors() {
    check(&[
        ("a$", b"a", Some("a")),
        ("a$", b"a\n", Some(r"a\n")),
        ("a$", b"a\nb", None),
        ("a$", b"a\n\n", None),
        (r"a\Z", b"a\n", Some(r"a\n")),
        (r"a\z", b"a\n", None),
        (r"\Aa|^b", b"xab", None),
        ("(?m)a$", b"a\nb", Some("a")),
        ("(?m)^b", b"a\nb", Some("b")),
        (r"\ba\B", b"-ab", Some("a")),
        ("/foo(/|$)(.*)", b"/foo/bar", Some("/foo/bar / bar")),
        ("/foo(/|$)(.*)", b"/foo", Some("/foo  ")),
        ("/foo(/|$)(.*)", b"/foobar", None),
    ]);
}

#[test]
fn case_is_that_of_ascii() {
    let find = |pattern: &str, subject: &str| {
        let translated = translate(pattern, true).expect("a pattern");
        groups(&translated.searching(), subject.as_bytes())
    };
    assert_eq!(find("/api/[a-c]", "/API/B").as_deref(), Some("/API/B"));
    assert_eq!(find("(?-i)/api", "/API"), None);
    assert_eq!(find("k", "\u{212a}"), None);
    assert_eq!(find("é", "É"), None);
}

#[test]
fn a_location_ties_its_first_branch() {
    let location = translate("/a(x)?|/b|/(c)", false).expect("a pattern").location();
    assert_eq!(groups(&location, b"/ax/b").as_deref(), Some("/ax x -"));
    assert_eq!(groups(&location, b"/x/a/c/b").as_deref(), Some("/x/a/c - c"));
    assert_eq!(groups(&location, b"/x/a"), None);
    assert_eq!(translate("/a", false).expect("a pattern").location(), "^(?:/a)");
}

const PIECES: [&str; 54] = [
    "(",
    "(?:",
    "(?i)",
    "(?x)",
    "(?m-s:",
    "(?<n>",
    "(?=",
    "(?",
    ")",
    ")",
    "|",
    "[",
    "[^",
    "]",
    "[:alpha:]",
    "-",
    "^",
    "$",
    ".",
    "*",
    "+",
    "?",
    "{2}",
    "{0,3}",
    "{",
    "}",
    ",",
    r"\",
    r"\d",
    r"\W",
    r"\b",
    r"\R",
    r"\Q",
    r"\E",
    r"\x",
    r"\x{4",
    r"\o{7}",
    r"\c",
    r"\p",
    r"\N",
    r"\1",
    r"\8",
    "a",
    "B",
    "é",
    "/",
    "&&",
    "~",
    "#",
    " ",
    "\n",
    "<",
    "(?#",
    "(*",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_accepted_compiles(
        pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..12),
        character in any::<char>(),
        ignore_case in any::<bool>(),
    ) {
        let mut pattern = pieces.concat();
        pattern.push(character);
        if let Ok(translated) = translate(&pattern, ignore_case) {
            let regex = compile(&translated.searching()).map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
            prop_assert_eq!(regex.group_info().group_len(regex_automata::PatternID::ZERO), translated.groups + 1);
            prop_assert!(compile(&translated.location()).is_ok());
        }
    }

    #[test]
    fn arbitrary_text_is_read(text in prop::collection::vec(any::<char>(), 0..40)) {
        let text = String::from_iter(text);
        if let Ok(translated) = translate(&text, true) {
            prop_assert!(compile(&translated.searching()).is_ok());
        }
    }
}
