//! Compiling again gives what compiling from scratch gives, whatever was compiled before.

use std::collections::BTreeSet;
use std::sync::Arc;

use ingress_core::compiler::{Claims, Compiler};
use ingress_core::diagnostic::Diagnostic;
use ingress_core::host::HostPattern;
use ingress_core::lower::{Options, lower};
use ingress_core::model::{Ingress, Inputs, Object};
use ingress_core::policy::RouteTable;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;

use super::agreement::agree;
use super::cases;
use super::objects::{object, options};
use super::request::{Seed, seeds};

#[derive(Clone, Debug)]
enum Step {
    /// Adds an object or replaces the one with its identity.
    Insert(Box<Object>),
    /// Removes an object that was inserted before.
    Remove(Index),
    /// Puts an object back as it was at some time.
    Restore(Index),
    /// Asks what would come of an Ingress, which changes nothing.
    Try(Box<Object>),
    /// Goes on with a copy of the inputs, whose changes nobody has noted.
    Copy,
}

fn step() -> impl Strategy<Value = (Step, bool)> {
    let step = prop_oneof![
        8 => object().prop_map(|object| Step::Insert(Box::new(object))),
        4 => any::<Index>().prop_map(Step::Remove),
        2 => any::<Index>().prop_map(Step::Restore),
        4 => object().prop_map(|object| Step::Try(Box::new(object))),
        1 => Just(Step::Copy),
    ];
    (step, prop::bool::weighted(0.7))
}

/// The hosts that two tables have different routes for.
fn differing(before: &RouteTable, after: &RouteTable) -> BTreeSet<HostPattern> {
    let all = before.hosts.keys().chain(after.hosts.keys());
    all.filter(|pattern| before.hosts.get(*pattern) != after.hosts.get(*pattern)).cloned().collect()
}

fn compile(
    compiler: &mut Compiler,
    before: &mut RouteTable,
    inputs: &Inputs,
    options: &Options,
    seeds: &[Seed],
) -> Result<(), TestCaseError> {
    let compiled = compiler.compile(inputs);
    let (table, diagnostics) = lower(inputs, options);
    prop_assert_eq!(&compiled.snapshot.table(), &table);
    prop_assert_eq!(&compiled.diagnostics, &diagnostics);
    prop_assert_eq!(&compiled.changed, &differing(before, &table));
    prop_assert!(compiled.is_new || *before == table, "something changed, and nobody says so");
    let fresh = Compiler::new(options.clone()).compile(inputs);
    prop_assert_eq!(&fresh.snapshot.table(), &table);
    for seed in seeds {
        let request = seed.request(&table);
        agree(&table, &compiled.snapshot, &request)?;
        agree(&table, &fresh.snapshot, &request)?;
    }
    let again = compiler.compile(inputs);
    prop_assert!(!again.is_new && again.changed.is_empty());
    prop_assert!(Arc::ptr_eq(&again.snapshot, &compiled.snapshot));
    for name in table.certificates.keys() {
        let sni = name.to_string().replace('*', "w");
        prop_assert_eq!(compiled.snapshot.certificate(Some(&sni)), fresh.snapshot.certificate(Some(&sni)));
    }
    *before = table;
    Ok(())
}

/// A trial says what compiling with the object would give, and leaves no trace.
fn try_object(
    compiler: &mut Compiler,
    inputs: &mut Inputs,
    options: &Options,
    object: &Object,
) -> Result<(), TestCaseError> {
    let Object::Ingress(ingress) = object else { return Ok(()) };
    let before = compiler.compile(inputs);
    let trial = compiler.try_ingress(inputs, Ingress::clone(ingress));
    let mut changed = inputs.clone();
    let was_there = changed.insert(object.clone());
    let (table, diagnostics) = lower(&changed, options);
    let name = object.reference();
    let is_own = |finding: &&Diagnostic| finding.object.as_deref() == Some(&name);
    let earlier: BTreeSet<&Diagnostic> = before.diagnostics.iter().collect();
    prop_assert_eq!(&trial.snapshot.table(), &table);
    prop_assert_eq!(&trial.changed, &differing(&before.snapshot.table(), &table));
    prop_assert_eq!(trial.findings.iter().collect::<Vec<_>>(), diagnostics.iter().filter(is_own).collect::<Vec<_>>());
    let others = diagnostics.iter().filter(|finding| !is_own(finding) && !earlier.contains(finding));
    prop_assert_eq!(trial.others.iter().collect::<Vec<_>>(), others.collect::<Vec<_>>());
    let fresh = claims(options, &changed);
    prop_assert_eq!(trial.is_claimed, fresh.ingresses.contains(&name));
    let earlier = claims(options, inputs).references;
    prop_assert!(trial.unread.is_disjoint(&earlier));
    prop_assert!(fresh.references.difference(&earlier).eq(&trial.unread));
    prop_assert_eq!(trial.current.is_some(), was_there);
    let after = compiler.compile(inputs);
    prop_assert!(!after.is_new && after.changed.is_empty());
    prop_assert_eq!(&after.diagnostics, &before.diagnostics);
    prop_assert_eq!(&after.snapshot.table(), &before.snapshot.table());
    Ok(())
}

fn claims(options: &Options, inputs: &Inputs) -> Claims {
    let mut compiler = Compiler::new(options.clone());
    compiler.compile(inputs);
    compiler.take_claims().unwrap_or_default()
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn incremental_is_from_scratch(
        steps in prop::collection::vec(step(), 6..20),
        options in options(),
        seeds in seeds(),
    ) {
        let mut compiler = Compiler::new(options.clone());
        let mut inputs = Inputs::default();
        let mut before = RouteTable::default();
        let mut seen: Vec<Object> = Vec::new();
        for (step, compile_now) in steps {
            match step {
                Step::Insert(object) => {
                    seen.push((*object).clone());
                    inputs.insert(*object);
                }
                Step::Remove(index) if !seen.is_empty() => {
                    inputs.remove(&index.get(&seen).reference());
                }
                Step::Restore(index) if !seen.is_empty() => {
                    inputs.insert(index.get(&seen).clone());
                }
                Step::Copy => inputs = inputs.clone(),
                Step::Try(object) => {
                    if compile_now {
                        compile(&mut compiler, &mut before, &inputs, &options, &seeds)?;
                        try_object(&mut compiler, &mut inputs, &options, &object)?;
                    }
                }
                Step::Remove(_) | Step::Restore(_) => {}
            }
            if compile_now {
                compile(&mut compiler, &mut before, &inputs, &options, &seeds)?;
            }
        }
        compile(&mut compiler, &mut before, &inputs, &options, &seeds)?;
    }
}
