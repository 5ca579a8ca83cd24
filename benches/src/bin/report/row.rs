//! A line of the table of figures.

use std::fmt;

/// One figure.
pub(crate) struct Row {
    pub(crate) figure: &'static str,
    pub(crate) case: String,
    pub(crate) measured: f64,
    pub(crate) unit: &'static str,
    /// What it must not exceed, if anything.
    pub(crate) target: Option<f64>,
}

impl Row {
    /// Prints the line at once, for figures that take their time.
    pub(crate) fn print(&self) {
        println!("{self}");
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { figure, case, measured, unit, target } = self;
        write!(f, "| {figure} | {case} | {measured:.2}{unit} |")?;
        match target {
            None => f.write_str(" | |"),
            Some(target) => {
                let met = if measured <= target { "yes" } else { "**no**" };
                write!(f, " ≤ {target}{unit} | {met} |")
            }
        }
    }
}
