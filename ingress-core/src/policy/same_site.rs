//! Browsers that take `SameSite=None` for something else, after the list that the Chromium project publishes
//! (<https://www.chromium.org/updates/same-site/incompatible-clients/>).

/// Whether the browser refuses a cookie with `SameSite=None` or treats it as `Strict`.
pub(super) fn misreads_none(user_agent: &[u8]) -> bool {
    let has = |text: &str| find(user_agent, text).is_some();
    // Every browser of iOS 12 is its Safari.
    if has("(iP") && (has("CPU iPhone OS 12_") || has("CPU OS 12_")) {
        return true;
    }
    let is_chromium = has("Chrome/") || has("Chromium/");
    if has("Macintosh;") && has("Mac OS X 10_14") && has("Safari/") && !is_chromium {
        return true;
    }
    if has("UCBrowser/") {
        return version(user_agent, "UCBrowser/") < [12, 13, 2];
    }
    ["Chrome/", "Chromium/"].into_iter().any(|name| (51..=66).contains(&version(user_agent, name)[0]))
}

fn find(user_agent: &[u8], text: &str) -> Option<usize> {
    user_agent.windows(text.len()).position(|part| part == text.as_bytes())
}

/// The first three numbers behind a name.
fn version(user_agent: &[u8], name: &str) -> [u32; 3] {
    let mut version = [0; 3];
    let Some(at) = find(user_agent, name) else { return version };
    let text = user_agent.get(at + name.len()..).unwrap_or_default();
    let end = text.iter().position(|byte| *byte != b'.' && !byte.is_ascii_digit()).unwrap_or(text.len());
    let text = text.get(..end).unwrap_or_default();
    for (place, digits) in version.iter_mut().zip(text.split(|byte| *byte == b'.')) {
        let number = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse().ok();
        *place = number(digits).unwrap_or(0);
    }
    version
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers() {
        for (user_agent, expected) in [
            ("", false),
            ("curl/8.5.0", false),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 12_4 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1", true),
            ("Mozilla/5.0 (iPad; CPU OS 12_1_4 like Mac OS X) AppleWebKit/605.1.15 CriOS/73 Safari/604.1", true),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 13_3_1 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1", false),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6) AppleWebKit/605 Version/12.1 Safari/605.1.15", true),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6) AppleWebKit/537 Chrome/80.0.3987 Safari/537", false),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_1) AppleWebKit/605 Version/13.0 Safari/605.1.15", false),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.14; rv:70.0) Gecko/20100101 Firefox/70.0", false),
            ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/50.0.2661 Safari/537.36", false),
            ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/51.0.2704 Safari/537.36", true),
            ("Mozilla/5.0 (X11) AppleWebKit/537.36 Ubuntu Chromium/66.0.3359 Safari/537.36", true),
            ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/67.0.3396 Safari/537.36", false),
            ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/510.0.1 Safari/537.36", false),
            ("Mozilla/5.0 (Linux) Chrome/57.0.2987 UCBrowser/12.13.0.1207 Mobile Safari/537.36", true),
            ("Mozilla/5.0 (Linux) Chrome/57.0.2987 UCBrowser/12.13.2.1005 Mobile Safari/537.36", false),
            ("Chrome/99999999999999999999", false),
        ] {
            assert_eq!(misreads_none(user_agent.as_bytes()), expected, "{user_agent}");
        }
    }
}
