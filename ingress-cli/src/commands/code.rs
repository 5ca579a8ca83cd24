//! `ingress-cli code`: what a diagnostic code means.

use std::io::Write;

use clap::Args;
use ingress_core::diagnostic::Code;

use super::Exit;

/// Explain a diagnostic code.
#[derive(Debug, Args)]
pub struct CodeArgs {
    /// The code or its name, such as ING0304 or path-not-absolute; all codes are listed without it
    code: Option<String>,
}

/// Prints a code's page, or the list of codes.
///
/// # Errors
///
/// When the output cannot be written.
pub fn run(args: &CodeArgs, out: &mut dyn Write) -> std::io::Result<Exit> {
    let Some(wanted) = &args.code else {
        for code in Code::ALL {
            writeln!(out, "{} {:<26} {}", code.id(), code.slug(), code.severity())?;
        }
        return Ok(Exit::Fine);
    };
    match Code::parse(wanted) {
        Some(code) => {
            write!(out, "{}", code.page())?;
            Ok(Exit::Fine)
        }
        None => {
            anstream::eprintln!("error: there is no code `{wanted}`; `ingress-cli code` lists them all");
            Ok(Exit::Usage)
        }
    }
}
