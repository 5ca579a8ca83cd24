use super::*;

/// Long enough for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn log() -> (ErrorLog, Memory) {
    let memory = Memory::default();
    (ErrorLog::new(Box::new(memory.clone())), memory)
}

fn lines(log: &ErrorLog, memory: &Memory) -> Vec<String> {
    assert!(log.flush(PATIENCE));
    let bytes = std::mem::take(&mut *memory.0.lock().unwrap());
    String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_state_is_told_when_it_changes() {
    let (log, memory) = log();
    let endpoint = |name, why: Option<&dyn Display>| log.state(name, "is down", "is up again", why);
    endpoint("endpoint 10.0.0.1:80", None);
    for _ in 0..3 {
        endpoint("endpoint 10.0.0.1:80", Some(&"connection refused"));
    }
    endpoint("endpoint 10.0.0.2:80", None);
    endpoint("endpoint 10.0.0.1:80", None);
    endpoint("endpoint 10.0.0.1:80", None);
    endpoint("endpoint 10.0.0.1:80", Some(&"timeout"));
    let expected = [
        r#"warning endpoint 10.0.0.1:80 is down reason="connection refused""#,
        "info endpoint 10.0.0.1:80 is up again",
        "warning endpoint 10.0.0.1:80 is down reason=timeout",
    ];
    assert_eq!(lines(&log, &memory), expected);
}

#[test]
fn a_line_stays_a_line() {
    let (log, memory) = log();
    log.event(Level::Error, "bad\nerror forged \u{1b}[31m \u{202e}", &[("path", &"a\" b=\"c\r\n"), ("empty", &"")]);
    let lines = lines(&log, &memory);
    assert_eq!(lines, [r#"error bad\nerror forged \u001B[31m \u202E path="a\" b=\"c\r\n" empty="""#]);
    log.event(Level::Info, "long", &[("value", &"x".repeat(1 << 20))]);
    assert!(log.flush(PATIENCE));
    assert!(memory.0.lock().unwrap().len() < 2_000);
}

#[test]
fn the_rate_is_limited_and_what_is_left_out_is_counted() {
    let (log, memory) = log();
    let now = log.0.lock().unwrap().refilled;
    let line = |at, message| log.0.lock().unwrap().line(at, Level::Info, message, &[]);
    for _ in 0..500 {
        line(now, "again");
    }
    assert_eq!(lines(&log, &memory).len(), BURST as usize);
    line(now + Duration::from_secs(1), "later");
    assert_eq!(lines(&log, &memory), [format!("info later swallowed_lines={}", 500 - BURST)]);
}

#[test]
fn a_change_that_lasts_is_told_when_there_is_room() {
    let (log, memory) = log();
    // No clock but the test's has come so far.
    let far = log.0.lock().unwrap().refilled + Duration::from_hours(1);
    for _ in 0..=BURST {
        log.0.lock().unwrap().line(far, Level::Info, "again", &[]);
    }
    let state = |at, thing: &str, bad| log.0.lock().unwrap().state(at, &thing, ("down", "up"), bad);
    state(far, "x", Some(&"why"));
    state(far, "y", Some(&"why"));
    state(far, "y", None);
    state(far, "z", Some(&"why"));
    log.forget("z");
    assert_eq!(lines(&log, &memory).len(), BURST as usize);
    let later = far + 3 * PACE;
    log.0.lock().unwrap().tell_owed(later);
    state(later, "x", None);
    assert_eq!(lines(&log, &memory), ["warning x down reason=why swallowed_lines=4", "info x up"]);
}

#[test]
fn a_change_is_told_while_there_are_other_lines() {
    let (log, memory) = log();
    for _ in 0..2 * BURST {
        log.tell("again");
    }
    log.state("x", "down", "up", Some(&"why"));
    let deadline = Instant::now() + PATIENCE;
    while !lines(&log, &memory).iter().any(|line| line.starts_with("warning x down reason=why")) {
        assert!(Instant::now() < deadline, "it was never told");
        std::thread::sleep(Duration::from_millis(300));
        log.tell("again");
    }
}

#[test]
fn what_another_has_taken_back_is_told_again() {
    let (log, memory) = log();
    log.remind("x", "down", &"why");
    log.remind("x", "down", &"why");
    log.state("x", "down", "up", None);
    log.remind("x", "down", &"why");
    let expected = ["warning x down reason=why", "info x up", "warning x down reason=why"];
    assert_eq!(lines(&log, &memory), expected);
}

#[test]
fn what_is_no_more_is_forgotten() {
    let (log, memory) = log();
    log.state("x", "down", "up", Some(&"why"));
    log.forget("x");
    log.state("x", "down", "up", None);
    log.state("x", "down", "up", Some(&"why"));
    assert_eq!(lines(&log, &memory), ["warning x down reason=why"; 2]);
}

#[test]
fn what_several_have_told_is_forgotten_with_the_last_of_them() {
    let (log, memory) = log();
    log.state("x", "down", "up", Some(&"why"));
    log.state("x", "down", "up", Some(&"why"));
    log.release("x");
    log.state("x", "down", "up", Some(&"why"));
    assert_eq!(lines(&log, &memory), ["warning x down reason=why"]);
    log.release("x");
    log.release("x");
    log.release("x");
    log.state("x", "down", "up", Some(&"why"));
    assert_eq!(lines(&log, &memory), ["warning x down reason=why"]);
}

#[test]
fn what_is_told_in_own_words_stays_a_line_and_has_the_rate_of_all() {
    let (log, memory) = log();
    log.tell("caf\u{e9}.yaml:3: \"host\"\nerror forged");
    assert_eq!(lines(&log, &memory), ["caf\u{e9}.yaml:3: \"host\" error forged"]);
    for _ in 0..2 * BURST {
        log.tell("again");
    }
    let told = lines(&log, &memory).len();
    // A slow machine may take seconds for it.
    assert!((BURST as usize - 1..2 * BURST as usize).contains(&told), "{told}");
}

/// Takes nothing before it is told to.
struct Stuck(Receiver<()>, Memory);

impl Write for Stuck {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        // Nothing comes any more once the other end is gone.
        let _ = self.0.recv();
        self.1.write(data)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn nobody_waits_for_whoever_reads_and_what_is_lost_is_counted() {
    let memory = Memory::default();
    let (go_on, stuck) = sync_channel(0);
    let log = ErrorLog::new(Box::new(Stuck(stuck, memory.clone())));
    let mut at = log.0.lock().unwrap().refilled;
    let mut line = |message| {
        // So that it is not the rate that swallows lines.
        at += Duration::from_secs(1);
        log.0.lock().unwrap().line(at, Level::Info, message, &[]);
    };
    let told = 2 * QUEUE;
    for _ in 0..told {
        line("again");
    }
    assert!(!log.flush(Duration::ZERO));
    drop(go_on);
    let deadline = Instant::now() + PATIENCE;
    while !log.flush(PATIENCE) {
        assert!(Instant::now() < deadline);
    }
    let mut all = lines(&log, &memory);
    let written = all.len();
    assert!((QUEUE..=QUEUE + 1).contains(&written), "{written}");
    line("later");
    all.extend(lines(&log, &memory));
    assert!(all[written].starts_with("info later swallowed_lines="), "{all:?}");
    // A writer who begins late makes room for one line amid those that are lost, which counts what was lost before it.
    let counts = all.iter().filter_map(|line| line.split_once("swallowed_lines=")).map(|(_, count)| count);
    assert_eq!(counts.map(|count| count.parse::<usize>().unwrap()).sum::<usize>(), told - written);
}
