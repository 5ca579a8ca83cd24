//! What it costs to ask what would come of an Ingress: that of the Ingress, not that of all there are.

use std::process::ExitCode;

use benches::matcher::Error;
use benches::objects::{Services, ingress};
use benches::workload::{RouteId, Workload};
use ingress_core::compiler::Compiler;
use ingress_core::lower::Options;
use ingress_core::model::{Ingress, Inputs, Object};

use crate::callgrind;

/// Ingresses, and how many of them have something wrong with them.
const SIZES: [(usize, usize); 3] = [(100, 0), (1_000, 0), (10_000, 2_000)];
/// Trials of the short run and of the long one.
const TRIALS: (usize, usize) = (10, 410);
/// What a trial may cost among the most Ingresses, in percent of what it costs among the second most.
const MOST_GROWTH: u64 = 150;

/// The work that is counted: build, then ask.
pub(crate) fn run(ingresses: usize, findings: usize, trials: usize) -> Result<ExitCode, Error> {
    let workload = Workload::new(ingresses + trials);
    let mut inputs = Inputs::default();
    for number in 0..ingresses {
        let is_wrong = number * findings / ingresses < (number + 1) * findings / ingresses;
        inputs.insert(Object::Ingress(one_path(&workload, number, "/", is_wrong).into()));
    }
    let mut compiler = Compiler::new(Options::default());
    let found = compiler.compile(&inputs).diagnostics.len();
    if found != findings {
        return Err(format!("{found} findings instead of {findings}").into());
    }
    for trial in 0..trials {
        // One that is new, and one that would be another, by turns.
        let number = if trial % 2 == 0 { ingresses + trial } else { trial * 7_919 % ingresses };
        let is_wrong = trial % 4 < 2;
        let tried = compiler.try_ingress(&mut inputs, one_path(&workload, number, "/tried", is_wrong));
        if tried.changed.len() != 1 || tried.findings.len() != usize::from(is_wrong) || !tried.others.is_empty() {
            return Err(format!("trial {trial} found {:?}, {:?}", tried.findings, tried.others).into());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// An Ingress for a host of its own; what may be wrong with it is that it has its path twice.
fn one_path(workload: &Workload, number: usize, path: &str, is_wrong: bool) -> Ingress {
    let host = workload.host(number);
    let id: Option<RouteId> = host.routes().next().map(|(_, id)| id);
    let times = if is_wrong { 2 } else { 1 };
    ingress(host, "", id.into_iter().map(|id| (path, id)).cycle().take(times), Services::PerHost)
}

/// Whether a trial costs hardly more among many Ingresses and findings than among few.
pub(crate) fn check() -> Result<bool, Error> {
    let mut costs = Vec::new();
    for (ingresses, findings) in SIZES {
        let Some(cost) = per_trial(ingresses, findings)? else {
            println!("trials: instructions not counted, for want of valgrind");
            return Ok(true);
        };
        println!("a trial among {ingresses} Ingresses, {findings} of them with a finding: {cost} instructions");
        costs.push(cost);
    }
    let [.., few, many] = costs.as_slice() else { return Ok(false) };
    println!("{} % of the cost among the most Ingresses, {MOST_GROWTH} % allowed", many * 100 / few.max(&1));
    Ok(many * 100 <= few * MOST_GROWTH)
}

/// Instructions per trial; none without valgrind.
fn per_trial(ingresses: usize, findings: usize) -> Result<Option<u64>, Error> {
    let cost = |trials: usize| {
        callgrind::count(&["--try", &ingresses.to_string(), &findings.to_string(), &trials.to_string()])
    };
    let (few, many) = TRIALS;
    let (Some(few_cost), Some(many_cost)) = (cost(few)?, cost(many)?) else { return Ok(None) };
    Ok(Some(many_cost.saturating_sub(few_cost).div_ceil(u64::try_from(many - few)?)))
}
