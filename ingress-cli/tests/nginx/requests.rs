//! Random requests that come near the paths and the hosts of a set.

use super::generate::{EXPRESSIONS, PLAIN};
use super::model::Set;
use super::random::Random;

/// A Host field and a request target.
pub(crate) fn request(random: &mut Random, set: &Set) -> (String, String) {
    (host(random, set), target(random, set))
}

fn host(random: &mut Random, set: &Set) -> String {
    const STRANGERS: &[&str] = &[
        "nowhere.test",
        "127.0.0.1",
        "[::1]",
        "[::1]:80",
        "_",
        "example",
        "a.b.c.d.e.example",
        "localhost",
        "a~b.example",
    ];
    // Wrong on both sides.
    const BROKEN: &[&str] = &["a..example", "a b", "a/b", "a.example..", "..", "a.example/"];
    let rules = set.ingresses.iter().flat_map(|ingress| &ingress.rules).map(|rule| rule.host.as_str());
    let aliases = set.ingresses.iter().flat_map(|ingress| &ingress.annotations.server_alias).map(String::as_str);
    let names: Vec<&str> = rules.chain(aliases).filter(|name| !name.is_empty()).collect();
    let mut host = match random.below(100) {
        0 => return random.pick(BROKEN).to_owned(),
        1..15 => random.pick(STRANGERS).to_owned(),
        _ if names.is_empty() => "some.test".to_owned(),
        _ => random.pick(&names).to_owned(),
    };
    if host.starts_with('*') {
        let label = random.pick(&["x", "y", "b-1", "under_score", "q.r", "x.y", "0", "a~b"]);
        host = format!("{label}{}", host.trim_start_matches('*'));
    } else if random.percent(6) && !host.starts_with('[') {
        host = format!("{}.{host}", random.pick(&["x", "www"]));
    }
    if random.percent(10) {
        host = host.chars().map(|c| if random.percent(50) { c.to_ascii_uppercase() } else { c }).collect();
    }
    if random.percent(5) && !host.ends_with(']') && !host.contains(':') {
        host.push('.');
    }
    if random.percent(10) && !host.contains(':') {
        host.push_str(random.pick(&[":80", ":8080", ":65535", ":"]));
    }
    host
}

fn target(random: &mut Random, set: &Set) -> String {
    let paths = set.ingresses.iter().flat_map(|ingress| &ingress.rules).flat_map(|rule| &rule.paths);
    let paths: Vec<&str> = paths.map(|path| path.path.as_str()).collect();
    let mut target = match random.below(10) {
        0 => "/".to_owned(),
        1 => random.pick(PLAIN).to_owned(),
        _ if paths.is_empty() => "/".to_owned(),
        _ => {
            let path = random.pick(&paths);
            let samples = EXPRESSIONS.iter().find(|(text, _)| *text == path).map(|(_, samples)| *samples);
            // The expression itself is a path like any other where the host has none.
            let literal = path.replace('\\', "%5C");
            let sample = samples.map(|samples| random.pick(samples)).filter(|_| random.percent(80));
            sample.map_or(literal, str::to_owned)
        }
    };
    for _ in 0..random.below(4) {
        target = changed(random, target);
    }
    match random.below(8) {
        0 => target.push_str(random.pick(&["?", "?a=1&b=/../%zz", "?q=%2e%2E//", "??", "?/", "?x=a/"])),
        1 if random.percent(10) => {
            target.push_str(random.pick(&["%", "%4", "%zz", "%00", "\x01", "\x7f", "/%1", "\t"]))
        }
        _ => {}
    }
    target
}

fn changed(random: &mut Random, target: String) -> String {
    const ENDS: &[&str] = &[
        "/", "/", "/", "/x", "bar", "/.", "/..", "/x/..", "/...", ";v=1", "\\x", "%5cx", "%3Fx", "%23x", "%0a", ".",
        "%20", "+",
    ];
    const MIDDLES: &[&str] = &[
        "//",
        "/./",
        "/x/../",
        "/%2e/",
        "/x/%2E%2e/",
        "/..%2f",
        "%2F",
        "%2f%2F",
        "/.%2e/",
        "/;/",
        "/..;/",
        "/../",
        "///",
    ];
    const LETTERS: &[&str] = &[
        "é", "%C3%A9", "%ff", "%25", "%252e", "%7E", "<", "\"", "|", "^", "`", "{", "}", "'", "%09", "%7f", "%01", "&",
        "=", "*",
    ];
    let slashes: Vec<usize> = target.match_indices('/').map(|(at, _)| at).collect();
    let ends: Vec<usize> = target.char_indices().map(|(at, _)| at).skip(1).chain([target.len()]).collect();
    match random.below(8) {
        0 | 1 => target + random.pick(ENDS),
        2 | 3 => {
            let at = random.pick(&slashes);
            let (before, after) = target.split_at(at);
            let start = if before.is_empty() { "/" } else { "" };
            let middle = random.pick(MIDDLES);
            let middle = middle.strip_prefix(start).filter(|_| !start.is_empty()).unwrap_or(middle);
            format!("{before}{start}{middle}{}", after.trim_start_matches('/'))
        }
        4 => {
            let (before, after) = target.split_at(random.pick(&ends));
            format!("{before}{}{after}", random.pick(LETTERS))
        }
        5 => target.chars().map(|c| if random.percent(50) { c.to_ascii_uppercase() } else { c }).collect(),
        // An escape for a character other than the first slash and what belongs to an escape already.
        _ => {
            let mut done = String::new();
            for (at, c) in target.char_indices() {
                let is_plain =
                    c.is_ascii() && c != '%' && !target.get(at.saturating_sub(2)..at).is_none_or(|b| b.contains('%'));
                if at > 0 && is_plain && random.percent(15) {
                    done.push_str(&format!("%{:02x}", u32::from(c)));
                } else {
                    done.push(c);
                }
            }
            done
        }
    }
}
