//! A question in a query string, put to the snapshot in force.

use std::sync::Arc;

use ingress_cli::question::Question;
use ingress_cli::simulate::Simulation;
use ingress_core::snapshot::Snapshot;
use serde_json::{Map, Value};

/// Answers `url=...&method=...&header=Name:%20value&remote_addr=...&sni=...&version=...&draw=...`; only `url` is needed,
/// `header` may be there several times. `underscores` says whether the proxy takes header names with one.
///
/// # Errors
///
/// What is wrong with the question, fit for a person.
pub(super) fn answer(snapshot: Arc<Snapshot>, query: &str, underscores: bool) -> Result<Value, String> {
    let question = Question::from_json_to(line(query)?, underscores)?;
    let report = Simulation::of(snapshot).answer(&question, true).map_err(|error| error.to_string())?;
    serde_json::to_value(report).map_err(|error| error.to_string())
}

/// The question as `simulate` reads it from a line of JSON.
fn line(query: &str) -> Result<Value, String> {
    let (mut line, mut headers) = (Map::new(), Map::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value).ok_or_else(|| format!("`{key}` is not UTF-8, percent-encoded"))?;
        match key {
            "header" => {
                let (name, value) = value.split_once(':').ok_or_else(|| format!("header `{value}` has no `:`"))?;
                let values = headers.entry(name).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(values) = values {
                    values.push(value.trim().into());
                }
            }
            "url" | "method" | "remote_addr" | "sni" | "version" => {
                if line.insert(key.to_owned(), value.into()).is_some() {
                    return Err(format!("`{key}` is there twice"));
                }
            }
            "draw" => {
                drop(line.insert(key.to_owned(), value.parse::<u64>().map_err(|error| error.to_string())?.into()))
            }
            other => return Err(format!("unknown parameter `{other}`")),
        }
    }
    if !headers.is_empty() {
        line.insert("headers".to_owned(), headers.into());
    }
    Ok(line.into())
}

/// A value of a query string; none if it is no UTF-8 or a `%` begins nothing.
fn decoded(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high << 4 | low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use ingress_cli::input::Manifests;
    use ingress_core::compiler::Compiler;
    use ingress_core::dialect::{Dialects, Nginx};
    use ingress_core::lower::Options;
    use serde_json::json;

    use super::*;
    use crate::observe::fixture::snapshot;

    #[test]
    fn questions() {
        let query =
            "url=https%3A%2F%2Fcafe.example%2Ftea%3Fa%3Db&method=POST&header=X-A:+1&header=X-A:2&remote_addr=10.0.0.1";
        let expected = json!({
            "url": "https://cafe.example/tea?a=b", "method": "POST", "remote_addr": "10.0.0.1", "headers": {"X-A": ["1", "2"]},
        });
        assert_eq!(line(query), Ok(expected));
        for bad in ["url=%", "url=%f", "url=%zz", "url=%ff", "url=a&url=b", "x=1", "header=a", "draw=x"] {
            assert!(line(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn answers() {
        let answer = |query| answer(snapshot(&["cafe.example"]), query, false);
        let report = answer("url=http://cafe.example/tea/green").unwrap();
        assert_eq!((&report["decision"], &report["backend"]["service"]), (&json!("forward"), &json!("tea")));
        assert_eq!(report["explanation"][0]["outcome"], "chosen");
        let report = answer("url=http://other.example/").unwrap();
        assert_eq!((&report["decision"], &report["reason"]), (&json!("respond"), &json!("no-host")));
        assert!(answer("").is_err() && answer("url=ftp://x/").is_err());
    }

    /// Whether names with an underscore count is the proxy's to say, not the question's.
    #[test]
    fn names_with_an_underscore_count_where_the_proxy_takes_them() {
        let ingress = |name: &str, annotations: Value| {
            let backend = json!({"service": {"name": name, "port": {"number": 80}}});
            let paths = json!([{"path": "/", "pathType": "Prefix", "backend": backend}]);
            json!({
                "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
                "metadata": {"name": name, "annotations": annotations},
                "spec": {"rules": [{"host": "cafe.example", "http": {"paths": paths}}]},
            })
        };
        let canary = json!({
            "nginx.ingress.kubernetes.io/canary": "true",
            "nginx.ingress.kubernetes.io/canary-by-header": "X_A",
        });
        let mut manifests = Manifests::default();
        manifests.read("-", format!("{}\n---\n{}", ingress("old", json!({})), ingress("new", canary)), "default");
        let mut options = Options::default();
        options.dialects = Dialects::only(Arc::new(Nginx::default()));
        let snapshot = Compiler::new(options).compile(&manifests.inputs).snapshot;
        for (underscores, service) in [(false, "old"), (true, "new")] {
            let query = "url=http://cafe.example/&header=X_A:%20always";
            let report = answer(Arc::clone(&snapshot), query, underscores).unwrap();
            assert_eq!(report["backend"]["service"], service);
        }
    }
}
