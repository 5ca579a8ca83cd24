//! Each table says what a text must give; `read` is the only place that calls the reader.

use super::reader::quoted;
use super::*;
use std::fmt::Write;
use std::time::{Duration, Instant};

fn read(text: &str) -> Stream {
    parse(text, &Limits::default())
}

/// The documents as JSON lines, then the problems as `line:column kind`.
fn summary(stream: &Stream) -> String {
    let mut out = String::new();
    for document in &stream.documents {
        writeln!(out, "{}", document.to_json()).unwrap();
    }
    for problem in &stream.problems {
        writeln!(out, "{}:{} {:?}", problem.span.line, problem.span.column, problem.kind).unwrap();
    }
    out
}

fn source(text: &str, span: Span) -> &str {
    text.get(span.start..span.end).unwrap()
}

fn check(cases: &[(&str, &[&str])]) {
    for (text, expected) in cases {
        let stream = read(text);
        let expected: String = expected.iter().map(|line| format!("{line}\n")).collect();
        assert_eq!(sorted(&summary(&stream)), sorted(&expected), "{text:?}\n{:#?}", stream.problems);
        check_spans(text, &stream);
    }
}

/// The lines that are JSON with their keys in order: a mapping has none.
fn sorted(lines: &str) -> Vec<String> {
    let sorted = |line: &str| {
        serde_json::from_str(line).map(|mut value: serde_json::Value| {
            value.sort_all_objects();
            value.to_string()
        })
    };
    lines.lines().map(|line| sorted(line).unwrap_or_else(|_| line.to_owned())).collect()
}

/// Every span is inside the text, on character boundaries, and agrees with its line and column.
fn check_spans(text: &str, stream: &Stream) {
    let mut todo: Vec<Arc<Node>> = stream.documents.clone();
    let mut spans: Vec<Span> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    while let Some(node) = todo.pop() {
        if !seen.insert(Arc::as_ptr(&node)) {
            continue;
        }
        spans.push(node.span);
        for entry in node.entries().unwrap_or_default() {
            spans.push(entry.key_span);
            todo.push(Arc::clone(&entry.node));
        }
        todo.extend(node.items().unwrap_or_default().iter().cloned());
    }
    for problem in &stream.problems {
        spans.push(problem.span);
        spans.extend(problem.related.as_ref().map(|(span, _)| *span));
    }
    for span in spans {
        assert!(text.get(span.start..span.end).is_some(), "{span:?} in {text:?}");
        if text.len() < 10_000 {
            let before = text.get(..span.start).unwrap().replace("\r\n", "\n").replace('\r', "\n");
            let line = before.matches('\n').count() + 1;
            let line_start = before.rsplit('\n').next().unwrap();
            let column = line_start.chars().count() + 1;
            assert_eq!(span.line as usize, line, "{span:?} in {text:?}");
            // a byte order mark has no width where a document begins, and counts where it is content
            let marks = line_start.chars().take_while(|char| *char == '\u{feff}').count();
            assert!((column - marks..=column).contains(&(span.column as usize)), "{span:?} in {text:?}");
        }
    }
}

#[test]
fn documents_are_told_apart() {
    check(&[
        ("", &[]),
        ("\n\n", &[]),
        ("# only a comment\n", &[]),
        ("---\n", &[]),
        ("---\n---\n# x\n---\n", &[]),
        ("null\n---\n~\n---\nnull # x\n", &[]),
        ("...\n", &[]),
        ("...\n...\n---\na: 1\n...\n...\n", &[r#"{"a":1}"#]),
        ("a: 1", &[r#"{"a":1}"#]),
        ("a: 1\n---\nb: 2\n", &[r#"{"a":1}"#, r#"{"b":2}"#]),
        ("---\na: 1\n---\n---\nb: 2\n---\n", &[r#"{"a":1}"#, r#"{"b":2}"#]),
        ("--- # x\na: 1\n--- {b: 2}\n---\t\nc: 3\n---", &[r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#]),
        ("---\n# Source: chart/templates/a.yaml\na: 1\n---\n# Source: chart/b.yaml\n", &[r#"{"a":1}"#]),
        ("# c\n---\na: 1\n", &[r#"{"a":1}"#]),
        ("a: 1\n...\n# x\n---\nb: 2\n", &[r#"{"a":1}"#, r#"{"b":2}"#]),
        ("a: 1\n... # x\nb: 2\n", &[r#"{"a":1}"#, r#"{"b":2}"#]),
        ("%YAML 1.1\n---\na: 1\n", &[r#"{"a":1}"#]),
        ("%YAML 1.2\n# x\n\n---\na: 1\n...\n%YAML 1.2\n---\nb: 2\n", &[r#"{"a":1}"#, r#"{"b":2}"#]),
        ("%TAG !y! tag:yaml.org,2002:\n---\na: !y!str 1\n", &[r#"{"a":"1"}"#]),
        ("\u{feff}a: 1\n", &[r#"{"a":1}"#]),
        ("\u{feff}---\na: é\n\u{feff}---\nb: é\n", &[r#"{"a":"é"}"#, r#"{"b":"é"}"#]),
        ("\u{feff}", &[]),
        ("a: 1\r\nb:\r\n- x\r\n---\r\nc: 2\r\n", &[r#"{"a":1,"b":["x"]}"#, r#"{"c":2}"#]),
        ("a: |\n  x\n  ---\n  y\n---\nb: 1\n", &[r#"{"a":"x\n---\ny\n"}"#, r#"{"b":1}"#]),
        ("--- |\n ---\n---\n--- >\n a\n b\n", &[r#""---\n""#, r#""a b\n""#]),
        ("a: x---\n---b: 2\n", &[r#"{"---b":2,"a":"x---"}"#]),
        ("a: 1\r---\rb: 2\r", &[r#"{"a":1}"#, r#"{"b":2}"#]),
        ("- a\n- - b\n  - c\n-\n", &[r#"["a",["b","c"],null]"#]),
        ("text\n---\n5\n---\n[]\n---\n{}\n", &[r#""text""#, "5", "[]", "{}"]),
    ]);
}

#[test]
fn json_is_read() {
    check(&[
        ("{}", &["{}"]),
        (r#"{"a":1,"b":[true,null,"x"],"c":{"d":-1.5e3}}"#, &[r#"{"a":1,"b":[true,null,"x"],"c":{"d":-1500}}"#]),
        ("{\n\t\"a\": 1,\n\t\"b\": [\n\t\t1\n\t]\n}\n", &[r#"{"a":1,"b":[1]}"#]),
        (r#"{"a":"on","b":"\/\u00e9\ud83d\ude00\n\"}{"}"#, &[r#"{"a":"on","b":"/é😀\n\"}{"}"#]),
        ("{\"a\":1}\n{\"b\":2}\n", &[r#"{"a":1}"#, r#"{"b":2}"#]),
        (" {\"é\":1}{\"b\":2} {\"c\":\n3}\r\n\r\n{\"d\":4}", &[r#"{"é":1}"#, r#"{"b":2}"#, r#"{"c":3}"#, r#"{"d":4}"#]),
        (
            "{\"a\":1}\n{\"b\":2}\n---\nc: 3\n---\n{\"d\":4}\n",
            &[r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#, r#"{"d":4}"#],
        ),
        ("{\"a\":\"}{\"}\n{\"b\":\"\\\"}\"}", &[r#"{"a":"}{"}"#, r#"{"b":"\"}"}"#]),
        ("{\"a\":1}\n{\"b\":2,,}\n{\"c\":3}", &[r#"{"a":1}"#, r#"{"c":3}"#, "2:8 Syntax"]),
        ("{\"a\":1}\n{\"b\":2", &[r#"{"a":1}"#, "2:1 Syntax"]),
        ("{\"a\":1}\n{\"b\":{\"c\":1,\"c\":2}}\n{}", &[r#"{"a":1}"#, "{}", "2:13 DuplicateKey"]),
        ("{a: '} {'}\n", &[r#"{"a":"} {"}"#]),
        ("{a: b} # {\n---\n{c: d}\n", &[r#"{"a":"b"}"#, r#"{"c":"d"}"#]),
        ("{a: b}\nc\n", &["2:1 Syntax"]),
    ]);
}

#[test]
fn values_and_keys_are_those_of_kubectl() {
    check(&[
        ("a: on\nb: 'on'\nc: |\n  on\nd: !!str on\n", &[r#"{"a":true,"b":"on","c":"on\n","d":"on"}"#]),
        ("a:\nb: ~\nc: ''\nd: !!str\ne: &x\nf: *x\n", &[r#"{"a":null,"b":null,"c":"","d":"","e":null,"f":null}"#]),
        (
            "a: 0777\nb: 08\nc: 1_0\nd: .inf\ne: 2001-01-01\n",
            &[r#"{"a":511,"b":8,"c":10,"d":".inf","e":"2001-01-01"}"#],
        ),
        (
            "a: !!int '5'\nb: !!binary aGk=\nc: !foo bar\nd: !!set {e: 1}\nf: !!float 5\n",
            &[r#"{"a":5,"b":"aGk=","c":"bar","d":{"e":1},"f":5}"#],
        ),
        ("a: !!int x\n", &["1:10 Syntax"]),
        (
            "80: a\non: b\n0x10: c\n1.5: d\n1e6: e\n'f': g\n",
            &[r#"{"1.5":"d","16":"c","1e+06":"e","80":"a","f":"g","true":"b"}"#],
        ),
        ("!!str 0x10: a\n", &[r#"{"0x10":"a"}"#]),
        ("null: a\n", &["1:1 Syntax"]),
        ("~: a\nb: {null: c}\n", &["1:1 Syntax", "2:5 Syntax"]),
        ("? [a]\n: b\n", &["1:3 Syntax"]),
        ("{a: b}: c\n", &["1:1 Syntax"]),
        ("? a\n: b\n? c\n", &[r#"{"a":"b","c":null}"#]),
        (
            "a: 'it''s'\nb: \"x\n\n  y\"\nc: x #y\nd: x#y\ne: x\n  y\n",
            &[r#"{"a":"it's","b":"x\ny","c":"x","d":"x#y","e":"x y"}"#],
        ),
        ("a: >-\n  p\n  q\nb: |+\n  r\n\nc: |2\n   s\n", &[r#"{"a":"p q","b":"r\n\n","c":" s\n"}"#]),
        ("a: =\nb: <<\n", &[r#"{"a":"=","b":"<<"}"#]),
    ]);
}

#[test]
fn merges_and_aliases() {
    check(&[
        ("a: &x {k: 1}\nb: *x\nc: [*x, *x]\n", &[r#"{"a":{"k":1},"b":{"k":1},"c":[{"k":1},{"k":1}]}"#]),
        ("- &x 1\n- &x 2\n- *x\n", &["[1,2,2]"]),
        ("a: &x k\n*x : v\nb: &y 5\n*y : w\n&z c: *z\n", &[r#"{"5":"w","a":"k","b":5,"c":"c","k":"v"}"#]),
        ("<<: {a: 2, b: 3}\na: 1\n", &[r#"{"a":1,"b":3}"#]),
        ("a: 1\n<<: {a: 2, b: 3}\n", &[r#"{"a":1,"b":3}"#]),
        (
            "x: &x {a: 1}\nw: &y {a: 2, b: 2}\nz: {<<: [*x, *y], c: 3}\n",
            &[r#"{"w":{"a":2,"b":2},"x":{"a":1},"z":{"a":1,"b":2,"c":3}}"#],
        ),
        (
            "x: &x {a: 1}\nw: &y {<<: *x, b: 2}\nz:\n  <<: *y\n",
            &[r#"{"w":{"a":1,"b":2},"x":{"a":1},"z":{"a":1,"b":2}}"#],
        ),
        ("<<: {a: 1}\n<<: {a: 2, b: 2}\n", &[r#"{"a":1,"b":2}"#]),
        ("!!merge <<: {a: 1}\n", &[r#"{"a":1}"#]),
        ("'<<': {a: 1}\n", &[r#"{"<<":{"a":1}}"#]),
        ("<<: []\n", &["{}"]),
        ("<<: 5\n", &["1:5 Syntax"]),
        ("x: &x [1]\ny:\n  <<: *x\n", &["3:7 Syntax"]),
        ("<<: [[{a: 1}]]\n", &["1:5 Syntax"]),
        ("<<:\na: 1\n", &["1:3 Syntax"]),
        ("a: *b\nc: *d\n", &["1:4 Syntax", "2:4 Syntax"]),
        ("a: &x {b: *x}\n", &["1:11 Syntax"]),
        ("a: &x\n  - &y [*x]\n", &["2:9 Syntax"]),
        ("a: &x 1\n---\nb: *x\n---\nc: 3\n", &[r#"{"a":1}"#, r#"{"c":3}"#, "3:4 Syntax"]),
    ]);
    let stream = read("a: &x {k: 1}\nb: *x\n");
    let root = &stream.documents[0];
    assert!(Arc::ptr_eq(root.get("a").unwrap(), root.get("b").unwrap()), "an alias shares the node");
}

#[test]
fn duplicate_keys_are_refused() {
    check(&[
        ("a: 1\na: 2\n---\nb: 1\n", &[r#"{"b":1}"#, "2:1 DuplicateKey"]),
        ("a: {b: 1, c: 2, b: 3}\n", &["1:17 DuplicateKey"]),
        ("1: a\n'1': b\n", &["2:1 DuplicateKey"]),
        ("a: 1\na: 2\na: 3\nb: {c: 1, c: 1}\n", &["2:1 DuplicateKey", "3:1 DuplicateKey", "4:11 DuplicateKey"]),
    ]);
    let mut large: String = (0..100).fold(String::new(), |text, at| format!("{text}k{at}: x\n"));
    large.push_str("k57: y\n");
    let stream = read(&large);
    let [problem] = stream.problems.as_slice() else { panic!("{stream:?}") };
    assert_eq!((problem.span.line, problem.related.as_ref().unwrap().0.line), (101, 58));
    assert_eq!(problem.message, "the key `k57` is there twice in one mapping");
}

#[test]
fn an_error_costs_one_document() {
    let broken = [
        "a: [b\n",
        "a: [b, c\nd: e\n",
        "a: {b: c\n",
        "a: \"b\n",
        "a: 'b\nc: d\n",
        "a:\n\tb: c\n",
        "a: b\n\tc: d\n",
        "a: \"\\q\"\n",
        "a: b: c\n",
        "a: ]\n",
        "a: @b\n",
        "a: `b`\n",
        "a: *b\n",
        "a: 1\n b: 2\n",
        "a:\n  - b\n c: d\n",
        "- a\nb: c\n",
        "a: \"x\" y\n",
        "a: |3x\n  b\n",
        "a: \u{0}\n",
        "a: \u{7}\n",
        "a: !<x b\n",
        "a: &\n",
        "!x!y: z\n",
        "a: {b]\n",
        "a: 1\na: 2\n",
        "<<: 1\n",
        "{{ .Values.x }}: y\n",
        "a: {{ .Values.x }}\n",
        "{{- if .x }}\na: b\n{{- end }}\n",
        "a\n%b\nc: d\n",
        "? - : x\n  y\n",
    ];
    for text in broken {
        for (before, after) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut whole = String::new();
            let mut expected = String::new();
            if before {
                whole.push_str("é: 1\n---\n");
                expected.push_str("{\"é\":1}\n");
            }
            let from = whole.len();
            whole.push_str(text);
            let to = whole.len();
            if after {
                whole.push_str("---\nw: 2\n---\nz: 3\n");
                expected.push_str("{\"w\":2}\n{\"z\":3}\n");
            }
            let stream = read(&whole);
            let good: String = stream.documents.iter().map(|node| format!("{}\n", node.to_json())).collect();
            assert_eq!(good, expected, "{whole:?}");
            assert!(!stream.problems.is_empty(), "{whole:?}");
            for problem in &stream.problems {
                assert!(from <= problem.span.start && problem.span.end <= to, "{whole:?} {problem:?}");
                assert!(!problem.message.is_empty() && !problem.message.ends_with('.'), "{problem:?}");
            }
            check_spans(&whole, &stream);
        }
    }
    check(&[
        ("a: 'x\n---\ny'\n---\nb: 1\n", &[r#""y'""#, r#"{"b":1}"#, "2:1 Syntax"]),
        ("%YAML 3.0\n---\na: 1\n---\nb: 2\n", &[r#"{"b":2}"#, "1:1 Syntax"]),
    ]);
}

#[test]
fn problems_say_what_to_do() {
    let cases = [
        ("a:\n\tb: c\n", "tabs", "indent with spaces"),
        ("a: @b\n", "unexpected character", "put the value in quotes if this character belongs to it"),
        (
            "a: {{ .x }}\n",
            "a mapping cannot be a key",
            "this looks like a template: render it first, as with `helm template`",
        ),
        ("a: 1\na: 2\n", "the key `a` is there twice", "remove or rename one of them"),
    ];
    for (text, message, help) in cases {
        let stream = read(text);
        assert!(stream.problems[0].message.contains(message), "{stream:?}");
        assert_eq!(stream.problems[0].help.as_deref(), Some(help), "{text:?}");
    }
    assert_eq!(quoted("a\u{1b}[31m\nb"), "`a\u{fffd}[31m\u{fffd}b`");
    assert_eq!(quoted(&"é".repeat(70)), format!("`{}…`", "é".repeat(60)));
}

#[test]
fn spans_cover_the_source() {
    let text = "# é\nhost: \"é.example\" # c\nkeys:\n- 'ü' \n- plain é\n-   k: v\n    l: [1, é ] # d\nblock: |\n  é\n  x\n\n\n# e\nnested:\n  - - a\n    - b\n\n  - c: &x d\nalias: *x\nempty:\nz: {}\n";
    let stream = read(text);
    check_spans(text, &stream);
    let root = &stream.documents[0];
    let at = |path: &[&str]| {
        path.iter().fold(Arc::clone(root), |node, step| match step.parse::<usize>() {
            Ok(index) => Arc::clone(&node.items().unwrap()[index]),
            Err(_) => Arc::clone(node.get(step).unwrap()),
        })
    };
    let cases: &[(&[&str], &str, (u32, u32))] = &[
        (&["host"], "\"é.example\"", (2, 7)),
        (&["keys"], "- 'ü' \n- plain é\n-   k: v\n    l: [1, é ]", (4, 1)),
        (&["keys", "0"], "'ü'", (4, 3)),
        (&["keys", "1"], "plain é", (5, 3)),
        (&["keys", "2"], "k: v\n    l: [1, é ]", (6, 5)),
        (&["keys", "2", "l"], "[1, é ]", (7, 8)),
        (&["keys", "2", "l", "1"], "é", (7, 12)),
        (&["block"], "é\n  x", (9, 3)),
        (&["nested"], "- - a\n    - b\n\n  - c: &x d", (15, 3)),
        (&["nested", "0"], "- a\n    - b", (15, 5)),
        (&["nested", "1", "c"], "d", (18, 11)),
        (&["alias"], "d", (18, 11)),
        (&["empty"], "", (20, 6)),
        (&["z"], "{}", (21, 4)),
    ];
    for (path, expected, (line, column)) in cases {
        let span = at(path).span;
        assert_eq!((source(text, span), span.line, span.column), (*expected, *line, *column), "{path:?}");
    }
    assert_eq!(root.span, Span { line: 2, column: 1, start: 5, end: text.len() - 1 });
    let keys: Vec<&str> = root.entries().unwrap().iter().map(|entry| source(text, entry.key_span)).collect();
    assert_eq!(keys, ["host", "keys", "block", "nested", "alias", "empty", "z"]);
}

#[test]
fn spans_count_from_the_start_of_the_stream() {
    let cases = [
        ("\u{feff}é: 1\n---\nü: x\n", "x", (3, 4)),
        ("é: 1\r\n---\r\nü: x\r\n", "x", (3, 4)),
        ("{\"é\":1} {\"é\":\"x\"}", "\"x\"", (1, 14)),
        ("{\"é\":1}\n\n{\"é\":\"x\"}", "\"x\"", (3, 6)),
        ("a: 1\n...\n--- {b: x}\n", "x", (3, 9)),
    ];
    for (text, expected, place) in cases {
        let stream = read(text);
        check_spans(text, &stream);
        let span = stream.documents[1].entries().unwrap()[0].node.span;
        assert_eq!((source(text, span), (span.line, span.column)), (expected, place), "{text:?}");
    }
}

#[test]
fn limits_hold() {
    let limits = Limits { bytes: 100, documents: 2, nodes: 10, depth: 3 };
    let long = "x".repeat(101);
    let cases: &[(&str, &[&str])] = &[
        (&long, &["1:1 TooLarge"]),
        ("a\n---\nb\n---\n# not one\n", &[r#""a""#, r#""b""#]),
        ("a\n---\nb\n---\nc\n---\nd\n", &[r#""a""#, r#""b""#, "4:1 TooLarge"]),
        ("{}{}{}{}", &["{}", "{}", "1:5 TooLarge"]),
        ("[1,2,3,4,5,6,7,8,9]", &["[1,2,3,4,5,6,7,8,9]"]),
        ("[1,2,3,4,5,6,7,8,9,0]\n---\na", &[r#""a""#, "1:20 TooLarge"]),
        ("[[[1]]]", &["[[[1]]]"]),
        ("[[[[1]]]]\n---\na", &[r#""a""#, "1:4 TooLarge"]),
        ("- - - - a\n---\na", &[r#""a""#, "1:7 TooLarge"]),
        ("[&a [1,2,3], *a]", &["[[1,2,3],[1,2,3]]"]),
        ("[&a [1,2,3], *a, *a]", &["1:18 TooLarge"]),
        ("[&a [1], &b [*a]]", &["[[1],[[1]]]"]),
        ("[&a [1], &b [*a], [*b]]", &["1:20 TooLarge"]),
        ("- &a xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n- *a\n- *a\n", &["3:3 TooLarge"]),
    ];
    for (text, expected) in cases {
        let stream = parse(text, &limits);
        let expected: String = expected.iter().map(|line| format!("{line}\n")).collect();
        assert_eq!(sorted(&summary(&stream)), sorted(&expected), "{text:?}\n{:#?}", stream.problems);
        check_spans(text, &stream);
    }
}

#[test]
fn bombs_are_refused_quickly() {
    let mut laughs = "a0: &a0 lol\n".to_owned();
    let mut merges = "a0: &a0 {k: v}\n".to_owned();
    let mut deep = "a0: &a0 [x]\n".to_owned();
    for level in 1..=9 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(laughs, "a{level}: &a{level} [{aliases}]").unwrap();
        writeln!(merges, "a{level}: &a{level} {{<<: [{aliases}], k{level}: v}}").unwrap();
    }
    for level in 1..=200_000 {
        writeln!(deep, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
    }
    let long = format!("- &a {}\n{}", "x".repeat(1 << 20), "- *a\n".repeat(1000));
    let flow = "[".repeat(1 << 18);
    let block = "- ".repeat(1 << 18);
    for (name, text) in
        [("laughs", laughs), ("merges", merges), ("deep", deep), ("long", long), ("flow", flow), ("block", block)]
    {
        let started = Instant::now();
        let stream = read(&text);
        let took = started.elapsed();
        assert!(stream.documents.is_empty(), "{name}");
        assert_eq!(stream.problems[0].kind, ProblemKind::TooLarge, "{name} {:?}", stream.problems[0]);
        // the first two are small; the others also pay for being looked through, in a debug build
        let limit = if text.len() < 10_000 { Duration::from_millis(100) } else { Duration::from_secs(2) };
        assert!(took < limit, "{name} took {took:?}");
    }
}

#[test]
fn long_inputs_take_linear_time() {
    let unclosed = "{\"a\":1}\n".repeat(20_000) + "{\"a\":";
    let errors = "a: [\n---\n".repeat(20_000);
    let keys = (0..50_000).fold(String::new(), |mut text, at| {
        writeln!(text, "k{at}: x").unwrap();
        text
    });
    let same = "a: x\n".repeat(50_000);
    let one_line = "{\"a\":1}".repeat(20_000);
    let quotes = "\"".repeat(100_000);
    let questions = "? ".repeat(50_000);
    for text in [unclosed, errors, keys, same, one_line, quotes, questions] {
        let started = Instant::now();
        let stream = read(&text);
        let took = started.elapsed();
        assert!(stream.documents.len() + stream.problems.len() > 0);
        assert!(took < Duration::from_secs(4), "{:?} took {took:?}", text.get(..20));
    }
}

/// Mutates a few manifests at random places: reading them must end, not panic, and give spans inside the text.
#[test]
fn no_input_panics() {
    const SEEDS: &[&str] = &[
        "apiVersion: v1\nkind: Ingress\nmetadata:\n  name: \"é\"\n  annotations:\n    a: on\nspec:\n  rules:\n  - host: x\n    http:\n      paths:\n      - path: /\n---\nb: |\n  x\n   y\n\nc: >-\n  z\n",
        "a: &a {b: 1, c: [x, 'y', \"z\\u00e9\"]}\nd:\n  <<: [*a, {e: 2}]\n? k\n: !!int 5\n...\n%YAML 1.2\n--- # é\n- - 1\n  - 2\n-\n  t: *a\n",
        "{\"a\": [1, {\"b\": null}], \"c\": \"é}{\"}\n{\"d\": 1e3}\r\n\t{\"e\": {}}",
        "\u{feff}x: 0777\ny: .5\n80: ~\n1.5: !!float 1\n!!str on: 'a''b'\nq: \"l1\n\n  l2\\\n  l3\"\r\nw: p\n q\n",
    ];
    const PARTS: &[&str] = &[
        "\n", "---\n", "\n---\n", "...\n", "- ", ": ", "? ", "{", "}", "[", "]", ",", "'", "\"", "\\", "&a ", "*a",
        "!!", "!!int ", "!<", "%", "#", " #", "|\n", ">", "<<: ", "\t", "  ", "\r", "\r\n", "\0", "\u{feff}", "é",
        "😀", "@", "`", "\u{85}", "\u{2028}", "0x", "1_", "~", "null",
    ];
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    let limits = Limits { documents: 50, nodes: 500, depth: 12, ..Limits::default() };
    let rounds: usize = std::env::var("YAML_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(6000);
    for round in 0..rounds {
        let mut text: Vec<char> = SEEDS[random(SEEDS.len())].chars().collect();
        for _ in 0..=random(8) {
            let at = random(text.len() + 1);
            let end = (at + random(6)).min(text.len());
            match random(5) {
                0 => drop(text.drain(at..end)),
                1 => text.truncate(at.max(3)),
                2 => {
                    let copied = text[at..end].to_vec();
                    let place = random(text.len());
                    drop(text.splice(place..place, copied));
                }
                _ => {
                    let part = PARTS[random(PARTS.len())].chars();
                    drop(text.splice(at..at, part));
                }
            }
        }
        let text: String = text.into_iter().collect();
        for limits in [&limits, &Limits::default()] {
            let stream = parse(&text, limits);
            check_spans(&text, &stream);
            for document in &stream.documents {
                assert!(!document.to_json().is_null(), "round {round}");
            }
        }
    }
}
