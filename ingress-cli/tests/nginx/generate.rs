//! Random sets of Ingresses: few hosts and few paths, so that they collide.

use super::model::{Annotations, Ingress, Kind, Path, Rule, Set};
use super::random::Random;
use super::template;

const HOSTS: &[&str] =
    &["", "a.example", "b.example", "c.d.example", "*.a.example", "x.a.example", "*.example", "0.example"];

const ALIASES: &[&str] = &[
    "alias.example",
    "b.example",
    "y.a.example",
    "x.y.a.example",
    "other.test",
    "*.a.example",
    "*.example",
    "*.y.a.example",
    "*.test",
];

/// Paths that mean what they say, as long as the host has no expressions.
pub(crate) const PLAIN: &[&str] = &[
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/a/b/",
    "/A",
    "/ab",
    "/a.b",
    "/a-b",
    "/a/b/c",
    "/foo",
    "/foo/",
    "/Foo",
    "/foo/bar",
    "/foo/bar/",
    "/foo/bar/bar",
    "/foo/barbar",
    "/x.php",
    "/new",
    "/admin",
    "/admin/users",
];

/// Expressions, each with paths that it takes and paths that it nearly takes.
pub(crate) const EXPRESSIONS: &[(&str, &[&str])] = &[
    ("/foo(/|$)(.*)", &["/foo", "/foo/", "/foo/x/y", "/foox", "/FOO/x", "/foo%0a"]),
    ("/foo/bar/[a-z]{3}", &["/foo/bar/bar", "/foo/bar/ba", "/foo/bar/BAZ", "/foo/bar/abcd", "/foo/bar/a1c"]),
    ("/foo/bar/bar", &["/foo/bar/bar", "/foo/bar/barbar"]),
    ("/foo/.+", &["/foo/", "/foo/x", "/foo/%0a"]),
    ("/a/(.*)", &["/a/", "/a/b/c", "/a", "/a/x%0ay"]),
    ("/a/(.+)/(.+)", &["/a/b/c", "/a/b/c/d", "/a//c", "/a/b/"]),
    ("/a|/b", &["/a", "/b", "/x/b", "/x/a", "/xb"]),
    ("/foo|bar/(.*)", &["/foo", "/bar/x", "/x/bar/y", "/x/y/bar/z", "/foobar/q"]),
    ("/(a|b)/(\\d+)", &["/a/1", "/b/22", "/c/1", "/a/x", "/a/1x", "/a/%D9%A1"]),
    ("/.*\\.php$", &["/x.php", "/a/b.php", "/xphp", "/x.php/y", "/x.PHP", "/x.php%0a"]),
    ("/(.*)\\.(php|html)$", &["/x.php", "/a/b.html", "/x.htm", "/.php"]),
    ("/[^/]+/c", &["/a/c", "/ab/c", "/a/b/c", "/%C3%A9/c"]),
    ("/v[0-9]+(/.*)?", &["/v1", "/v12/x", "/v", "/v1x"]),
    ("/foo$", &["/foo", "/foo/", "/foo/bar", "/foo%0a", "/foo$"]),
    ("/x/?(.*)", &["/x", "/x/", "/x/y", "/xy"]),
    ("/u/([^/]+)/(.*?)/z", &["/u/me/a/z", "/u/me/a/z/z", "/u/me//z", "/u/me/z"]),
    ("/((a)|b)+/q", &["/a/q", "/ab/q", "/ba/q", "/c/q"]),
    ("/é", &["/é", "/%C3%A9", "/%c3%a9x", "/%E9"]),
    ("/w/(\\w+)(\\W*)", &["/w/a_b", "/w/a-b", "/w/%C3%A9", "/w/a%C3%A9", "/w/a%20b"]),
    ("/.{2}$", &["/ab", "/%C3%A9", "/a", "/%ff%fe", "/abc"]),
    ("/k(?:ey|nob)-[A-F]", &["/key-a", "/KNOB-f", "/key-g", "/%E2%84%AAey-a"]),
    ("/s/(\\s*)end", &["/s/end", "/s/%20%09end", "/s/%0bend", "/s/%c2%a0end", "/s/%c2%85end"]),
    ("/", &["/", "/anything"]),
];

const TARGETS: &[&str] = &[
    "/", "/$1", "/$2", "/new", "/new/$1", "/$1/$2", "/x$1y", "/$3", "/a//b", "/a/../b", "/new.$1", "/:$1", "/$1$2$3",
    "/$12",
];

/// A set that nginx takes.
pub(crate) fn set(random: &mut Random) -> Set {
    loop {
        let set = any_set(random);
        if template::servers(&set).is_some() {
            return set;
        }
    }
}

/// How much of a set is expressions, in percent.
const STYLES: &[usize] = &[0, 0, 10, 50, 90];

fn any_set(random: &mut Random) -> Set {
    let expressions = random.pick(STYLES);
    let hosts: Vec<&str> = (0..1 + random.below(3)).map(|_| random.pick(HOSTS)).collect();
    let has_ages = random.percent(60);
    let mut ingresses: Vec<Ingress> = Vec::new();
    for number in 0..1 + random.below(5) {
        let mut ingress = Ingress::named(&format!("i{number}"));
        ingress.namespace = random.pick(&["n1", "n2"]).to_owned();
        // Few days, so that some are of an age.
        ingress.created = has_ages.then(|| u8::try_from(1 + random.below(3)).unwrap_or(1));
        ingress.annotations = annotations(random, expressions);
        ingress.default_backend = random.percent(25).then(|| format!("d{number}"));
        let rules = if ingress.default_backend.is_some() && random.percent(40) { 0 } else { 1 + random.below(3) };
        for rule in 0..rules {
            // A rule may have no paths at all.
            let paths = random.below(5);
            let paths = (0..paths)
                .map(|path| Path { service: format!("s{number}-{rule}-{path}"), ..a_path(random, expressions) });
            let paths = paths.collect();
            ingress.rules.push(Rule { host: random.pick(&hosts).to_owned(), paths });
        }
        ingresses.push(ingress);
    }
    // The order of the documents must not matter.
    random.shuffle(&mut ingresses);
    Set { ingresses, default_backend: random.percent(30).then(|| "ops/fallback:8080".to_owned()) }
}

fn a_path(random: &mut Random, expressions: usize) -> Path {
    let is_expression = random.percent(expressions / 2 + 3);
    let text = if is_expression { random.pick(EXPRESSIONS).0 } else { random.pick(PLAIN) };
    let kind = match (is_expression, random.below(3)) {
        // Only this type may have such characters.
        (true, _) | (_, 0) => Kind::ImplementationSpecific,
        (_, 1) => Kind::Exact,
        _ => Kind::Prefix,
    };
    Path { path: text.to_owned(), kind, service: String::new() }
}

fn annotations(random: &mut Random, expressions: usize) -> Annotations {
    let mut found = Annotations {
        use_regex: random.percent(expressions / 2),
        rewrite_target: random.percent(expressions / 2).then(|| random.pick(TARGETS).to_owned()),
        app_root: random.percent(8).then(|| random.pick(&["/app", "/a/b/", "/home.html"]).to_owned()),
        ..Annotations::default()
    };
    if random.percent(15) {
        found.server_alias = (0..1 + random.below(3)).map(|_| random.pick(ALIASES).to_owned()).collect();
    }
    if random.percent(8) {
        let to =
            ["https://other.test/x", "http://other.test", "/moved", "/moved/there?x=1&y=/a", "https://o.test:8443/~u"];
        found.permanent_redirect = Some(random.pick(&to).to_owned());
        found.permanent_redirect_code = random.percent(40).then(|| random.pick(&[301, 302, 303, 307, 308]));
        found.relative_redirects = random.percent(30);
    }
    if random.percent(5) {
        found.temporal_redirect = Some(random.pick(&["https://other.test/t", "http://o.test/?q=1"]).to_owned());
        found.temporal_redirect_code = random.percent(40).then(|| random.pick(&[301, 303, 307]));
    }
    found
}
