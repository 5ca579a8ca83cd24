//! How much a test does: a little, unless `SIZE=full` is in the environment.

/// Whether tests are to do all that is asked of the proxy, however long it takes.
pub fn is_full() -> bool {
    std::env::var_os("SIZE").is_some_and(|size| size == "full")
}

/// The figure of a quick run, or that of a full one.
pub fn sized<T>(quick: T, full: T) -> T {
    if is_full() { full } else { quick }
}
