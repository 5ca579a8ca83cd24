//! Laws: what must hold for every input, not for the ones that somebody thought of.
//!
//! Worlds are small on purpose: few hosts and few path segments, so that rules collide all the time. Nothing is written to
//! disk; a failure prints its seed and the shrunk input. `PROPTEST_CASES=25600` runs a hundred times as many cases.

#[cfg(test)]
#[path = "laws"]
mod laws {
    mod objects;
    mod request;
    mod table;
    mod text;

    mod agreement;
    mod annotations;
    mod decoding;
    mod hostile;
    mod incremental;
    mod isolation;
    mod oracle;
    mod order;

    use proptest::test_runner::Config;

    /// So many cases by default, scaled by `PROPTEST_CASES` over its own default of 256.
    fn cases(count: u32) -> Config {
        let default = Config::default();
        let cases = (u64::from(count) * u64::from(default.cases) / 256).max(1);
        Config {
            cases: u32::try_from(cases).unwrap_or(u32::MAX),
            failure_persistence: None,
            max_shrink_iters: 20_000,
            max_shrink_time: 20_000,
            ..default
        }
    }
}
