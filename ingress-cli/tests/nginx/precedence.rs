//! More of the specification: which of several servers and locations answers, where that is easily mistaken.

use super::model::Ingress;
use super::model::Kind::{Exact, ImplementationSpecific, Prefix};
use super::specification::Case;

/// All of them.
pub(super) fn cases() -> Vec<Case> {
    [hostless(), names(), order()].into_iter().flatten().collect()
}

fn regex(name: &str, created: u8) -> Ingress {
    Ingress { created: Some(created), ..Ingress::named(name).with(|it| it.use_regex = true) }
}

/// 3.2: the server without a name has a `/` of its own.
fn hostless() -> Vec<Case> {
    let moved = Ingress::named("moved").with(|it| {
        it.permanent_redirect = Some("https://new.test".to_owned());
        it.rewrite_target = Some("/new".to_owned());
    });
    let root = Ingress::named("root").with(|it| it.app_root = Some("/app".to_owned()));
    let aliased = Ingress::named("aliased").with(|it| it.server_alias = vec!["x.wild.test".to_owned()]);
    vec![
        Case::new(
            "the hostless root takes no annotations of a hostless rule",
            [moved.rule("", &[("/a", Prefix, "a")])],
        )
        .redirect("any.test", "/a", 301, "https://new.test")
        .respond("any.test", &["/", "/b"], 404),
        Case::new("nor those of an Ingress without rules", [root.clone().or_else("all")]).forward(
            "any.test",
            &["/", "/x"],
            "all",
        ),
        Case::new("but app-root is of the whole server", [root.rule("", &[("/a", Prefix, "a")])]).redirect(
            "any.test",
            "/",
            302,
            "http://any.test/app",
        ),
        Case::new(
            "an alias of the hostless server",
            [
                aliased.rule("", &[("/", Prefix, "any")]),
                Ingress::named("wild").rule("*.wild.test", &[("/", Prefix, "wild")]),
            ],
        )
        .forward("x.wild.test", &["/"], "any")
        .forward("y.wild.test", &["/"], "wild"),
        Case::new("no host at all is known", [Ingress::named("one").rule("one.test", &[("/", Prefix, "one")])])
            .respond("other.test", &["/..;/x", "/x%2f..%2f..%2e", "/a%2f../b", "/"], 404)
            .respond("other.test", &["/..", "/x%2f..%2f.."], 400),
    ]
}

/// 3.2, 3.8.
fn names() -> Vec<Case> {
    let aliases = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let roots = Ingress::named("roots").with(|it| it.app_root = Some("/long".to_owned()));
    let older = Ingress::named("roots-older").with(|it| it.app_root = Some("/short".to_owned()));
    vec![
        Case::new(
            "a wildcard alias that is a host",
            [
                Ingress::named("a")
                    .with(|it| it.server_alias = aliases(&["*.d.test"]))
                    .rule("own.test", &[("/", Prefix, "a")]),
                Ingress::named("b").rule("*.d.test", &[("/", Prefix, "b")]),
            ],
        )
        .forward("x.d.test", &["/"], "b")
        .respond("x.y.d.test", &["/"], 404),
        Case::new("what a wildcard's label may hold", [Ingress::named("b").rule("*.d.test", &[("/", Prefix, "b")])])
            .forward("A-z_0.d.test", &["/"], "b")
            .respond("a~b.d.test", &["/"], 404),
        Case::new(
            "the aliases of the oldest, even if none is left",
            [
                Ingress::named("z")
                    .with(|it| it.server_alias = aliases(&["b.test"]))
                    .rule("a.test", &[("/", Prefix, "z")]),
                Ingress::named("y")
                    .with(|it| it.server_alias = aliases(&["c.test"]))
                    .rule("a.test", &[("/y", Prefix, "y")]),
                Ingress::named("x").rule("b.test", &[("/", Prefix, "x")]),
            ],
        )
        .forward("b.test", &["/"], "x")
        .respond("c.test", &["/y"], 404),
        Case::new(
            "the app-root of the longest path",
            [
                Ingress { created: Some(2), ..roots.rule("a.test", &[("/longer", Prefix, "l")]) },
                Ingress { created: Some(1), ..older.rule("a.test", &[("/p", Prefix, "p")]) },
            ],
        )
        .redirect("a.test", "/", 302, "http://a.test/long"),
    ]
}

/// 3.3, 3.4: what comes first among expressions.
fn order() -> Vec<Case> {
    let prefix = Ingress::named("plain");
    vec![
        Case::new(
            "texts of a length go down",
            [regex("one", 1).rule(
                "a.test",
                &[("/Foo", Prefix, "upper"), ("/foo", Prefix, "lower"), ("/fo.", ImplementationSpecific, "dot")],
            )],
        )
        .forward("a.test", &["/foo", "/FOO"], "lower")
        .forward("a.test", &["/fox"], "dot"),
        Case::new(
            "of one text the first comes first",
            [
                regex("one", 1).rule(
                    "a.test",
                    &[("/e", Exact, "e1"), ("/e", Prefix, "e2"), ("/p", Prefix, "p1"), ("/p", Exact, "p2")],
                ),
                regex("two", 2).rule("a.test", &[("/", Exact, "root")]),
            ],
        )
        .forward("a.test", &["/e", "/e/x"], "e1")
        .forward("a.test", &["/p", "/p/x", "/pq"], "p1")
        .respond("a.test", &["/"], 404),
        Case::new(
            "beside an Exact path only the slash is Prefix",
            [
                prefix.clone().rule("a.test", &[("/p", Prefix, "prefix"), ("/p", Exact, "exact")]),
                regex("two", 2).rule("a.test", &[("/x", Prefix, "x")]),
            ],
        )
        .forward("a.test", &["/p", "/pq"], "exact")
        .forward("a.test", &["/p/", "/p/x"], "prefix"),
        Case::new(
            "sorted first, split later",
            [
                prefix.rule("a.test", &[("/foo/bar", Prefix, "plain")]),
                regex("two", 2).rule("a.test", &[("/foo/bar/", Prefix, "slash")]),
            ],
        )
        .forward("a.test", &["/foo/bar/", "/foo/bar/x"], "slash")
        .forward("a.test", &["/foo/bar", "/foo/barx"], "plain"),
        Case::new(
            "with and without a final slash are two expressions",
            [regex("one", 1)
                .rule("a.test", &[("/foo/", Prefix, "slash"), ("/foo", Prefix, "plain"), ("/Foo", Prefix, "upper")])],
        )
        .forward("a.test", &["/foo/", "/FOO/x"], "slash")
        .forward("a.test", &["/foo", "/Foo", "/food"], "plain"),
        Case::new(
            "the end of a line is not in the group",
            [Ingress::named("one")
                .with(|it| it.rewrite_target = Some("/new/$1-$2".to_owned()))
                .rule("a.test", &[("/foo(/|$)(.*)", ImplementationSpecific, "a")])],
        )
        .rewrite("a.test", "/foo%0a", "a", "/new/-")
        .rewrite("a.test", "/foo/x%0ay", "a", "/new//-x"),
    ]
}
