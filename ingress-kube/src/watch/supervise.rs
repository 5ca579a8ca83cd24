//! A mistake of ours in one watch must not end it for ever, nor unnoticed.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinSet;

/// Runs what `begin` makes until it ends in order. If it panics `tell` is asked whether to go on, and it begins again after a
/// pause. Dropping the future ends it.
pub(crate) async fn supervise<F, T>(pause: Duration, mut begin: impl FnMut() -> F, mut tell: impl FnMut() -> T)
where
    F: Future<Output = ()> + Send + 'static,
    T: Future<Output = bool>,
{
    let mut attempt = JoinSet::new();
    loop {
        attempt.spawn(begin());
        let has_panicked = attempt.join_next().await.is_some_and(|end| end.is_err_and(|error| error.is_panic()));
        if !has_panicked || !tell().await {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_panics_begins_again_and_is_told() {
        let begun = Arc::new(AtomicU32::new(0));
        let mut told = 0;
        let count = Arc::clone(&begun);
        let begin = move || {
            let attempt = count.fetch_add(1, Ordering::Relaxed);
            async move { assert!(attempt == 2, "as it is meant to, in attempt {attempt}") }
        };
        supervise(Duration::ZERO, begin, || {
            told += 1;
            std::future::ready(true)
        })
        .await;
        assert_eq!((begun.load(Ordering::Relaxed), told), (3, 2));
    }

    #[tokio::test]
    async fn it_ends_when_nobody_wants_to_know_or_it_is_dropped() {
        supervise(Duration::from_secs(3_600), || async { panic!("as it is meant to") }, || std::future::ready(false))
            .await;
        let (alive, dead) = tokio::sync::oneshot::channel::<()>();
        let mut alive = Some(alive);
        let begin = move || {
            let alive = alive.take();
            async move {
                let _alive = alive;
                std::future::pending().await
            }
        };
        let supervised = tokio::spawn(supervise(Duration::ZERO, begin, || std::future::ready(true)));
        tokio::task::yield_now().await;
        supervised.abort();
        assert!(dead.await.is_err());
    }
}
