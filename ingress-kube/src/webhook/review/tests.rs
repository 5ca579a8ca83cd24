//! The limits of an answer. What is answered to what is in `testdata/reviews`.

use super::answer::{INVALID, Remarks};
use super::*;

#[test]
fn remarks_are_short_few_and_on_one_line() {
    let mut warnings = Remarks::warnings();
    warnings.add("a\nb\u{7f}".to_owned());
    warnings.add("a\nb\u{7f}".to_owned());
    warnings.add("é".repeat(300));
    for n in 0..100 {
        warnings.add(format!("{n} {}", "x".repeat(100)));
    }
    let lines = warnings.into_lines();
    assert_eq!(lines[0], "a b ");
    assert_eq!(lines[1].chars().count(), 256);
    assert!(lines[1].ends_with('…'));
    assert!(lines.iter().map(|line| line.chars().count()).sum::<usize>() <= 4_096);
    let left_out = 100 - (lines.len() - 3);
    assert_eq!(lines.last(), Some(&format!("and {left_out} more")));
}

#[test]
fn a_refusal_is_bounded_too() {
    let mut denials = Remarks::denials();
    assert!(denials.is_empty());
    for n in 0..1_000 {
        denials.add(format!("{n} {}", "x".repeat(2_000)));
    }
    let (code, reason, message) = denials.into_verdict(INVALID).denied.unwrap();
    assert_eq!((code, reason), (400, "BadRequest"));
    assert!(message.len() < 10_000, "{}", message.len());
}

#[test]
fn a_panic_is_a_refusal() {
    let verdict = guarded(|| unreachable!("a bug"));
    assert!(verdict.denied.is_some());
    assert_eq!(guarded(Verdict::allowed), Verdict::allowed());
}
