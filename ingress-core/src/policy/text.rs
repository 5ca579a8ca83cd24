//! A table as text: one line per fact, in order, so that two tables can be compared line by line.

use std::fmt;

use super::{RouteTable, Target};

impl fmt::Display for RouteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (pattern, host) in &self.hosts {
            writeln!(f, "host {pattern}")?;
            for route in host.routes() {
                writeln!(f, "  {} -> {}  # {}", route.path, route.target, route.origin)?;
            }
            for shadowed in host.shadowed() {
                let (route, winner) = (&shadowed.route, &shadowed.winner);
                writeln!(f, "  # {} of {} lost to {winner}", route.path, route.origin)?;
            }
        }
        if let Some(default) = &self.default_backend {
            write!(f, "default -> {}", default.target)?;
            match &default.origin {
                Some(origin) => writeln!(f, "  # {origin}")?,
                None => writeln!(f, "  # controller option")?,
            }
        }
        for (name, entry) in &self.certificates {
            writeln!(f, "certificate {name} -> {}  # {}", entry.certificate, entry.origin)?;
        }
        for (reference, backend) in &self.backends {
            writeln!(f, "backend {reference} = {backend}: {}", backend.availability)?;
        }
        Ok(())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backend(backend) => write!(f, "{backend}"),
            Self::Redirect(redirect) => write!(f, "redirect {} {}", redirect.status, redirect.location),
            Self::Respond(response) => write!(f, "respond {} {}", response.status, response.reason),
            Self::Invalid(response) => write!(f, "refuse {} {}", response.status, response.reason),
        }
    }
}
