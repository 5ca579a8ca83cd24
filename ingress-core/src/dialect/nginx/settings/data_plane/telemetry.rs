//! Traces by OpenTelemetry.

use super::super::value::{Key, boolean, one_of, optional, port, set, text};

/// Keys about traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Telemetry {
    /// Whether requests are traced where no annotation says so (`enable-opentelemetry`).
    pub(crate) is_on: bool,
    /// Whether the client's trace is continued (`opentelemetry-trust-incoming-span`).
    pub(crate) trust_incoming_span: bool,
    /// The name of the span (`opentelemetry-operation-name`).
    pub(crate) operation_name: Option<Box<str>>,
    /// Who collects them (`otlp-collector-host`).
    pub(crate) collector_host: Option<Box<str>>,
    /// On which port (`otlp-collector-port`).
    pub(crate) collector_port: u16,
    /// Under which name (`otel-service-name`).
    pub(crate) service_name: Box<str>,
    /// Which requests are traced (`otel-sampler`).
    pub(crate) sampler: Sampler,
    /// How many of a million (`otel-sampler-ratio`, a fraction of one).
    pub(crate) sampler_per_million: u32,
    /// Whether what the client's trace says goes before (`otel-sampler-parent-based`).
    pub(crate) sampler_parent_based: bool,
}

/// Which requests are traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sampler {
    /// `AlwaysOn`.
    AlwaysOn,
    /// `AlwaysOff`.
    AlwaysOff,
    /// `TraceIdRatioBased`.
    TraceIdRatioBased,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            is_on: false,
            trust_incoming_span: true,
            operation_name: None,
            collector_host: None,
            collector_port: 4317,
            service_name: "nginx".into(),
            sampler: Sampler::AlwaysOn,
            sampler_per_million: 10_000,
            sampler_parent_based: true,
        }
    }
}

/// What each key does.
pub(super) const KEYS: &[Key<Telemetry>] = &[
    ("enable-opentelemetry", |to, value| set(&mut to.is_on, boolean(value))),
    ("opentelemetry-trust-incoming-span", |to, value| set(&mut to.trust_incoming_span, boolean(value))),
    ("opentelemetry-operation-name", |to, value| set(&mut to.operation_name, optional(value))),
    ("otlp-collector-host", |to, value| set(&mut to.collector_host, optional(value))),
    ("otlp-collector-port", |to, value| set(&mut to.collector_port, port(value))),
    ("otel-service-name", |to, value| set(&mut to.service_name, text(value))),
    ("otel-sampler", |to, value| set(&mut to.sampler, sampler(value))),
    ("otel-sampler-ratio", |to, value| set(&mut to.sampler_per_million, per_million(value))),
    ("otel-sampler-parent-based", |to, value| set(&mut to.sampler_parent_based, boolean(value))),
];

fn sampler(value: &str) -> Result<Sampler, Box<str>> {
    const SAMPLERS: [(&str, Sampler); 3] = [
        ("AlwaysOn", Sampler::AlwaysOn),
        ("AlwaysOff", Sampler::AlwaysOff),
        ("TraceIdRatioBased", Sampler::TraceIdRatioBased),
    ];
    one_of(value, &SAMPLERS)
}

/// A decimal fraction. Digits after the sixth are dropped.
fn per_million(value: &str) -> Result<u32, Box<str>> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let is_decimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if value.is_empty() || value == "." || !is_decimal(whole) || !is_decimal(fraction) {
        return Err("is not a fraction such as `0.01`".into());
    }
    let whole =
        whole.bytes().fold(0_u32, |number, digit| number.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    let fraction = digits.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    let millionths = whole.saturating_mul(1_000_000).saturating_add(fraction);
    if millionths > 1_000_000 { Err("is more than one".into()) } else { Ok(millionths) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_decimal() {
        for (text, value) in [
            ("0.01", Some(10_000)),
            ("1", Some(1_000_000)),
            ("1.0", Some(1_000_000)),
            (".5", Some(500_000)),
            ("0", Some(0)),
            ("0.0000019", Some(1)),
            ("1.1", None),
            ("99999999999", None),
            ("1e-2", None),
            ("-0.1", None),
            (".", None),
            ("", None),
        ] {
            assert_eq!(per_million(text).ok(), value, "{text}");
        }
    }
}
