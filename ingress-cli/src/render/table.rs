//! The routing table: a line for each host, and below it a line for each path.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::Width;
use crate::report::{Report, RouteReport, TargetReport};

const HEADING: Style = Style::new().bold();
const HOST: Style = AnsiColor::Cyan.on_default().bold();
const DIM: Style = Style::new().dimmed();
const DOWN: Style = AnsiColor::Red.on_default();
/// Space between columns.
const GAP: usize = 2;
/// Endpoints that are listed before they are counted.
const LISTED_ENDPOINTS: usize = 2;

/// One line of paths.
struct Row {
    path: String,
    path_type: String,
    target: String,
    endpoints: String,
    is_down: bool,
    owner: String,
}

/// How much a row says; a narrow terminal gets less rather than cut words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Detail {
    All,
    /// Endpoints are counted, not listed.
    Counts,
    /// And classes are left out.
    Least,
}

/// Writes the table.
pub(super) fn render(report: &Report, width: Width, out: &mut String) {
    if report.routes.is_empty() && report.default_backend.is_none() {
        out.push_str("No routes.\n");
        return;
    }
    let Width(available) = width;
    let fits = |table: &Table| available.is_none_or(|available| table.width() <= available);
    let tables = [Detail::All, Detail::Counts, Detail::Least].map(|detail| Table::new(report, detail));
    let [all, counts, mut least] = tables;
    let table = if fits(&all) {
        all
    } else if fits(&counts) {
        counts
    } else {
        least.shrink(available.unwrap_or(usize::MAX));
        least
    };
    table.write(out);
}

/// The rows under their headings, and the widths of the columns.
struct Table {
    groups: Vec<(String, Vec<Row>)>,
    path: usize,
    path_type: usize,
    target: usize,
    /// Zero when nothing is known of endpoints.
    endpoints: usize,
    owner: usize,
}

impl Table {
    fn new(report: &Report, detail: Detail) -> Self {
        let mut groups: Vec<(String, Vec<Row>)> = Vec::new();
        for group in report.routes.chunk_by(|a, b| a.host == b.host) {
            let Some(first) = group.first() else { continue };
            groups.push((heading(first), group.iter().map(|route| row(route, detail)).collect()));
        }
        if let Some(default) = &report.default_backend {
            let row = Row {
                path: "(otherwise)".to_owned(),
                path_type: String::new(),
                target: target(&default.target),
                endpoints: endpoints(&default.target, detail),
                is_down: default.target.down.is_some(),
                owner: default.ingress.clone().unwrap_or_else(|| default.field.clone()),
            };
            groups.push(("default backend".to_owned(), vec![row]));
        }
        let rows = || groups.iter().flat_map(|(_, rows)| rows);
        let column = |title: &str, cell: &dyn Fn(&Row) -> usize| rows().map(cell).max().unwrap_or(0).max(title.len());
        let has_endpoints = rows().any(|row| !row.endpoints.is_empty());
        Self {
            path: column("HOST / PATH", &|row| chars(&row.path) + 2),
            path_type: column("TYPE", &|row| row.path_type.len()),
            target: column("BACKEND", &|row| chars(&row.target)),
            endpoints: if has_endpoints { column("ENDPOINTS", &|row| chars(&row.endpoints)) } else { 0 },
            owner: column("INGRESS", &|row| chars(&row.owner)),
            groups,
        }
    }

    fn width(&self) -> usize {
        let gaps = GAP * if self.endpoints > 0 { 4 } else { 3 };
        self.path + self.path_type + self.target + self.endpoints + self.owner + gaps
    }

    /// Takes from the widest columns until they fit together, or say nothing any more.
    fn shrink(&mut self, available: usize) {
        const LEAST: usize = 8;
        while self.width() > available {
            let columns = [&mut self.path, &mut self.target, &mut self.endpoints, &mut self.owner];
            match columns.into_iter().max_by_key(|width| **width) {
                Some(widest) if *widest > LEAST => *widest -= 1,
                _ => break,
            }
        }
    }

    fn write(&self, out: &mut String) {
        let plain = Style::new();
        let titles = ["HOST / PATH", "TYPE", "BACKEND", "ENDPOINTS", "INGRESS"];
        self.line(titles.map(|title| (title, HEADING)), out);
        for (heading, rows) in &self.groups {
            let _ = writeln!(out, "{HOST}{heading}{HOST:#}");
            for row in rows {
                let cells = [
                    (&*format!("  {}", row.path), plain),
                    (&*row.path_type, DIM),
                    (&*row.target, plain),
                    (&*row.endpoints, if row.is_down { DOWN } else { DIM }),
                    (&*row.owner, DIM),
                ];
                self.line(cells, out);
            }
        }
    }

    fn line(&self, cells: [(&str, Style); 5], out: &mut String) {
        let widths = [self.path, self.path_type, self.target, self.endpoints, self.owner];
        let mut line = String::new();
        for ((cell, style), width) in cells.into_iter().zip(widths) {
            if width == 0 {
                continue;
            }
            let cut = fit(cell, width);
            let padding = width.saturating_sub(chars(&cut)) + GAP;
            let _ = write!(line, "{style}{cut}{style:#}{:padding$}", "");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

fn heading(route: &RouteReport) -> String {
    match &route.tls {
        Some(tls) => format!("{}  TLS {tls}", route.host),
        None => route.host.clone(),
    }
}

fn row(route: &RouteReport, detail: Detail) -> Row {
    let owner = match (&route.ingress, &route.class) {
        (Some(ingress), Some(class)) if detail < Detail::Least => format!("{ingress} ({class})"),
        (Some(ingress), _) => ingress.clone(),
        (None, _) => String::new(),
    };
    Row {
        path: route.path.clone().unwrap_or_else(|| "(no paths)".to_owned()),
        path_type: path_type(route),
        target: target(&route.target),
        endpoints: endpoints(&route.target, detail),
        is_down: route.target.down.is_some(),
        owner,
    }
}

fn path_type(route: &RouteReport) -> String {
    let kind = route.path_type.unwrap_or_default();
    route.target.scheme.map_or_else(|| kind.to_owned(), |scheme| format!("{kind} {scheme}"))
}

fn target(target: &TargetReport) -> String {
    match (&target.backend, &target.redirect, &target.respond) {
        (Some(backend), _, _) => backend.to_string(),
        (_, Some(redirect), _) => format!("{} to {}", redirect.status, redirect.location),
        (_, _, Some(respond)) => format!("{} {}", respond.status, respond.reason),
        _ => String::new(),
    }
}

fn endpoints(target: &TargetReport, detail: Detail) -> String {
    if let Some(down) = &target.down {
        return if detail == Detail::All { format!("503: {down}") } else { "503".to_owned() };
    }
    let Some(endpoints) = &target.endpoints else { return String::new() };
    if detail > Detail::All {
        return format!("{} up", endpoints.len());
    }
    let mut text = endpoints.iter().take(LISTED_ENDPOINTS).cloned().collect::<Vec<_>>().join(" ");
    if endpoints.len() > LISTED_ENDPOINTS {
        let _ = write!(text, " +{}", endpoints.len() - LISTED_ENDPOINTS);
    }
    text
}

/// Cuts text that is too long in its middle, where names differ least.
fn fit(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let head = kept / 2;
    let front: String = text.chars().take(head).collect();
    let back: String = text.chars().skip(length - (kept - head)).collect();
    format!("{front}…{back}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_cells_are_cut_in_the_middle() {
        assert_eq!(fit("abcdefgh", 8), "abcdefgh");
        assert_eq!(fit("abcdefghi", 5), "ab…hi");
        assert_eq!(fit("äöüßäöüß", 4), "ä…üß");
    }
}
