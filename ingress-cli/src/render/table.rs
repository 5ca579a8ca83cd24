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
    path_type: &'static str,
    target: String,
    endpoints: String,
    is_down: bool,
    owner: String,
}

/// Writes the table.
pub(super) fn render(report: &Report, width: Width, out: &mut String) {
    if report.routes.is_empty() && report.default_backend.is_none() {
        out.push_str("No routes.\n");
        return;
    }
    let mut groups: Vec<(String, Vec<Row>)> = Vec::new();
    for group in report.routes.chunk_by(|a, b| a.host == b.host) {
        let Some(first) = group.first() else { continue };
        groups.push((heading(first), group.iter().map(row).collect()));
    }
    if let Some(default) = &report.default_backend {
        let owner = default.ingress.clone().unwrap_or_else(|| default.field.clone());
        let row = Row {
            path: "(whatever no rule takes)".to_owned(),
            path_type: "",
            target: target(&default.target),
            endpoints: endpoints(&default.target),
            is_down: default.target.down.is_some(),
            owner,
        };
        groups.push(("default backend".to_owned(), vec![row]));
    }
    let rows = || groups.iter().flat_map(|(_, rows)| rows);
    let has_endpoints = rows().any(|row| !row.endpoints.is_empty());
    let column = |title: &str, cell: &dyn Fn(&Row) -> usize| rows().map(cell).max().unwrap_or(0).max(title.len());
    let chars = |text: &str| text.chars().count();
    let mut path_width = column("HOST / PATH", &|row| chars(&row.path) + 2);
    let type_width = column("TYPE", &|row| row.path_type.len());
    let mut target_width = column("BACKEND", &|row| chars(&row.target));
    let mut endpoints_width = if has_endpoints { column("ENDPOINTS", &|row| chars(&row.endpoints)) } else { 0 };
    let mut owner_width = column("INGRESS", &|row| chars(&row.owner));
    if let Width(Some(available)) = width {
        let gaps = GAP * if has_endpoints { 4 } else { 3 };
        let fixed = type_width + gaps;
        let mut columns = [&mut path_width, &mut target_width, &mut endpoints_width, &mut owner_width];
        shrink(&mut columns, available.saturating_sub(fixed));
    }
    let line = |cells: [(&str, usize, Style); 5], out: &mut String| {
        let mut text = String::new();
        for (i, (cell, width, style)) in cells.into_iter().enumerate() {
            if i == 3 && !has_endpoints {
                continue;
            }
            let cut = fit(cell, width);
            let padding = width.saturating_sub(chars(&cut)) + GAP;
            let _ = write!(text, "{style}{cut}{style:#}{:padding$}", "");
        }
        out.push_str(text.trim_end());
        out.push('\n');
    };
    let plain = Style::new();
    line(
        [
            ("HOST / PATH", path_width, HEADING),
            ("TYPE", type_width, HEADING),
            ("BACKEND", target_width, HEADING),
            ("ENDPOINTS", endpoints_width, HEADING),
            ("INGRESS", owner_width, HEADING),
        ],
        out,
    );
    for (heading, rows) in &groups {
        let _ = writeln!(out, "{HOST}{heading}{HOST:#}");
        for row in rows {
            line(
                [
                    (&format!("  {}", row.path), path_width, plain),
                    (row.path_type, type_width, DIM),
                    (&row.target, target_width, plain),
                    (&row.endpoints, endpoints_width, if row.is_down { DOWN } else { DIM }),
                    (&row.owner, owner_width, DIM),
                ],
                out,
            );
        }
    }
}

fn heading(route: &RouteReport) -> String {
    match &route.tls {
        Some(tls) => format!("{}  TLS {tls}", route.host),
        None => route.host.clone(),
    }
}

fn row(route: &RouteReport) -> Row {
    let owner = match (&route.ingress, &route.class) {
        (Some(ingress), Some(class)) => format!("{ingress} ({class})"),
        (Some(ingress), None) => ingress.clone(),
        (None, _) => String::new(),
    };
    Row {
        path: route.path.clone().unwrap_or_else(|| "(no paths)".to_owned()),
        path_type: route.path_type.unwrap_or_default(),
        target: target(&route.target),
        endpoints: endpoints(&route.target),
        is_down: route.target.down.is_some(),
        owner,
    }
}

fn target(target: &TargetReport) -> String {
    match (&target.backend, &target.redirect, &target.respond) {
        (Some(backend), _, _) => backend.to_string(),
        (_, Some(redirect), _) => format!("{} to {}", redirect.status, redirect.location),
        (_, _, Some(respond)) => format!("{} {}", respond.status, respond.reason),
        _ => String::new(),
    }
}

fn endpoints(target: &TargetReport) -> String {
    if let Some(down) = &target.down {
        return format!("503: {down}");
    }
    let Some(endpoints) = &target.endpoints else { return String::new() };
    let mut text = endpoints.iter().take(LISTED_ENDPOINTS).cloned().collect::<Vec<_>>().join(" ");
    if endpoints.len() > LISTED_ENDPOINTS {
        let _ = write!(text, " +{}", endpoints.len() - LISTED_ENDPOINTS);
    }
    text
}

/// Takes from the widest columns until they fit together.
fn shrink(columns: &mut [&mut usize], available: usize) {
    /// Below this a column says nothing.
    const LEAST: usize = 8;
    while columns.iter().map(|width| **width).sum::<usize>() > available {
        match columns.iter_mut().max_by_key(|width| ***width) {
            Some(widest) if **widest > LEAST => **widest -= 1,
            _ => break,
        }
    }
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

    #[test]
    fn the_widest_column_gives_first() {
        let (mut a, mut b) = (30, 10);
        shrink(&mut [&mut a, &mut b], 30);
        assert_eq!((a, b), (20, 10));
    }
}
