//! Values of each grammar, good and bad.

use super::*;

#[test]
fn bools_are_those_of_go() {
    for (text, value) in [
        ("1", Some(true)),
        ("T", Some(true)),
        ("True", Some(true)),
        ("f", Some(false)),
        ("FALSE", Some(false)),
        ("tRUE", None),
        ("yes", None),
        ("on", None),
        (" true", None),
        ("", None),
    ] {
        assert_eq!(boolean(text).ok(), value, "{text}");
    }
}

#[test]
fn numbers_are_decimal() {
    for (text, value) in [
        ("0", Some(0)),
        ("60", Some(60)),
        ("+60", Some(60)),
        ("4294967295", Some(u32::MAX)),
        ("4294967296", None),
        ("060", None),
        ("0x10", None),
        ("-1", None),
        ("60s", None),
        ("6 0", None),
        ("++1", None),
        ("+", None),
        ("", None),
    ] {
        assert_eq!(number(text).ok(), value, "{text}");
    }
    assert_eq!(number_in("9", 1..=9), Ok(9));
    assert_eq!(number_in("10", 1..=9), Err("is not within 1 and 9".into()));
    assert_eq!(status("429", 400..=599), Ok(429));
    assert!(status("200", 400..=599).is_err());
    assert_eq!(port("65535"), Ok(65535));
    assert!(port("0").is_err());
    assert!(port("65536").is_err());
}

#[test]
fn sizes_have_one_letter() {
    for (text, value) in [
        ("0", Some(0)),
        ("512", Some(512)),
        ("1b", Some(1)),
        ("4k", Some(4096)),
        ("4K", Some(4096)),
        ("1m", Some(1 << 20)),
        ("2G", Some(2 << 30)),
        ("10MB", None),
        ("1Gi", None),
        ("1.5m", None),
        ("m", None),
        ("-1", None),
        ("1 m", None),
        ("99999999999999999999", None),
        ("99999999999999999g", None),
        ("", None),
    ] {
        assert_eq!(size(text).ok(), value, "{text}");
    }
}

#[test]
fn times_are_those_of_nginx() {
    for (text, value) in [
        ("60", Some(60_000)),
        ("600s", Some(600_000)),
        ("1h", Some(3_600_000)),
        ("1h 30m", Some(5_400_000)),
        ("1h30m", Some(5_400_000)),
        ("1m 30", Some(90_000)),
        ("500ms", Some(500)),
        ("1M", Some(2_592_000_000)),
        ("30m 1h", None),
        ("1s 1s", None),
        ("30 1h", None),
        ("1.5s", None),
        ("s", None),
        ("1q", None),
        ("-1s", None),
        ("99999999999999999y", None),
        ("", None),
    ] {
        assert_eq!(time(text).ok(), value, "{text}");
    }
}

#[test]
fn networks_have_a_fitting_prefix() {
    let v4 = |length| Some((IpAddr::from([10, 0, 0, 0]), length));
    for (text, value) in [
        ("10.0.0.0", v4(32)),
        ("10.0.0.0/8", v4(8)),
        ("10.0.0.0/0", v4(0)),
        ("10.0.0.0/33", None),
        ("10.0.0.0/", None),
        ("10.0.0.0/+8", None),
        ("10.0.0/8", None),
        ("010.0.0.0", None),
        ("::/0", Some((IpAddr::from([0; 16]), 0))),
        ("::1", Some((IpAddr::from(1_u128.to_be_bytes()), 128))),
        ("::1/129", None),
        ("example.com", None),
        ("", None),
    ] {
        assert_eq!(network(text), value, "{text}");
    }
}

#[test]
fn lists_keep_what_can_be_read() {
    let mut place: Box<[u32]> = Box::new([7]);
    assert_eq!(set_each(&mut place, " 1, 2,,3 ,", "a number", |entry| number(entry).ok()), Ok(()));
    assert_eq!(*place, [1, 2, 3]);
    let outcome = set_each(&mut place, "1,x,2,y", "a number", |entry| number(entry).ok());
    assert_eq!(outcome, Err("has the entry `x`, which is not a number and is left out".into()));
    assert_eq!(*place, [1, 2]);
    assert!(set_each(&mut place, &"ä".repeat(99), "a number", |_| None).is_err());
    assert!(place.is_empty());
    assert_eq!(texts(" a , b,"), Ok(Box::from(["a".into(), "b".into()])));
    assert_eq!(words(" a  b "), Ok(Box::from(["a".into(), "b".into()])));
}

#[test]
fn a_bad_value_leaves_the_default() {
    let mut place = 60;
    assert_eq!(set(&mut place, number("5s")), Err("is not a whole number; the default is used".into()));
    assert_eq!(place, 60);
    assert_eq!(set(&mut place, number("5")), Ok(()));
    assert_eq!(place, 5);
}

#[test]
fn words_are_named_in_the_complaint() {
    assert_eq!(on_off("on"), Ok(true));
    assert_eq!(on_off("On"), Err("is not one of `on`, `off`".into()));
    assert_eq!(header("X-Real_IP"), Ok("X-Real_IP".into()));
    assert!(header("X Real").is_err());
    assert!(header("").is_err());
    assert_eq!(optional("  "), Ok(None));
}
