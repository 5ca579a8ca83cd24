//! The inputs of `testdata/http1`.

use crate::support::corpus::{self, Expect, Input};
use crate::support::gate::{self, Outcome};

/// What is wrong with what becomes of an input.
fn wrong(input: &Input) -> Option<String> {
    let outcomes = gate::run(&input.bytes);
    gate::check(&input.bytes, &outcomes, &input.name);
    let kinds: Vec<_> = outcomes.iter().map(kind).collect();
    if kinds != input.expect {
        return Some(format!("{}: {kinds:?}", input.name));
    }
    let first = match outcomes.first() {
        Some(Outcome::Forward(first)) => Some((&first.body, &first.target)),
        _ => None,
    };
    let is_body = input.body.is_none() || input.body.as_ref() == first.map(|(body, _)| body);
    let is_target = input.target.is_none() || input.target.as_ref() == first.map(|(_, target)| target);
    (!is_body || !is_target).then(|| format!("{}: body or target of {:?}", input.name, outcomes.first()))
}

fn kind(outcome: &Outcome) -> Expect {
    match outcome {
        Outcome::Forward(_) => Expect::Forward,
        Outcome::Local => Expect::Local,
        Outcome::Refused(status) => Expect::Refused(*status),
        Outcome::Broken => Expect::Broken,
        Outcome::Waits => Expect::Waits,
    }
}

fn run(inputs: &[Input]) {
    let wrong: Vec<_> = inputs.iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn hostile_inputs() {
    let inputs = corpus::read("hostile");
    assert!(inputs.len() >= 200, "{}", inputs.len());
    run(&inputs);
}

#[test]
fn controls() {
    let inputs = corpus::read("controls");
    assert!(inputs.len() >= 60, "{}", inputs.len());
    for input in &inputs {
        assert!(input.expect.iter().all(|expect| matches!(expect, Expect::Forward | Expect::Local)), "{}", input.name);
    }
    run(&inputs);
}
