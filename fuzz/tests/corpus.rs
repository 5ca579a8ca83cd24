//! Every seed of the corpora, and every crash that was put among them, as an ordinary test.

use std::fs;
use std::path::Path;

use arbitrary::{Arbitrary, Unstructured};

fn each_seed(target: &str, run: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut seeds: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{target} has no seeds");
    for seed in seeds {
        println!("{}", seed.display());
        run(&fs::read(seed).unwrap());
    }
}

#[test]
fn decide() {
    each_seed("decide", |bytes| {
        if let Ok(world) = fuzz::world::World::arbitrary_take_rest(Unstructured::new(bytes)) {
            fuzz::decide(world);
        }
    });
}

#[test]
fn host_and_path() {
    each_seed("host_and_path", fuzz::host_and_path);
}

#[test]
fn yaml() {
    each_seed("yaml", fuzz::yaml);
}

#[test]
fn annotations() {
    each_seed("annotations", fuzz::annotations);
}

#[test]
fn secret_pem() {
    each_seed("secret_pem", fuzz::secret_pem);
}

#[test]
fn proxy_header() {
    each_seed("proxy_header", fuzz::proxy_header);
}

#[test]
fn http1_head() {
    each_seed("http1_head", fuzz::http1_head);
}

#[test]
fn http2_head() {
    each_seed("http2_head", fuzz::http2_head);
}

#[test]
fn http1_chunked() {
    each_seed("http1_chunked", fuzz::http1_chunked);
}

#[test]
fn review() {
    each_seed("review", fuzz::review);
}
