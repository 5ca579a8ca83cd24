//! The subcommands, one file each.

pub mod code;
pub mod simulate;

/// How a command ends. Documented in `docs/cli.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: nothing is wrong.
    Fine,
    /// 1: the input has errors.
    Errors,
    /// 2: the command line is wrong, or something cannot be read.
    Usage,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Fine => Self::SUCCESS,
            Exit::Errors => Self::from(1),
            Exit::Usage => Self::from(2),
        }
    }
}
