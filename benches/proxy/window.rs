//! One window of time in which a proxy is under load: what it answered, and how long it was on a core for that.

use std::time::{Duration, Instant};

use benches::matcher::Error;

use crate::load::Generator;
use crate::process::Process;
use crate::summary::Sample;
use crate::usage;

/// Less time on a core than this is too little to divide by.
const LEAST_CPU: f64 = 0.05;

/// Lets the load of the generator run for some time.
pub(crate) fn measure(process: &Process, generator: &mut Generator, time: Duration) -> Result<Sample, Error> {
    let family = process.family();
    let (answered, before, start) = (generator.answered(), usage::cpu(&family), Instant::now());
    generator.run_for(time)?;
    let (answered, after, time) = (generator.answered() - answered, usage::cpu(&family), start.elapsed());
    let on_core = after.on_core - before.on_core;
    if answered == 0 || on_core < LEAST_CPU {
        return Err(format!("{answered} requests in {on_core:.3} s on a core are too few").into());
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let requests = answered as f64;
    Ok(Sample {
        per_cpu_second: requests / on_core,
        per_second: requests / time.as_secs_f64(),
        user: (after.user - before.user) * 1e6 / requests,
        system: (after.system - before.system) * 1e6 / requests,
    })
}

/// What went wrong with the load's requests, if anything.
pub(crate) fn failure(generator: &Generator) -> Result<(), Error> {
    match generator.counts().first_failure.or_else(|| generator.complaint().map(str::to_owned)) {
        Some(failure) => Err(failure.into()),
        None => Ok(()),
    }
}
