//! System calls, from the summary of strace.

use benches::matcher::Error;

use super::{Count, Tally, Tool};
use crate::process::Launch;

pub(super) const TOOL: Tool = Tool {
    name: "strace",
    connections: 64,
    requests: (2_000, 10_000),
    command: |program, found| Launch::new(program).arg("-f").arg("-c").arg("-o").arg(found),
    is_parent: true,
    read,
};

/// Of a whole run: how often each was called.
fn read(text: &str) -> Result<Tally, Error> {
    let mut tally = Tally::new();
    // % time, seconds, usecs/call, calls, errors if there are any, name; `total` is in the last line.
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (Some(calls), Some(name)) = (words.get(3).and_then(|calls| calls.parse().ok()), words.last()) else {
            continue;
        };
        if *name != "total" {
            tally.insert((Count::Calls, (*name).to_owned()), calls);
        }
    }
    if tally.is_empty() { Err(format!("strace wrote no summary: {text}").into()) } else { Ok(tally) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary() {
        let text = "% time     seconds  usecs/call     calls    errors syscall\n\
                    ------ ----------- ----------- --------- --------- ----------------\n \
                    60.00    0.000600           3       200           sendto\n \
                    40.00    0.000400           2       201         1 recvfrom\n\
                    ------ ----------- ----------- --------- --------- ----------------\n\
                    100.00    0.001000           2       401         1 total\n";
        let expected =
            [("sendto", 200), ("recvfrom", 201)].map(|(name, calls)| ((Count::Calls, name.to_owned()), calls));
        assert_eq!(read(text).unwrap(), Tally::from(expected));
        assert!(read("").is_err());
    }
}
