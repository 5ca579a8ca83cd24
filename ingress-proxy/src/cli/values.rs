//! How the values of flags are written: times, sizes, counts, ranges, names of objects, the access log.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use ingress_core::object::{Kind, ObjectRef};
use ingress_proxy::certs::{Suites, Versions};
use ingress_proxy::observe::access_log::{Format, UPSTREAM};
use ingress_proxy::observe::escape::Escape;

/// The longest time that a flag may ask for: more is a slip.
const MAX_TIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The largest size that a flag may ask for.
const MAX_SIZE: usize = 1 << 30;

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AccessLog {
    /// Nowhere.
    Off,
    /// To standard output.
    Stdout,
    /// To standard error.
    Stderr,
    /// To a file.
    File(PathBuf),
}

/// How a line of the access log is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogFormat {
    /// As the flag says it.
    text: String,
    /// What it means.
    pub(crate) format: Format,
}

impl AccessLog {
    /// As it is written on the command line.
    pub(crate) fn value(&self) -> String {
        match self {
            Self::Off => "off".to_owned(),
            Self::Stdout => "stdout".to_owned(),
            Self::Stderr => "stderr".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

impl fmt::Display for AccessLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Stdout => f.write_str("to standard output"),
            Self::Stderr => f.write_str("to standard error"),
            Self::File(path) => write!(f, "to {}", path.display()),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `10s`, `500ms`, `2m`, `1h`, several of them as in `1h30m0s`, or seconds.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time; write `10s`, `500ms`, `2m`, `1h` or seconds");
    let mut rest = text;
    let mut total: u64 = 0;
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, more) = rest.split_at_checked(digits).ok_or_else(wrong)?;
        let letters = more.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, more) = more.split_at_checked(letters).ok_or_else(wrong)?;
        let milliseconds = match unit {
            "ms" => 1,
            // Seconds without a unit stand alone.
            "" if rest == text && more.is_empty() => 1_000,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        total = total.saturating_add(number.saturating_mul(milliseconds));
        if more.is_empty() {
            break;
        }
        rest = more;
    }
    let time = Some(Duration::from_millis(total)).filter(|time| *time <= MAX_TIME);
    time.ok_or_else(|| format!("`{text}` is longer than a week"))
}

/// The prefix of ingress-nginx's annotations, which is the only one that is read.
pub(super) fn annotations_prefix(text: &str) -> Result<(), String> {
    const READ: &str = "nginx.ingress.kubernetes.io";
    if text == READ { Ok(()) } else { Err(format!("annotations are read under `{READ}` and no other prefix")) }
}

/// A time that is not zero.
pub(super) fn some_time(text: &str) -> Result<Duration, String> {
    let time = time(text)?;
    if time.is_zero() { Err(format!("`{text}` is no time at all; it must be longer than zero")) } else { Ok(time) }
}

/// `8k`, `1m`, or bytes.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let wrong = || format!("`{text}` is not a size; write `8k`, `1m` or bytes");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
    let number: usize = number.parse().map_err(|_| wrong())?;
    let factor = match unit {
        "" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        _ => return Err(wrong()),
    };
    let size = number.checked_mul(factor).filter(|size| (1..=MAX_SIZE).contains(size));
    size.ok_or_else(|| format!("`{text}` is not between 1 byte and 1024m"))
}

/// A number that is not zero.
pub(super) fn count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=100_000_000).contains(count));
    count.ok_or_else(|| format!("`{text}` is not a number from 1 to 100000000"))
}

/// A port to listen on. One that the system chooses would be known to nobody.
pub(super) fn port(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| format!("`{text}` is not a number from 1 to 65535"))
}

/// A number of threads.
pub(super) fn workers(text: &str) -> Result<usize, String> {
    let workers = text.parse().ok().filter(|workers| (1..=1024).contains(workers));
    workers.ok_or_else(|| format!("`{text}` is not a number from 1 to 1024"))
}

/// Versions of TLS.
pub(super) fn protocols(text: &str) -> Result<Versions, String> {
    Versions::read(text).ok_or_else(|| format!("`{text}` has neither `TLSv1.2` nor `TLSv1.3`"))
}

/// Cipher suites of TLS 1.2.
pub(super) fn ciphers(text: &str) -> Result<Suites, String> {
    Suites::read(text).map_err(|error| format!("`{text}`: {error}"))
}

/// A Secret, `namespace/name`.
pub(super) fn secret(text: &str) -> Result<ObjectRef, String> {
    let parts = text.split_once('/').filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty());
    let (namespace, name) = parts
        .filter(|(_, name)| !name.contains('/'))
        .ok_or_else(|| format!("`{text}` is not a Secret; write namespace/name"))?;
    Ok(ObjectRef::new(Kind::Secret, namespace, name))
}

/// A Service, `namespace/name`.
#[cfg(feature = "kubernetes")]
pub(super) fn service(text: &str) -> Result<ObjectRef, String> {
    let parts = text.split_once('/').filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty());
    let (namespace, name) = parts
        .filter(|(_, name)| !name.contains('/'))
        .ok_or_else(|| format!("`{text}` is not a Service; write namespace/name"))?;
    Ok(ObjectRef::new(Kind::Service, namespace, name))
}

/// A path of a URL.
pub(super) fn url_path(text: &str) -> Result<String, String> {
    let is_plain = |b: u8| b.is_ascii_graphic() && b != b'?' && b != b'#';
    if text.starts_with('/') && text.bytes().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is not a path; write `/healthz`"))
    }
}

/// Where the access log goes.
pub(super) fn access_log(text: &str) -> Result<AccessLog, String> {
    match text {
        "" => Err("where to? write `off`, `stdout`, `stderr` or a path".to_owned()),
        "off" => Ok(AccessLog::Off),
        "stdout" | "-" | "/dev/stdout" => Ok(AccessLog::Stdout),
        "stderr" | "/dev/stderr" => Ok(AccessLog::Stderr),
        path => Ok(AccessLog::File(path.into())),
    }
}

/// How a line of the access log is written.
pub(super) fn log_format(text: &str, escapes_json: bool) -> Result<LogFormat, String> {
    let escape = if escapes_json { Escape::Json } else { Escape::Default };
    let parse = |format: &str| Format::parse(format, escape).map_err(|error| error.to_string());
    let format = match text {
        "json" => Format::json(),
        "nginx" => parse(UPSTREAM)?,
        // Without a variable every line would be the same: a misspelt word, not a format.
        text if text.contains('$') => parse(text)?,
        text => {
            let wrong = "is neither `json`, `nginx` nor a format with variables such as `$remote_addr`";
            return Err(format!("`{text}` {wrong}"));
        }
    };
    Ok(LogFormat { text: text.to_owned(), format })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let table = [
            ("10s", Some(10_000)),
            ("500ms", Some(500)),
            ("2m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("75", Some(75_000)),
            ("1m30s", Some(90_000)),
            ("1h0m0s500ms", Some(3_600_500)),
            ("1m30", None),
            ("30m1", None),
            ("1mm", None),
            ("1ms s", None),
            ("0", Some(0)),
            ("168h", Some(604_800_000)),
            ("169h", None),
            ("99999999999999999999s", None),
            ("18446744073709551615m", None),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("10 s", None),
            ("10S", None),
            ("1d", None),
            ("é", None),
        ];
        for (text, milliseconds) in table {
            assert_eq!(time(text).ok(), milliseconds.map(Duration::from_millis), "{text}");
        }
        assert!(some_time("0s").is_err());
    }

    #[test]
    fn sizes() {
        let table = [
            ("8k", Some(8 << 10)),
            ("1M", Some(1 << 20)),
            ("512", Some(512)),
            ("1024m", Some(1 << 30)),
            ("1025m", None),
            ("0", None),
            ("1g", None),
            ("k", None),
            ("", None),
        ];
        for (text, bytes) in table {
            assert_eq!(size(text).ok(), bytes, "{text}");
        }
    }

    #[test]
    fn log_formats() {
        let format = |text: &str| log_format(text, false).map(|format| format.format);
        assert_eq!(format("json"), Ok(Format::json()));
        assert_eq!(format("nginx"), Ok(Format::parse(UPSTREAM, Escape::Default).unwrap()));
        assert_eq!(format("$status x"), Ok(Format::parse("$status x", Escape::Default).unwrap()));
        assert_eq!(format("$nosuch"), Err("unknown variable `$nosuch` at column 1".to_owned()));
        assert!(log_format("jsno", false).is_err());
        let escaped = log_format("$host", true).map(|format| format.format);
        assert_eq!(escaped, Ok(Format::parse("$host", Escape::Json).unwrap()));
    }
}
