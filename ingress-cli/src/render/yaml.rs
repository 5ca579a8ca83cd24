//! JSON values as YAML: block style, strings quoted wherever they could be read as something else.

use serde_json::Value;

/// Writes a value as one YAML document.
///
/// ```
/// let value = serde_json::json!({"host": "a.example", "paths": ["/", "on"], "none": []});
/// assert_eq!(ingress_cli::render::yaml(&value), "host: a.example\npaths:\n- /\n- \"on\"\nnone: []\n");
/// ```
#[must_use]
pub fn yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => block(value, 0, &mut out),
        Value::Array(items) if !items.is_empty() => block(value, 0, &mut out),
        scalar => {
            out.push_str(&inline(scalar));
            out.push('\n');
        }
    }
    out
}

/// Writes a collection that is not empty, each line with this indentation.
fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                out.push_str(&" ".repeat(indent));
                entry(&scalar(key), value, indent, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                out.push_str(&" ".repeat(indent));
                out.push_str("- ");
                match item {
                    Value::Object(map) if !map.is_empty() => {
                        for (i, (key, value)) in map.iter().enumerate() {
                            if i > 0 {
                                out.push_str(&" ".repeat(indent + 2));
                            }
                            entry(&scalar(key), value, indent + 2, out);
                        }
                    }
                    // Lists of lists do not occur in a report but in requests as they were given.
                    other => {
                        out.push_str(&inline(other));
                        out.push('\n');
                    }
                }
            }
        }
        _ => {}
    }
}

fn entry(key: &str, value: &Value, indent: usize, out: &mut String) {
    out.push_str(key);
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push_str(":\n");
            block(value, indent + 2, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push_str(":\n");
            block(value, indent, out);
        }
        other => {
            out.push_str(": ");
            out.push_str(&inline(other));
            out.push('\n');
        }
    }
}

/// On one line: JSON, but for strings that need no quotes.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

fn scalar(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let begins_safely = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let is_word =
        ["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(&text.to_ascii_lowercase().as_str());
    if begins_safely && text.chars().all(safe) && !is_word {
        text.to_owned()
    } else {
        Value::String(text.to_owned()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Limits, parse};

    #[test]
    fn reads_back_as_it_was() {
        let value = serde_json::json!({
            "a": [{"b": 1, "c": [true, null, "x: y", "- z", "", "1", "0x1f", "~", "é\n\u{7}"]}, {"d": {}}, [1, ["on"]], "plain"],
            "no": {"e": {"f": ["/g"]}},
            "2026-01-01": 1.5,
        });
        let text = yaml(&value);
        let stream = parse(&text, &Limits::default());
        assert!(stream.problems.is_empty(), "{text}\n{:?}", stream.problems);
        assert_eq!(stream.documents.first().map(|document| document.to_json()), Some(value), "{text}");
    }
}
