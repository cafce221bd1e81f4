//! What a process maps: text and data from the object's file, nothing writable
//! and executable at once, and nothing left when it is gone. One test, so that
//! no other thread maps anything meanwhile.

#![cfg(feature = "compiler")]

use std::path::Path;
use std::sync::Arc;

use wasmaot_compiler::{Emit, Options, compile};
use wasmaot_runtime::{Config, Object, Process, Val};

const PROGRAM: &str = r#"
    (module
      (memory (export "memory") 4)
      (data (i32.const 65536) "DATA")
      (table 10 funcref)
      (elem (i32.const 0) func $get)
      (func $get (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))
      (func (export "put") (param i32 i32) (i32.store8 (local.get 0) (local.get 1))))"#;

/// A line of `/proc/self/maps`: permissions and path.
fn maps() -> Vec<(String, String)> {
    let text = std::fs::read_to_string("/proc/self/maps").unwrap();
    text.lines()
        .map(|line| {
            let mut words = line.split_whitespace();
            let permissions = words.nth(1).unwrap().to_owned();
            (permissions, words.nth(3).unwrap_or_default().to_owned())
        })
        .collect()
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn process(path: &Path) -> (Process, wasmaot_runtime::InstanceId) {
    // SAFETY: built just now, in a directory of the test's own.
    let object = unsafe { Object::open(path, true) }.unwrap();
    let mut process = Process::new(Config::default()).unwrap();
    let id = process.instantiate(Arc::new(object), None).unwrap();
    (process, id)
}

#[test]
fn mappings_are_shared_and_safe_and_given_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("program.elf");
    // Whole pages of data: less is copied.
    let text = PROGRAM.replace("DATA", &"0123456789abcdef".repeat(1024));
    let wasm = wat::parse_str(text).unwrap();
    std::fs::write(
        &path,
        compile("program", &wasm, &Options::default(), Emit::So).unwrap(),
    )
    .unwrap();

    let (mut one, id) = process(&path);
    let (mut two, other) = process(&path);
    let of_file: Vec<String> = maps()
        .into_iter()
        .filter(|(_, file)| *file == path.to_str().unwrap())
        .map(|(permissions, _)| permissions)
        .collect();
    let count = |wanted: &str| of_file.iter().filter(|p| *p == wanted).count();
    assert_eq!(
        count("r-xp"),
        2,
        "text is mapped from the file, for each process: {of_file:?}"
    );
    assert!(
        count("rw-p") >= 2,
        "the memory image is mapped from the file: {of_file:?}"
    );
    assert!(
        maps()
            .iter()
            .all(|(p, _)| !p.starts_with("rwx") && !p.starts_with("-wx"))
    );

    // Copy on write: what one process stores no other sees, nor the file.
    one.invoke(id, "put", &[Val::I32(65536), Val::I32(90)])
        .unwrap();
    assert_eq!(
        one.invoke(id, "get", &[Val::I32(65536)]).unwrap(),
        [Val::I32(90)]
    );
    assert_eq!(
        two.invoke(other, "get", &[Val::I32(65536)]).unwrap(),
        [Val::I32(48)]
    );
    drop((one, two));
    drop(process(&path));

    let (mappings, files) = (maps().len(), descriptors());
    for _ in 0..10_000 {
        let (mut process, id) = process(&path);
        process
            .invoke(id, "put", &[Val::I32(0), Val::I32(1)])
            .unwrap();
    }
    assert_eq!(descriptors(), files);
    assert!(
        maps().len() <= mappings + 2,
        "{} mappings, were {mappings}",
        maps().len()
    );
}
