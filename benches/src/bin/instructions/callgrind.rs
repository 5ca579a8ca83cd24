//! Instructions of a whole run of this program.

use std::process::Command;

use benches::matcher::Error;

/// Instructions of this program with these arguments; none without valgrind.
pub(crate) fn count(arguments: &[&str]) -> Result<Option<u64>, Error> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(std::env::current_exe()?).args(arguments);
    let output = match command.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        output => output?,
    };
    let text = String::from_utf8_lossy(&output.stderr);
    // ==123== Collected : 456
    let collected = text.lines().find_map(|line| line.split_once("Collected :")).map(|(_, count)| count.trim());
    match collected {
        Some(count) if output.status.success() => Ok(Some(count.parse()?)),
        _ => Err(format!("valgrind failed: {text}").into()),
    }
}
