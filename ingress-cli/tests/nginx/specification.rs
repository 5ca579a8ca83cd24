//! What the specification says in examples and tables, as requests with their answers.
//!
//! nginx with the template must give exactly these. Where it does, a difference between nginx and the engine is the
//! engine's.

use super::answer::Answer;
use super::model::Kind::{Exact, ImplementationSpecific, Prefix};
use super::model::{Ingress, Set};
use super::precedence;

/// Some Ingresses with requests: Host field, target, answer.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) set: Set,
    pub(crate) requests: Vec<(String, String, Answer)>,
}

impl Case {
    pub(super) fn new(name: &'static str, ingresses: impl IntoIterator<Item = Ingress>) -> Self {
        Self { name, set: Set::of(ingresses), requests: Vec::new() }
    }

    fn ask(mut self, host: &str, target: &str, answer: Answer) -> Self {
        self.requests.push((host.to_owned(), target.to_owned(), answer));
        self
    }

    /// The raw target goes to a Service.
    pub(super) fn forward(self, host: &str, targets: &[&str], service: &str) -> Self {
        targets.iter().fold(self, |case, target| case.rewrite(host, target, service, target))
    }

    /// Another target goes to a Service.
    pub(super) fn rewrite(self, host: &str, target: &str, service: &str, upstream: &str) -> Self {
        let backend = format!("shop/{service}:80");
        self.ask(host, target, Answer::Forward { backend, target: upstream.to_owned(), host: host.to_owned() })
    }

    pub(super) fn redirect(self, host: &str, target: &str, status: u16, location: &str) -> Self {
        self.ask(host, target, Answer::Redirect { status, location: location.to_owned() })
    }

    pub(super) fn respond(self, host: &str, targets: &[&str], status: u16) -> Self {
        targets.iter().fold(self, |case, target| case.ask(host, target, Answer::Respond { status }))
    }
}

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    [servers(), locations(), regex_servers(), rewriting(), redirects(), normalisation(), precedence::cases()]
        .into_iter()
        .flatten()
        .collect()
}

/// 3.2, 3.8, 7.1.
fn servers() -> Vec<Case> {
    let shop = Ingress::named("shop")
        .rule("shop.test", &[("/tea", Prefix, "tea")])
        .rule("*.shop.test", &[("/", Prefix, "wild")])
        .rule("", &[("/any", Prefix, "any")]);
    let aliased = Ingress::named("aliased")
        .with(|it| it.server_alias = ["alias.test", "shop.test", "*.far.test", "x.shop.test"].map(str::to_owned).into())
        .rule("own.test", &[("/", Prefix, "own")]);
    let late = Ingress::named("z-late").with(|it| it.server_alias = vec!["alias.test".to_owned()]);
    let late = late.rule("z.test", &[("/", Prefix, "late")]);
    let older = |mut ingress: Ingress, day| {
        ingress.created = Some(day);
        ingress
    };
    vec![
        Case::new("hosts", [shop.clone()])
            .forward("shop.test", &["/tea", "/tea/", "/tea?x"], "tea")
            .forward("SHOP.test:8080", &["/tea"], "tea")
            .forward("shop.test.", &["/tea"], "tea")
            .respond("shop.test", &["/", "/any", "/teas"], 404)
            .forward("a-b_c.shop.test", &["/tea"], "wild")
            .respond("a.b.shop.test", &["/tea"], 404)
            .forward("a.b.shop.test", &["/any"], "any")
            .forward("a~b.shop.test", &["/any"], "any")
            .forward("[::1]:80", &["/any"], "any")
            .respond("..", &["/any"], 400)
            .respond("a/b", &["/any"], 400)
            .respond("a..", &["/any"], 400)
            .respond("a b", &["/any"], 400),
        Case::new("aliases", [shop, aliased, late])
            .forward("alias.test", &["/x"], "own")
            .forward("shop.test", &["/tea"], "tea")
            .forward("a.b.far.test", &["/tea"], "own")
            .forward("x.shop.test", &["/tea"], "own")
            .forward("y.shop.test", &["/tea"], "wild")
            .respond("far.test", &["/tea"], 404),
        Case::new(
            "a wildcard alias before a wildcard host",
            [
                Ingress::named("host").rule("*.d.test", &[("/", Prefix, "host")]),
                Ingress::named("alias")
                    .with(|it| it.server_alias = vec!["*.test".to_owned()])
                    .rule("own.test", &[("/", Prefix, "alias")]),
            ],
        )
        .forward("x.d.test", &["/"], "alias"),
        Case::new(
            "default backends",
            [
                older(Ingress::named("first").or_else("one").rule("shop.test", &[("/a", Prefix, "a")]), 1),
                older(Ingress::named("second").or_else("two").rule("shop.test", &[("/b", Prefix, "b")]), 2),
                older(Ingress::named("third").rule("", &[("/", Prefix, "hostless"), ("/c", Prefix, "c")]), 3),
                older(Ingress::named("all").or_else("all"), 4),
            ],
        )
        .forward("shop.test", &["/", "/x", "/c"], "one")
        .forward("shop.test", &["/b/x"], "b")
        .forward("other.test", &["/", "/a"], "all")
        .forward("other.test", &["/c"], "c"),
        Case::new(
            "equal age",
            [
                Ingress::named("a").rule("shop.test", &[("/p", Prefix, "a")]),
                Ingress::named("b").rule("shop.test", &[("/p", Prefix, "b"), ("/p", Exact, "exact")]),
            ],
        )
        .forward("shop.test", &["/p/x"], "b")
        .forward("shop.test", &["/p"], "exact"),
    ]
}

/// 3.3.
fn locations() -> Vec<Case> {
    let rules = Ingress::named("rules").rule(
        "shop.test",
        &[
            ("/p", Prefix, "p"),
            ("/p/q/", Prefix, "q"),
            ("/both", Prefix, "prefix"),
            ("/both", Exact, "exact"),
            ("/e/", Exact, "e"),
            ("/f/", Prefix, "f"),
            ("/f", Exact, "f-exact"),
            ("/r(/|$)[a-z]{2}.x$", ImplementationSpecific, "odd"),
            ("/", Prefix, "rest"),
        ],
    );
    vec![
        Case::new("locations", [rules])
            .forward("shop.test", &["/p", "/p/", "/p/x", "/p/qq", "/p?/p/q"], "p")
            .forward("shop.test", &["/P", "/pp", "/", "/both.", "/e/x"], "rest")
            .forward("shop.test", &["/p/q/", "/p/q/x", "/p/q%2f"], "q")
            .forward("shop.test", &["/both"], "exact")
            .forward("shop.test", &["/both/", "/both/x"], "prefix")
            .forward("shop.test", &["/f"], "f-exact")
            .forward("shop.test", &["/r(/|$)[a-z]{2}.x$", "/r(/|$)[a-z]{2}.x$/y"], "odd")
            .redirect("shop.test", "/p/q", 301, "http://shop.test/p/q/")
            .redirect("Shop.Test:8080", "/p/%71?a=%2F&b", 301, "http://shop.test/p/q/?a=%2F&b")
            .redirect("shop.test", "/e", 301, "http://shop.test/e/")
            .redirect("shop.test", "/e?", 301, "http://shop.test/e/"),
    ]
}

/// 3.4.
fn regex_servers() -> Vec<Case> {
    let regex = |name: &str| Ingress::named(name).with(|it| it.use_regex = true);
    let documented = regex("documented").rule(
        "shop.test",
        &[("/foo/bar/bar", Prefix, "literal"), ("/foo/bar/[a-z]{3}", ImplementationSpecific, "regex")],
    );
    let plain = Ingress::named("plain").rule("shop.test", &[("/Plain", Exact, "plain"), ("/a.c", Prefix, "dot")]);
    let alternatives = regex("alternatives").rule("alt.test", &[("/a|/b", ImplementationSpecific, "either")]);
    let lines = regex("lines").rule("lines.test", &[("/end$", ImplementationSpecific, "end"), ("/.b", Prefix, "dot")]);
    vec![
        Case::new("the longest text first", [documented, plain])
            .forward("shop.test", &["/foo/bar/bar", "/foo/bar/abcd", "/FOO/bar/XYZ"], "regex")
            .forward("shop.test", &["/Plain", "/plain/x", "/PLAINER"], "plain")
            .forward("shop.test", &["/a.c", "/abcd", "/a%2Fc"], "dot")
            .respond("shop.test", &["/", "/x/Plain", "/foo/bar/12"], 404),
        Case::new("alternatives", [alternatives])
            .forward("alt.test", &["/a", "/ax", "/b", "/x/b", "/x/by"], "either")
            .respond("alt.test", &["/x/a", "/xb"], 404),
        Case::new("lines", [lines])
            .forward("lines.test", &["/end", "/end%0a"], "end")
            .respond("lines.test", &["/end%0a%0a", "/end%0ax"], 404)
            .forward("lines.test", &["/%ffb"], "dot")
            .respond("lines.test", &["/%0ab", "/%C3%A9b"], 404),
    ]
}

/// 3.5.
fn rewriting() -> Vec<Case> {
    let to = |name: &str, target: &str| Ingress::named(name).with(|it| it.rewrite_target = Some(target.to_owned()));
    let something = to("something", "/$2").rule("shop.test", &[("/something(/|$)(.*)", ImplementationSpecific, "app")]);
    let flat = to("flat", "/flat").rule("flat.test", &[("/p", Prefix, "p")]);
    let same = to("same", "/").rule("same.test", &[("/", Prefix, "root")]);
    let equal = to("equal", "/p").rule("equal.test", &[("/p", Prefix, "p")]);
    let twelve = to("twelve", "/$12-$3").rule("twelve.test", &[("/t(.*)", Prefix, "t")]);
    vec![
        Case::new("rewriting", [something, flat, same])
            .rewrite("shop.test", "/something", "app", "/")
            .rewrite("shop.test", "/something/", "app", "/")
            .rewrite("shop.test", "/something/new", "app", "/new")
            .rewrite("shop.test", "/Something/New?q=/%zz#", "app", "/New?q=/%zz")
            .rewrite("shop.test", "/something/a%20b", "app", "/a%20b")
            .rewrite("shop.test", "/something//a%2F%2fb", "app", "/a/b")
            .rewrite(
                "shop.test",
                "/something/%3f%23%25%22<>%5c^`{|}~%7f",
                "app",
                "/%3F%23%25%22%3C%3E%5C%5E%60%7B%7C%7D~%7F",
            )
            .rewrite("shop.test", "/something/é!$&'()*+,;=:@", "app", "/%C3%A9!$&'()*+,;=:@")
            .respond("shop.test", &["/somethingnew"], 404)
            .rewrite("flat.test", "/p", "p", "/flat")
            .rewrite("flat.test", "/pq/r?x=1&y", "p", "/flat?x=1&y")
            .rewrite("flat.test", "/P?", "p", "/flat")
            .forward("same.test", &["/", "//x/%7e?"], "root"),
        Case::new("a target like the path", [equal]).forward("equal.test", &["/p", "/p/x"], "p"),
        Case::new("one digit only", [twelve]).rewrite("twelve.test", "/tea", "t", "/ea2-"),
    ]
}

/// 3.7.
fn redirects() -> Vec<Case> {
    let root = Ingress::named("root").with(|it| it.app_root = Some("/app".to_owned()));
    let root = root.rule("root.test", &[("/x", Prefix, "x")]);
    let permanent = |name: &str, to: &str| Ingress::named(name).with(|it| it.permanent_redirect = Some(to.to_owned()));
    let moved = permanent("moved", "https://new.test/?a=b").rule("moved.test", &[("/old", Prefix, "old")]);
    let path = permanent("path", "/there").with(|it| it.permanent_redirect_code = Some(308));
    let path = path.rule("path.test", &[("/", Prefix, "path")]);
    let relative = permanent("relative", "/there").with(|it| it.relative_redirects = true);
    let relative = relative.rule("relative.test", &[("/a", Prefix, "a"), ("/dir/", Prefix, "dir")]);
    let temporal = permanent("temporal", "/never").with(|it| it.temporal_redirect = Some("https://t.test".to_owned()));
    let temporal = temporal.rule("temporal.test", &[("/", Prefix, "temporal")]);
    vec![
        Case::new("redirects", [root, moved, path, relative, temporal])
            .redirect("Root.test:81", "/?q", 302, "http://Root.test:81/app")
            .redirect("root.test", "//%2e/", 302, "http://root.test/app")
            .respond("root.test", &["/index"], 404)
            .forward("root.test", &["/x"], "x")
            .redirect("moved.test", "/old/x?y", 301, "https://new.test/?a=b")
            .redirect("moved.test", "/unlisted", 301, "https://new.test/?a=b")
            .redirect("Path.test:81", "/x?y", 308, "http://path.test/there")
            .redirect("relative.test", "/a", 301, "/there")
            .redirect("relative.test", "/dir?x", 301, "/dir/?x")
            .redirect("temporal.test", "/", 302, "https://t.test"),
    ]
}

/// 7.1, 7.2.
fn normalisation() -> Vec<Case> {
    let seen = Ingress::named("seen").rule(
        "shop.test",
        &[
            ("/", Exact, "root"),
            ("/admin", Exact, "admin"),
            ("/admin/", Exact, "slash"),
            ("/admin/users", Exact, "users"),
            ("/public", Exact, "public"),
            ("/", Prefix, "rest"),
        ],
    );
    let admin =
        ["/%61dmin", "//admin", "/./admin", "/a/../admin", "/public/..%2fadmin", "/public/%2e%2e/admin", "/%2fadmin"];
    let segments =
        ["/admin;v=1", "/admin%3Fx", "/admin%23x", "/admin\\x", "/admin%5Cx", "/%252e%252e/admin", "/..x", "/..."];
    let above = ["/../x", "/..%2fx", "/%2e%2e/x", "/a/../..", "/./../x"];
    let broken = ["/%", "/%z1", "/%4", "/%00", "/a\x01", "/a\x7f", "/a b", "admin"];
    vec![
        Case::new("normal form", [seen])
            .forward("shop.test", &admin, "admin")
            .forward("shop.test", &["/admin?/../..", "/admin?%zz", "/admin#/users", "/%61dmin#?x"], "admin")
            .forward("shop.test", &["/admin%2Fusers", "/admin//users"], "users")
            .forward("shop.test", &["/admin/.", "/admin/x/.."], "slash")
            .forward("shop.test", &["/admin/..", "/", "//", "/./%2F"], "root")
            .forward("shop.test", &["/admin%2f..%2fpublic"], "public")
            .forward("shop.test", &segments, "rest")
            .forward("shop.test", &["/+", "/ADMIN", "/é", "/%ff"], "rest")
            .respond("shop.test", &above, 400)
            .respond("shop.test", &broken, 400),
    ]
}
