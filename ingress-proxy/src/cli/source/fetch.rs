//! Reading files and what they say: one of them, or many on all cores. Nothing is decided here about what counts then.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use ingress_cli::input::{Finding, Reading};
use ingress_core::object::{Kind, ObjectRef};

use super::files::{self, Contents};
use super::store::{self, FileKey, Objects};

/// One thread takes over what the others read, so more of them would wait for it.
const MOST_THREADS: usize = 8;

/// So many files a thread hands over at once, as waking another thread costs more than a file does; and each may be two
/// such lots ahead.
const LOT: usize = 32;

/// Which objects count.
#[derive(Debug)]
pub(super) struct Scope {
    /// The namespace of objects that name none.
    pub(super) namespace: String,
    /// The namespace that counts; none if all do.
    pub(super) watched: Option<String>,
    /// Whether there may be settings of a controller, which name ConfigMaps of other namespaces.
    pub(super) has_settings: bool,
}

/// A file that is to be read.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) key: Arc<FileKey>,
    /// Tells names that are made up for its objects from those of other files.
    pub(super) label: String,
}

/// What a file says.
#[derive(Debug)]
pub(super) struct Said {
    /// The objects that count.
    pub(super) objects: Objects,
    pub(super) findings: Vec<Finding>,
    /// Whether it has nothing but white space.
    pub(super) is_blank: bool,
    /// Whether all of it is YAML.
    pub(super) is_complete: bool,
}

impl Scope {
    /// Whether an object is of a namespace that counts, or a ConfigMap that may.
    fn has(&self, reference: &ObjectRef) -> bool {
        let is_watched = |namespace: &String| **namespace == *reference.namespace;
        !reference.kind.is_namespaced()
            || self.watched.as_ref().is_none_or(is_watched)
            || self.has_settings && reference.kind == Kind::ConfigMap
    }
}

/// Reads these files and hands over what each of them says, in their order.
pub(super) fn fetch(wanted: &[Wanted], scope: &Scope, take: impl FnMut(&Wanted, Contents<Said>)) {
    let threads = match wanted.len() {
        0..=LOT => 1,
        _ => thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS),
    };
    fetch_with(threads, wanted, scope, take);
}

fn fetch_with(threads: usize, wanted: &[Wanted], scope: &Scope, mut take: impl FnMut(&Wanted, Contents<Said>)) {
    let read = |lot: &[Wanted]| lot.iter().map(|wanted| said_by(wanted, scope)).collect::<Vec<_>>();
    thread::scope(|started| {
        let start = |number: usize| -> Option<Receiver<_>> {
            let (sender, receiver) = sync_channel(1);
            let run = move || {
                let mine = wanted.chunks(LOT).skip(number).step_by(threads);
                let _ = mine.map(read).try_for_each(|lot| sender.send(lot));
            };
            thread::Builder::new().name("manifests".to_owned()).spawn_scoped(started, run).ok().map(|_| receiver)
        };
        let others: Vec<_> = (0..threads).map(|number| (threads > 1).then(|| start(number)).flatten()).collect();
        for (lot, other) in wanted.chunks(LOT).zip(others.iter().cycle()) {
            // What no thread reads is read here.
            let said = other.as_ref().and_then(|other| other.recv().ok()).unwrap_or_else(|| read(lot));
            lot.iter().zip(said).for_each(|(wanted, said)| take(wanted, said));
        }
    });
}

fn said_by(wanted: &Wanted, scope: &Scope) -> Contents<Said> {
    files::read(&wanted.key.path).map(|text| {
        let mut reading = Reading::of(&text, &scope.namespace, &wanted.label);
        reading.objects.retain(|reference, _| scope.has(reference));
        Said {
            findings: std::mem::take(&mut reading.findings),
            is_blank: text.trim_ascii().is_empty(),
            is_complete: reading.is_complete,
            objects: store::objects(reading),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::tests::Folder;
    use super::*;

    #[test]
    fn many_files_are_handed_over_in_their_order_by_any_number_of_threads() {
        let folder = Folder::new();
        let text = |number: usize| match number % 10 {
            0 => None,
            1 => Some("{a: ".to_owned()),
            2 => Some(" \n".to_owned()),
            _ => Some(format!("{{apiVersion: v1, kind: Service, metadata: {{generateName: s{number}-}}}}")),
        };
        let wanted: Vec<Wanted> = (0..95)
            .map(|number| {
                let path = folder.path(&format!("{number}.yaml"));
                if let Some(text) = text(number) {
                    fs::write(&path, text).unwrap();
                }
                Wanted { key: Arc::new(FileKey { root: 0, path }), label: format!("{number}-") }
            })
            .collect();
        let scope = Scope { namespace: "d".to_owned(), watched: None, has_settings: false };
        for threads in [1, 2, 3, 8] {
            let mut number = 0;
            fetch_with(threads, &wanted, &scope, |file, contents| {
                assert_eq!(file.key, wanted[number].key);
                let said = match (contents, text(number)) {
                    (Contents::Whole(said, _), Some(_)) => said,
                    (Contents::Gone, None) => return number += 1,
                    (other, text) => panic!("{number}: {text:?} was read as {other:?}"),
                };
                let names: Vec<String> = said.objects.iter().map(|(reference, _)| reference.path()).collect();
                let named = match number % 10 {
                    1 | 2 => Vec::new(),
                    _ => vec![format!("d/s{number}-{number}-0")],
                };
                assert_eq!(names, named);
                assert_eq!((said.is_complete, said.is_blank), (number % 10 != 1, number % 10 == 2));
                assert_eq!(said.findings.len(), usize::from(number % 10 == 1));
                number += 1;
            });
            assert_eq!(number, wanted.len(), "with {threads} threads");
        }
    }
}
