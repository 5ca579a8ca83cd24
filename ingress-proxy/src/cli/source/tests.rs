//! Files in a directory of each test's own, followed by a real thread.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ingress_core::diagnostic::Code;
use ingress_core::lower::Options;
use ingress_core::policy::Target;

use super::*;

mod pinned;
mod volumes;

/// Long enough for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(30);

/// No test waits for polling unless it says so.
const NEVER: Duration = Duration::from_secs(3_600);

/// A directory that goes away with the test.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ingress-proxy-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    /// As editors do.
    fn replace(&self, name: &str, text: &str) {
        self.write("new.tmp", text);
        fs::rename(self.path("new.tmp"), self.path(name)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What the sink was told.
#[derive(Debug, Default)]
struct Told {
    lines: Vec<String>,
    secrets: BTreeMap<String, Vec<u8>>,
    findings: BTreeMap<Code, usize>,
    stale_files: usize,
    /// How often a new snapshot was put in force, and how often something could not be read.
    swaps: usize,
    failures: usize,
    is_lost: bool,
}

#[derive(Clone, Debug, Default)]
struct Ear(Arc<Mutex<Told>>);

impl Ear {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lines_with(&self, text: &str) -> usize {
        self.told().lines.iter().filter(|line| line.contains(text)).count()
    }
}

impl Sink for Ear {
    fn secret(&mut self, name: &ObjectRef, data: &SecretData) -> SecretState {
        let key = data.get("tls.key").unwrap_or_default().to_vec();
        let is_bad = key == b"bad";
        self.told().secrets.insert(name.path(), key);
        if is_bad { SecretState::default() } else { data.state() }
    }

    fn secret_gone(&mut self, name: &ObjectRef) {
        self.told().secrets.remove(&name.path());
    }

    fn in_force(&mut self, state: State<'_>) {
        let mut counts = BTreeMap::new();
        for finding in state.findings {
            *counts.entry(finding.code).or_default() += 1;
        }
        let mut told = self.told();
        (told.findings, told.stale_files) = (counts, state.stale_files);
        told.swaps += usize::from(state.is_new);
        told.failures += state.newly_stale;
        assert!(state.snapshot.locate("panic.example", b"/").is_none(), "a test asks for this");
    }

    fn lost(&mut self) {
        self.told().is_lost = true;
    }

    fn say(&mut self, line: &str) {
        self.told().lines.push(line.to_owned());
    }
}

/// A source that is being followed.
struct Followed {
    ear: Ear,
    reader: Reader,
    _watch: watch::Watch,
}

impl Followed {
    fn new(files: &[PathBuf]) -> Self {
        Self::with(settings(files), NEVER)
    }

    fn with(settings: SourceSettings, poll: Duration) -> Self {
        let ear = Ear::default();
        let source = FileSource::open(settings, ear.clone()).unwrap();
        let reader = source.reader();
        Self { ear, reader, _watch: source.watch_and_poll(poll).unwrap() }
    }

    /// Each host with the Services that its routes lead to.
    fn routes(&self) -> Vec<String> {
        let table = self.reader.load_full().table();
        let mut routes = Vec::new();
        for (pattern, host) in &table.hosts {
            for route in host.routes() {
                if let Target::Backend(backend) = &route.target {
                    routes.push(format!("{pattern} {}", backend.service));
                }
            }
        }
        routes.sort();
        routes
    }

    /// Where a Service port leads.
    fn endpoints(&self, service: &str, port: &str) -> String {
        let table = self.reader.load_full().table();
        let mut backends =
            table.hosts.values().flat_map(|host| host.routes()).filter_map(|route| match &route.target {
                Target::Backend(backend) if *backend.service == *service && backend.port.to_string() == port => {
                    Some(backend)
                }
                _ => None,
            });
        table.backend(backends.next().unwrap()).availability.to_string()
    }

    #[track_caller]
    fn wait(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !is_so(self) {
            assert!(start.elapsed() < PATIENCE, "{what} never came: {:?}, {:?}", self.routes(), self.ear.told());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[track_caller]
    fn wait_for(&self, routes: &[&str]) {
        self.wait(&format!("{routes:?}"), |it| it.routes() == routes);
    }

    #[track_caller]
    fn wait_for_line(&self, text: &str) {
        self.wait(text, |it| it.ear.lines_with(text) > 0);
    }
}

fn settings(files: &[PathBuf]) -> SourceSettings {
    SourceSettings {
        files: files.to_vec(),
        namespace: "default".to_owned(),
        watched: None,
        engine: Options::default(),
        pins: Pins::default(),
        no_external_names: false,
    }
}

fn ingress(name: &str, host: &str, service: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: {name}\nspec:\n  rules:\n  - host: {host}\n    \
         http:\n      paths:\n      - path: /\n        pathType: Prefix\n        backend: {{service: {{name: {service}, \
         port: {{number: 80}}}}}}\n"
    )
}

#[test]
fn files_come_change_and_go() {
    let folder = Folder::new();
    folder.write("a.yaml", &ingress("a", "a.example", "one"));
    folder.write("notes.txt", &ingress("x", "x.example", "one"));
    let source = Followed::new(std::slice::from_ref(&folder.0));
    assert_eq!(source.routes(), ["a.example one"], "all is read before anything is served");

    folder.write("a.yaml", &ingress("a", "a.example", "two"));
    source.wait_for(&["a.example two"]);
    folder.write("deep/below/b.json", &ingress("b", "b.example", "one"));
    source.wait_for(&["a.example two", "b.example one"]);
    folder.replace("a.yaml", &ingress("a", "a.example", "three"));
    source.wait_for(&["a.example three", "b.example one"]);
    fs::rename(folder.path("deep"), folder.path("elsewhere")).unwrap();
    folder.write("c.yaml", &ingress("c", "c.example", "one"));
    source.wait_for(&["a.example three", "b.example one", "c.example one"]);
    fs::remove_file(folder.path("a.yaml")).unwrap();
    source.wait_for(&["b.example one", "c.example one"]);
    fs::remove_dir_all(folder.path("elsewhere")).unwrap();
    source.wait_for(&["c.example one"]);
}

#[test]
fn what_the_files_do_not_have_is_not_there() {
    let folder = Folder::new();
    let ingress =
        ingress("a", "a.example", "one").replace("spec:\n", "spec:\n  tls: [{hosts: [a.example], secretName: none}]\n");
    folder.write("a.yaml", &ingress);
    let source = Followed::new(std::slice::from_ref(&folder.0));
    assert_eq!(source.endpoints("one", "80"), "no such Service");
    assert!(source.ear.told().findings.contains_key(&Code::SecretNotFound), "{:?}", source.ear.told());
    folder.write("one.yaml", "{apiVersion: v1, kind: Service, metadata: {name: one}, spec: {ports: [{port: 80}]}}");
    source.wait("the Service", |it| it.endpoints("one", "80") == "no ready endpoints");
}

#[test]
fn several_files_and_directories_are_followed_at_one_time() {
    let (first, second) = (Folder::new(), Folder::new());
    first.write("a.yaml", &ingress("a", "a.example", "one"));
    second.write("b.yaml", &ingress("b", "b.example", "one"));
    second.write("c.yaml", &ingress("c", "c.example", "one"));
    let source = Followed::new(&[first.0.clone(), second.path("b.yaml")]);
    assert_eq!(source.routes(), ["a.example one", "b.example one"]);
    second.write("b.yaml", &ingress("b", "b.example", "two"));
    source.wait_for(&["a.example one", "b.example two"]);
    first.write("d.yaml", &ingress("d", "d.example", "one"));
    source.wait_for(&["a.example one", "b.example two", "d.example one"]);
    fs::remove_file(second.path("b.yaml")).unwrap();
    source.wait_for(&["a.example one", "d.example one"]);
}

#[test]
fn only_a_new_snapshot_is_a_success_and_what_cannot_be_read_is_a_failure() {
    let folder = Folder::new();
    folder.write("a.yaml", &ingress("a", "a.example", "one"));
    let source = Followed::new(std::slice::from_ref(&folder.0));
    let counts = |source: &Followed| {
        let told = source.ear.told();
        (told.swaps, told.failures, told.stale_files)
    };
    assert_eq!(counts(&source), (1, 0, 0));
    folder.replace("a.yaml", &ingress("a", "a.example", "two"));
    source.wait("the change", |it| counts(it) == (2, 0, 0));
    // Neither what is cut off nor what is the same as before changes what is in force.
    folder.replace("a.yaml", "apiVersion: v1\nkind: [");
    source.wait("the failure", |it| counts(it) == (2, 1, 1));
    folder.replace("a.yaml", &ingress("a", "a.example", "two"));
    source.wait("the end of it", |it| counts(it) == (2, 1, 0));
}

#[test]
fn the_end_of_the_thread_is_told() {
    let folder = Folder::new();
    folder.write("a.yaml", &ingress("a", "a.example", "one"));
    let source = Followed::new(std::slice::from_ref(&folder.0));
    folder.replace("a.yaml", &ingress("a", "panic.example", "one"));
    source.wait("the end", |it| it.ear.told().is_lost);
}

#[test]
fn a_single_file_may_be_replaced_or_go_and_come_back() {
    let folder = Folder::new();
    folder.write("a.conf", &ingress("a", "a.example", "one"));
    folder.write("b.yaml", &ingress("b", "b.example", "one"));
    let source = Followed::new(&[folder.path("a.conf")]);
    folder.replace("a.conf", &ingress("a", "a.example", "two"));
    source.wait_for(&["a.example two"]);
    fs::remove_file(folder.path("a.conf")).unwrap();
    source.wait_for(&[]);
    folder.write("a.conf", &ingress("a", "a.example", "three"));
    source.wait_for(&["a.example three"]);
}

#[test]
fn only_the_file_that_changed_is_read() {
    let folder = Folder::new();
    for number in 0..1_000 {
        folder
            .write(&format!("{number:04}.yaml"), &ingress(&format!("i{number}"), &format!("h{number}.example"), "one"));
    }
    let source = Followed::new(std::slice::from_ref(&folder.0));
    assert_eq!((source.routes().len(), source.ear.lines_with("read 1000 files with 1000 objects")), (1_000, 1));
    folder.write("0500.yaml", &ingress("i500", "h500.example", "two"));
    source.wait_for_line("read 1 file anew, 1 object changed");
    assert!(source.routes().contains(&"h500.example two".to_owned()));
    assert_eq!(source.ear.lines_with("anew"), 1);
}

#[test]
fn the_later_of_two_files_counts_and_the_earlier_comes_back() {
    let folder = Folder::new();
    folder.write("a.yaml", &ingress("x", "x.example", "one"));
    folder.write("b.yaml", &ingress("x", "x.example", "two"));
    let source = Followed::new(std::slice::from_ref(&folder.0));
    assert_eq!(source.routes(), ["x.example two"]);
    source.wait_for_line("a.yaml:4: warning[ING0105]: Ingress default/x is given again at");
    fs::remove_file(folder.path("b.yaml")).unwrap();
    source.wait_for(&["x.example one"]);
    source.wait("one finding less", |it| !it.ear.told().findings.contains_key(&Code::DuplicateObject));
}

#[test]
fn what_cannot_be_read_completely_changes_nothing() {
    let folder = Folder::new();
    let both = format!("{}---\n{}", ingress("a", "a.example", "one"), ingress("b", "b.example", "one"));
    folder.write("a.yaml", &both);
    let source = Followed::new(std::slice::from_ref(&folder.0));
    let before = ["a.example one", "b.example one"];
    let broken: [(&[u8], &str); 3] = [
        (both.as_bytes().split_at(both.len() - 3).0, "is not complete"),
        (b"", "is empty"),
        (b"\xff\xfe", "cannot be read: it is not UTF-8"),
    ];
    for (bytes, why) in broken {
        fs::write(folder.path("a.yaml"), bytes).unwrap();
        source.wait_for_line(&format!("a.yaml` {why}; what it gave before stays in force (2 objects)"));
        source.wait("a stale file", |it| it.ear.told().stale_files == 1);
        assert_eq!(source.routes(), before, "{why}");
    }
    // One document that is no Ingress costs itself only.
    folder.write("a.yaml", &both.replace("kind: Ingress\nmetadata:\n  name: b", "metadata:\n  name: b"));
    source.wait_for(&["a.example one"]);
    source.wait("it can be read again", |it| it.ear.told().stale_files == 0);
}

#[test]
fn a_file_that_is_being_written_is_not_read() {
    use std::io::Write;
    let folder = Folder::new();
    folder.write("a.yaml", &format!("{}---\n{}", ingress("a", "a.example", "one"), ingress("b", "b.example", "one")));
    let source = Followed::new(std::slice::from_ref(&folder.0));
    // The first half is a complete text.
    let mut file = fs::File::create(folder.path("a.yaml")).unwrap();
    file.write_all(ingress("a", "a.example", "two").as_bytes()).unwrap();
    folder.write("c.yaml", &ingress("c", "c.example", "one"));
    source.wait_for(&["a.example one", "b.example one", "c.example one"]);
    file.write_all(format!("---\n{}", ingress("b", "b.example", "two")).as_bytes()).unwrap();
    drop(file);
    source.wait_for(&["a.example two", "b.example two", "c.example one"]);
}

#[test]
fn polling_finds_what_no_event_tells() {
    let (folder, outside) = (Folder::new(), Folder::new());
    outside.write("a", &ingress("a", "a.example", "one"));
    symlink(outside.path("a"), folder.path("a.yaml")).unwrap();
    let source = Followed::with(settings(std::slice::from_ref(&folder.0)), Duration::from_millis(20));
    outside.write("a", &ingress("a", "a.example", "number-two"));
    source.wait_for(&["a.example number-two"]);
    // A directory that is replaced is another one, which is watched in its place.
    fs::rename(&folder.0, folder.0.with_extension("old")).unwrap();
    folder.write("b.yaml", &ingress("b", "b.example", "one"));
    source.wait_for(&["b.example one"]);
    fs::remove_dir_all(folder.0.with_extension("old")).unwrap();
}

#[test]
fn findings_are_said_once() {
    let folder = Folder::new();
    folder.write("a.yaml", &ingress("a", "A_b", "one"));
    folder.write("b.yaml", &ingress("b", "b.example", "one"));
    let source = Followed::new(std::slice::from_ref(&folder.0));
    let bad_host = "a.yaml:7: error[ING0305]: ";
    source.wait_for_line(bad_host);
    for service in ["two", "three"] {
        folder.write("b.yaml", &ingress("b", "b.example", service));
        source.wait_for(&[&format!("b.example {service}")]);
    }
    folder.write("c.yaml", "kind: Ingress\n");
    source.wait_for_line("c.yaml:1: ");
    assert_eq!(source.ear.lines_with(bad_host), 1, "{:?}", source.ear.told());
    let counts = source.ear.told().findings.clone();
    assert_eq!(counts, BTreeMap::from([(Code::InvalidHost, 1), (Code::NotAnObject, 1), (Code::ServiceNotFound, 1)]));
    folder.write("a.yaml", &ingress("a", "a.example", "one"));
    source.wait("one finding less", |it| !it.ear.told().findings.contains_key(&Code::InvalidHost));
}

#[test]
fn errors_come_first_and_what_is_too_much_is_left_out() {
    let folder = Folder::new();
    folder.write(
        "a.yaml",
        &ingress("a", "a.example", "one")
            .replace("networking.k8s.io/v1", "extensions/v1beta1")
            .replace("{service: {name: one, port: {number: 80}}}", "{serviceName: one, servicePort: 80}"),
    );
    folder.write("b.yaml", &format!("{}---\n{}", ingress("c", "C_", "one"), ingress("b", "B_", "one")));
    let mut source = FileSource::open(settings(std::slice::from_ref(&folder.0)), Ear::default()).unwrap();
    source.read();
    source.report(2);
    let name = |line: &str| line.split(": ").next().and_then(|place| place.rsplit('/').next()).unwrap().to_owned();
    let said: Vec<String> = source.sink.told().lines.iter().skip(1).map(|line| name(line)).collect();
    assert_eq!(said[..2], ["b.yaml:7", "b.yaml:20"], "{:?}", source.sink.told());
    assert_eq!(said[2..], ["2 more findings; `ingress-proxy --check` shows all"]);
    source.report(2);
    assert_eq!(source.sink.told().lines.len(), 4, "all has been said");
}

#[test]
fn secrets_are_handed_on() {
    let folder = Folder::new();
    let secret = |key: &str| {
        format!("{{apiVersion: v1, kind: Secret, metadata: {{name: s}}, stringData: {{tls.crt: c, tls.key: {key}}}}}")
    };
    folder.write("a.yaml", &secret("one"));
    let source = Followed::new(std::slice::from_ref(&folder.0));
    assert_eq!(source.ear.told().secrets.get("default/s").map(Vec::as_slice), Some(&b"one"[..]));
    // To the engine it is the same Secret.
    folder.write("a.yaml", &secret("two"));
    source.wait("the new key", |it| it.ear.told().secrets.get("default/s").map(Vec::as_slice) == Some(b"two"));
    fs::remove_file(folder.path("a.yaml")).unwrap();
    source.wait("no Secret", |it| it.ear.told().secrets.is_empty());
    assert_eq!(source.ear.lines_with("two"), 0);
}

/// The engine knows of a pair what becomes of it, and so do explanations.
#[test]
fn a_secret_that_is_refused_is_served_by_no_host() {
    let folder = Folder::new();
    let signed = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
    let secret = |key: &str| {
        let data = format!("  tls.crt: {:?}\n  tls.key: {key:?}\n", signed.cert.pem());
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData:\n{data}")
    };
    let tls = "spec:\n  tls: [{hosts: [a.example], secretName: s}]\n";
    folder.write("a.yaml", &ingress("a", "a.example", "one").replace("spec:\n", tls));
    folder.write("s.yaml", &secret(&signed.signing_key.serialize_pem()));
    let source = Followed::new(std::slice::from_ref(&folder.0));
    let served = |source: &Followed| source.reader.load_full().certificate(Some("a.example")).to_string();
    assert_eq!(served(&source), "default/s");
    folder.write("s.yaml", &secret("bad"));
    source.wait("the default certificate", |it| served(it) == "default");
    assert!(source.ear.told().findings.contains_key(&Code::SecretUnusable), "{:?}", source.ear.told());
}

#[test]
fn a_path_that_leads_nowhere_is_named() {
    let error = FileSource::open(settings(&["/nowhere/at/all".into()]), Ear::default()).unwrap_err();
    assert_eq!(error.to_string(), "`--file /nowhere/at/all`: No such file or directory (os error 2)");
}

#[test]
fn errors_are_known_without_following() {
    let folder = Folder::new();
    folder.write("a.yaml", &ingress("a", "a.example", "one"));
    let look = || {
        let mut source = FileSource::open(settings(std::slice::from_ref(&folder.0)), Ear::default()).unwrap();
        source.read();
        source.has_errors()
    };
    assert!(!look());
    fs::write(folder.path("b.yaml"), b"\xff").unwrap();
    assert!(look());
    folder.write("b.yaml", &ingress("b", "B_", "one"));
    assert!(look());
}

#[test]
fn another_namespace_can_be_left_out() {
    let folder = Folder::new();
    let of = |namespace: &str, host: &str| {
        ingress("a", host, "one").replace("name: a\n", &format!("name: a\n  namespace: {namespace}\n"))
    };
    let config_map = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: system}, data: {}}";
    let secret = "{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: other}, stringData: {tls.key: k}}";
    let class = "{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: c}, spec: {controller: x}}";
    let all = [&*of("shop", "a.example"), &of("other", "b.example"), config_map, secret, class].map(str::to_owned);
    folder.write("a.yaml", &all.join("\n---\n"));
    let mut settings = settings(std::slice::from_ref(&folder.0));
    settings.watched = Some("shop".to_owned());
    settings.engine.config_map = Some(ObjectRef::new(Kind::ConfigMap, "system", "c"));
    let source = Followed::with(settings, NEVER);
    assert_eq!(source.routes(), ["a.example one"]);
    assert_eq!(source.ear.lines_with("read 1 file with 3 objects"), 1, "{:?}", source.ear.told());
    assert!(source.ear.told().secrets.is_empty());
}
