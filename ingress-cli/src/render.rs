//! The answer for people, and as YAML.

mod decisions;
mod findings;
mod table;
mod yaml;

pub use yaml::yaml;

use crate::input::Manifests;
use crate::report::Report;
use crate::simulate::Located;

/// How wide the output may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width(Option<usize>);

impl Width {
    /// Exactly so many columns.
    #[must_use]
    pub fn columns(columns: usize) -> Self {
        Self(Some(columns))
    }

    /// As wide as it needs to be: nothing is cut, for files and pipes.
    #[must_use]
    pub fn unlimited() -> Self {
        Self(None)
    }

    /// That of the terminal; `COLUMNS` overrides it. Unlimited when standard output is no terminal.
    #[must_use]
    pub fn of_stdout() -> Self {
        let from_environment = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let of_terminal = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Self(from_environment.or_else(of_terminal))
    }
}

/// The whole answer as text with colours; whoever prints it takes them out where they are not wanted.
///
/// Without requests that is the routing table, with requests one decision each; the findings stand below.
#[must_use]
pub fn text(report: &Report, findings: &[Located], manifests: &Manifests, width: Width) -> String {
    let mut out = String::new();
    if report.decisions.is_empty() {
        table::render(report, width, &mut out);
    } else {
        decisions::render(&report.decisions, &mut out);
    }
    findings::render(findings, manifests, width, &mut out);
    out
}
