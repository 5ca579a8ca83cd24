//! HTTP/2 clients: `h2load`, because a generator that speaks HTTP/2 would be a program of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use benches::matcher::Error;

use crate::cores::{Cores, Place};
use crate::load::Generator;
use crate::process::{Launch, Process};
use crate::site::Site;

/// Connections, and streams of each.
const CONNECTIONS: [&str; 2] = ["16", "8"];
/// How much longer than the measurement it runs.
const MARGIN: Duration = Duration::from_millis(300);

/// A running h2load.
#[derive(Debug)]
pub(crate) struct H2load {
    process: Process,
}

impl H2load {
    /// Lets it loose for some time.
    pub(crate) fn start(program: &Path, site: &Site, time: Duration, cores: Cores) -> Result<Self, Error> {
        let [connections, streams] = CONNECTIONS;
        let launch = Launch::new(program)
            .arg("-c")
            .arg(connections)
            .arg("-m")
            .arg(streams)
            .arg("-D")
            .arg(format!("{}ms", (time + MARGIN).as_millis()))
            // Servers choose by the name; the address alone would get the wrong one, or none.
            .arg("--connect-to")
            .arg(site.https.to_string())
            .arg("https://h0.example.com/p0/item/1?q=1");
        let process = Process::start(&launch, cores, Place::Generator, &site.file("h2load"))?;
        Ok(Self { process })
    }

    /// Waits for its end, and fails unless all responses were good.
    pub(crate) fn finish(mut self, generator: &mut Generator) -> Result<(), Error> {
        let end = Instant::now() + Duration::from_secs(10);
        while !self.process.has_ended() {
            if Instant::now() > end {
                return Err("h2load does not end".into());
            }
            generator.run_for(Duration::from_millis(20))?;
        }
        judge(&self.process.output()).map_err(Into::into)
    }
}

/// Looks at what h2load prints in the end.
fn judge(output: &str) -> Result<(), String> {
    let line = |start| output.lines().find(|line| line.starts_with(start)).ok_or_else(|| format!("h2load: {output}"));
    let (requests, statuses) = (line("requests: ")?, line("status codes: ")?);
    let good = [", 0 failed, 0 errored, 0 timeout"].iter().all(|part| requests.contains(part))
        && statuses.contains(" 2xx, 0 3xx, 0 4xx, 0 5xx")
        && !statuses.contains(": 0 2xx");
    if good { Ok(()) } else { Err(format!("h2load: {requests}; {statuses}")) }
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn outputs() {
        let output = |failed, ok, bad| {
            format!(
                "finished in 1s\nrequests: 9 total, 9 started, 9 done, 9 succeeded, {failed} failed, 0 errored, 0 timeout\n\
                 status codes: {ok} 2xx, 0 3xx, {bad} 4xx, 0 5xx\n"
            )
        };
        assert_eq!(judge(&output(0, 9, 0)), Ok(()));
        assert!(judge(&output(1, 9, 0)).is_err());
        assert!(judge(&output(0, 0, 9)).is_err());
        assert!(judge(&output(0, 0, 0)).is_err());
        assert!(judge("cannot connect").is_err());
    }
}
