//! What type an unquoted YAML scalar has: the YAML 1.1 rules of the YAML library inside `kubectl`.
//!
//! Follows goyaml.v2 (`go.yaml.in/yaml/v2`), which `sigs.k8s.io/yaml` reads manifests with, and not YAML 1.2:
//! `on` is true and `0777` is 511. Dates stay text, as they do on their way through JSON, and base 60 is not read
//! at all. Infinities and not-a-number stay text because JSON cannot say them.

use super::tree::Value;
use serde_json::Number;
use std::borrow::Cow;

/// A type that a tag such as `!!str` demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    Str,
    Int,
    Float,
    Bool,
    Null,
}

/// The value of a scalar, or what is wrong with it if its tag demands another type.
pub(super) fn resolve(text: Cow<'_, str>, plain: bool, demand: Option<Demand>) -> Result<Value, String> {
    let resolved = match demand {
        Some(Demand::Str) => None,
        None if !plain => None,
        // an explicit tag also reads what is quoted: `!!int "5"`
        _ => resolve_plain(&text),
    };
    let value = resolved.unwrap_or_else(|| Value::String(text.into_owned().into_boxed_str()));
    let wanted = match (demand, &value) {
        (Some(Demand::Int), Value::Number(number)) if !number.is_f64() => return Ok(value),
        (Some(Demand::Float), Value::Number(number)) => {
            let float = number.as_f64().and_then(Number::from_f64);
            return Ok(float.map_or(value, Value::Number));
        }
        (None | Some(Demand::Str), _) | (Some(Demand::Bool), Value::Bool(_)) | (Some(Demand::Null), Value::Null) => {
            return Ok(value);
        }
        (Some(Demand::Int), _) => "an integer",
        (Some(Demand::Float), _) => "a number",
        (Some(Demand::Bool), _) => "a boolean",
        (Some(Demand::Null), _) => "null",
    };
    Err(format!("the tag demands {wanted}, but this is {}", value.kind()))
}

/// How JSON spells a value that is used as a key, or `None` if `kubectl` accepts no such key.
pub(super) fn key(value: Value) -> Option<Box<str>> {
    match value {
        Value::String(text) => Some(text),
        Value::Bool(true) => Some("true".into()),
        Value::Bool(false) => Some("false".into()),
        Value::Number(number) if number.is_f64() => number.as_f64().map(|float| float_key(float).into()),
        Value::Number(number) => number.as_i64().map(|integer| integer.to_string().into()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
    }
}

/// The value of a plain scalar, `None` if it is text.
fn resolve_plain(text: &str) -> Option<Value> {
    match text.bytes().next() {
        None => Some(Value::Null),
        Some(b'~' | b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O') => word(text),
        Some(b'.') => grouped_float(text),
        Some(b'+' | b'-' | b'0'..=b'9') => {
            // goyaml.v2 drops every underscore, wherever it stands: `1__0` is 10
            let digits = if text.contains('_') { Cow::Owned(text.replace('_', "")) } else { Cow::Borrowed(text) };
            integer(&digits).map(Value::Number).or_else(|| float(&digits))
        }
        Some(_) => None,
    }
}

fn word(text: &str) -> Option<Value> {
    match text {
        "~" | "null" | "Null" | "NULL" => Some(Value::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => Some(Value::Bool(true)),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
            Some(Value::Bool(false))
        }
        _ => None,
    }
}

/// Go's `strconv.ParseInt(text, 0, 64)`, then `ParseUint`.
fn integer(text: &str) -> Option<Number> {
    let (sign, magnitude) = match text.bytes().next()? {
        b'-' => (Some('-'), text.get(1..)?),
        b'+' => (Some('+'), text.get(1..)?),
        _ => (None, text),
    };
    let (radix, digits) = match magnitude.as_bytes() {
        [b'0'] => (10, magnitude),
        [b'0', b'x' | b'X', ..] => (16, magnitude.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, magnitude.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, magnitude.get(2..)?),
        [b'0', ..] => (8, magnitude.get(1..)?),
        _ => (10, magnitude),
    };
    // `from_str_radix` would take a second sign
    if !digits.starts_with(|first: char| first.is_digit(radix)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    match sign {
        Some('-') => 0_i64.checked_sub_unsigned(magnitude).map(Number::from),
        Some(_) => i64::try_from(magnitude).ok().map(Number::from),
        None => Some(Number::from(magnitude)),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, if it is finite.
fn float(text: &str) -> Option<Value> {
    // Rust's own grammar is that expression plus the words `inf`, `infinity` and `nan`
    let numeric = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    let value = text.parse::<f64>().ok().filter(|_| numeric)?;
    Number::from_f64(value).map(Value::Number)
}

/// A float that starts with a dot, where goyaml.v2 takes underscores only between two digits.
fn grouped_float(text: &str) -> Option<Value> {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let bytes = text.as_bytes();
    let grouped = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_').all(|(at, _)| {
        is_digit(at.checked_sub(1).and_then(|before| bytes.get(before))) && is_digit(bytes.get(at.saturating_add(1)))
    });
    if grouped { float(&text.replace('_', "")) } else { None }
}

/// Go's `strconv.FormatFloat(float, 'g', -1, 32)`, with goyaml's spelling of the infinities.
fn float_key(float: f64) -> String {
    let float = float as f32;
    if float.is_infinite() {
        return if float > 0.0 { ".inf".to_owned() } else { "-.inf".to_owned() };
    }
    let scientific = format!("{float:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => float.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plain scalars and the JSON that `sigs.k8s.io/yaml` 1.6.0 makes of them (its output, not our reading of it).
    #[rustfmt::skip]
    const PLAIN: &[(&str, &str)] = &[
        ("", "null"), ("~", "null"), ("null", "null"), ("Null", "null"), ("NULL", "null"), ("nUll", r#""nUll""#),
        ("y", "true"), ("Y", "true"), ("yes", "true"), ("Yes", "true"), ("YES", "true"), ("yEs", r#""yEs""#),
        ("on", "true"), ("On", "true"), ("ON", "true"), ("true", "true"), ("True", "true"), ("TRUE", "true"),
        ("n", "false"), ("N", "false"), ("no", "false"), ("No", "false"), ("NO", "false"), ("tRUE", r#""tRUE""#),
        ("off", "false"), ("Off", "false"), ("OFF", "false"), ("false", "false"), ("False", "false"), ("FALSE", "false"),
        ("0", "0"), ("00", "0"), ("07", "7"), ("0777", "511"), ("-0777", "-511"), ("+0777", "511"),
        ("08", "8.0"), ("09.5", "9.5"), ("0o17", "15"), ("0O17", "15"), ("0o8", r#""0o8""#), ("0o_7", "7"),
        ("0b101", "5"), ("-0b101", "-5"), ("+0b11", "3"), ("0b12", r#""0b12""#), ("0b", r#""0b""#), ("0B11", "3"),
        ("0x1F", "31"), ("-0x1f", "-31"), ("+0xff", "255"), ("0X1f", "31"), ("0x", r#""0x""#), ("0xg", r#""0xg""#),
        ("0x+1", r#""0x+1""#), ("--1", r#""--1""#), ("0_x1F", "31"), ("0x_f", "15"), ("0_7", "7"),
        ("1_000", "1000"), ("1__0", "10"), ("_1", r#""_1""#), ("1_", "1"), ("+1", "1"), ("-1", "-1"), ("-0", "0"),
        ("-0.0", "-0.0"), ("+", r#""+""#), ("+-", r#""+-""#), (".", r#"".""#), ("..", r#""..""#), ("...", r#""...""#),
        (".5", "0.5"), ("-.5", "-0.5"), ("+.5", "0.5"), (".5_0", "0.5"), ("._5", r#""._5""#), (".5_", r#"".5_""#),
        ("5.", "5.0"), ("5.e3", "5000.0"), ("1e3", "1000.0"), ("1E-3", "0.001"), ("1e", r#""1e""#),
        ("1.5e+3", "1500.0"), ("1e999", r#""1e999""#), ("-1e999", r#""-1e999""#), (".5e999", r#"".5e999""#),
        ("nan", r#""nan""#), ("inf", r#""inf""#), ("NaN", r#""NaN""#), ("Inf", r#""Inf""#), ("-inf", r#""-inf""#),
        ("9223372036854775807", "9223372036854775807"), ("9223372036854775808", "9223372036854775808"),
        ("18446744073709551615", "18446744073709551615"), ("18446744073709551616", "18446744073709552000.0"),
        ("-9223372036854775808", "-9223372036854775808"), ("-9223372036854775809", "-9223372036854776000.0"),
        ("123456789012345678901234567890", "1.2345678901234568e+29"), ("0xffffffffffffffff", "18446744073709551615"),
        ("0xfffffffffffffffff", r#""0xfffffffffffffffff""#), ("07777777777777777777777777", "7.777777777777778e+24"),
        ("2001-01-01", r#""2001-01-01""#), ("2001-12-14t21:59:43.10-05:00", r#""2001-12-14t21:59:43.10-05:00""#),
        ("1:30", r#""1:30""#), ("190:20:30", r#""190:20:30""#), ("0x1p-2", r#""0x1p-2""#), ("1.2.3", r#""1.2.3""#),
        ("10.0.0.1", r#""10.0.0.1""#), ("=", r#""=""#), ("<<", r#""<<""#), ("80.0", "80.0"), ("1e21", "1e+21"),
        ("100Mi", r#""100Mi""#), ("1,000", r#""1,000""#), ("0.000001", "0.000001"), ("é", r#""é""#),
        // no JSON form: kubectl refuses these, we keep the text
        (".inf", r#"".inf""#), (".Inf", r#"".Inf""#), ("-.INF", r#""-.INF""#), ("+.inf", r#""+.inf""#),
        (".nan", r#"".nan""#), (".NaN", r#"".NaN""#),
    ];

    fn json(value: &Value) -> serde_json::Value {
        match value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(number) => serde_json::Value::Number(number.clone()),
            Value::String(text) => text.to_string().into(),
            Value::Sequence(_) | Value::Mapping(_) => panic!("not a scalar"),
        }
    }

    #[test]
    fn plain_scalars_resolve_as_in_kubectl() {
        for (text, expected) in PLAIN {
            let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
            let value = resolve((*text).into(), true, None).unwrap();
            assert_eq!(json(&value), expected, "{text}");
            assert_eq!(json(&resolve((*text).into(), false, None).unwrap()), **text, "quoted {text}");
            assert_eq!(json(&resolve((*text).into(), true, Some(Demand::Str)).unwrap()), **text, "!!str {text}");
        }
    }

    #[test]
    fn tags_demand_types() {
        let cases = [
            (Demand::Int, "5", Some("5")),
            (Demand::Int, "0x10", Some("16")),
            (Demand::Int, "5.0", None),
            (Demand::Int, "foo", None),
            (Demand::Int, "yes", None),
            (Demand::Int, "", None),
            (Demand::Float, "5", Some("5.0")),
            (Demand::Float, "1.5", Some("1.5")),
            (Demand::Float, "x", None),
            (Demand::Bool, "yes", Some("true")),
            (Demand::Bool, "maybe", None),
            (Demand::Bool, "1", None),
            (Demand::Null, "", Some("null")),
            (Demand::Null, "x", None),
        ];
        for (demand, text, expected) in cases {
            for plain in [true, false] {
                let value = resolve(text.into(), plain, Some(demand)).ok();
                let expected = expected.map(|json| serde_json::from_str::<serde_json::Value>(json).unwrap());
                assert_eq!(value.as_ref().map(json), expected, "{demand:?} {text}");
            }
        }
    }

    /// Plain keys and the string that `sigs.k8s.io/yaml` 1.6.0 makes of them.
    #[rustfmt::skip]
    const KEYS: &[(&str, Option<&str>)] = &[
        ("80", Some("80")), ("0x10", Some("16")), ("08", Some("8")), ("1_0", Some("10")), ("-0", Some("0")),
        ("1.5", Some("1.5")), ("1e6", Some("1e+06")), ("1e5", Some("100000")), ("1e-5", Some("1e-05")),
        ("1e-4", Some("0.0001")), ("123456.75", Some("123456.75")), ("1e50", Some(".inf")), (".5", Some("0.5")),
        ("-1e50", Some("-.inf")), ("100000.0", Some("100000")), ("16777217.0", Some("1.6777216e+07")),
        ("-0.0", Some("-0")), ("0.1", Some("0.1")), ("1e21", Some("1e+21")), ("3.4e38", Some("3.4e+38")),
        ("1e-46", Some("0")), ("123456789.0", Some("1.2345679e+08")), ("1e999", Some("1e999")), (".inf", Some(".inf")),
        ("true", Some("true")), ("y", Some("true")), ("OFF", Some("false")), ("2001-01-01", Some("2001-01-01")),
        ("host", Some("host")), ("null", None), ("~", None), ("", None), ("18446744073709551615", None),
    ];

    #[test]
    fn keys_become_strings_as_in_kubectl() {
        for (text, expected) in KEYS {
            let value = resolve((*text).into(), true, None).unwrap();
            assert_eq!(key(value).as_deref(), *expected, "{text}");
        }
    }
}
