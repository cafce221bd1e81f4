//! `--cache-remote`: objects that machines share.

mod fleet;
mod hostile;
mod servers;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use wasmaot_remote::Url;
use wasmaot_testkit::tools;

use crate::common::{Outcome, Sandbox};
use servers::{ENCODED, PASSWORD, Server};

/// What machines have in common: the URL of a store, and a key.
struct Site {
    directory: tempfile::TempDir,
    url: String,
}

impl Site {
    fn new(url: String) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let site = Self { directory, url };
        site.key("key", &[7; 32], 0o600);
        site
    }

    /// A site whose store is a directory.
    fn with_directory() -> Self {
        let mut site = Self::new(String::new());
        site.url = format!("fs://{}", site.store().display());
        site
    }

    /// The directory that is the store.
    fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    /// Makes a key file.
    fn key(&self, name: &str, bytes: &[u8], mode: u32) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// What a machine runs, with a cache of its own.
    fn command(&self, machine: &Sandbox, args: &[&str]) -> Command {
        let mut command = machine.command(args);
        command
            .env("WASMAOT_CACHE_REMOTE", &self.url)
            .env("WASMAOT_CACHE_KEY", self.directory.path().join("key"))
            // How objects are linked is the matter of others.
            .env_remove("WASMAOT_CHECK");
        command
    }

    fn run(&self, machine: &Sandbox, program: &str) -> Outcome {
        let output = self.command(machine, &["run", program]).output();
        output.unwrap().into()
    }

    /// What becomes of a program on a new machine.
    fn on_a_new_machine(&self) -> (Outcome, Counts) {
        let machine = machine(1);
        let outcome = self.run(&machine, "0.wat");
        (outcome, counts(&machine))
    }
}

/// A machine with some programs, `0.wat` and so on, and an empty cache.
fn machine(programs: usize) -> Sandbox {
    let sandbox = Sandbox::new();
    for number in 0..programs {
        let text = format!("(module (func (export \"_start\") (drop (i32.const {number}))))");
        sandbox.write(&format!("{number}.wat"), text);
    }
    sandbox
}

/// What `cache size` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    hits: u64,
    built: u64,
    remote_hits: u64,
    remote_misses: u64,
    remote_refused: u64,
    remote_failed: u64,
    remote_stored: u64,
}

fn counts(machine: &Sandbox) -> Counts {
    let text = machine.wasmaot(&["cache", "size", "--json"]).success();
    let size: Value = serde_json::from_str(&text).unwrap();
    let number = |name: &str| size[name].as_u64().unwrap();
    Counts {
        hits: number("hits"),
        built: number("built"),
        remote_hits: number("remote_hits"),
        remote_misses: number("remote_misses"),
        remote_refused: number("remote_refused"),
        remote_failed: number("remote_failed"),
        remote_stored: number("remote_stored"),
    }
}

/// What a machine counts that has built something and stored it.
const BUILT_FIRST: Counts = Counts {
    hits: 0,
    built: 1,
    remote_hits: 0,
    remote_misses: 1,
    remote_refused: 0,
    remote_failed: 0,
    remote_stored: 1,
};

/// The objects in a machine's cache: names and bytes.
fn objects(machine: &Sandbox) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(machine.cache()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let objects = paths.filter(|path| path.extension() == Some("so".as_ref()));
    let named = |path: PathBuf| (path.file_name().unwrap().into(), fs::read(&path).unwrap());
    objects.map(named).collect()
}

/// The entries in a directory that is a store.
fn entries(store: &Path) -> Vec<PathBuf> {
    let Ok(listing) = fs::read_dir(store) else {
        return Vec::new();
    };
    let paths = listing.map(|entry| entry.unwrap().path());
    let mut entries: Vec<_> = paths.filter(|path| path.is_file()).collect();
    entries.sort();
    entries
}

/// The program has run, and there is one line, a warning with these words.
#[track_caller]
fn warned(outcome: Outcome, words: &str) {
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:#?}");
    assert!(outcome.stderr.starts_with("warning: "), "{outcome:#?}");
    assert!(outcome.stderr.contains(words), "no {words}: {outcome:#?}");
    outcome.success();
}

#[track_caller]
fn silent(outcome: Outcome) {
    assert_eq!(outcome.stderr, "");
    outcome.success();
}

/// One machine builds, the others take it, and use their own cache from then on.
#[track_caller]
fn is_shared(url: String) {
    share(&Site::new(url));
}

#[track_caller]
fn share(site: &Site) {
    let (first, second) = (machine(1), machine(1));
    silent(site.run(&first, "0.wat"));
    assert_eq!(counts(&first), BUILT_FIRST);
    silent(site.run(&second, "0.wat"));
    silent(site.run(&second, "0.wat"));
    let expected = Counts {
        hits: 1,
        remote_hits: 1,
        ..Counts::default()
    };
    assert_eq!(counts(&second), expected);
    assert_eq!(objects(&first), objects(&second));
}

#[test]
fn objects_are_shared_through_each_kind_of_store() {
    share(&Site::with_directory());
    let server = Server::redis(None);
    is_shared(format!(
        "redis://localhost:{}/3/prefix",
        server.address.port()
    ));
    let server = Server::webdav(None);
    is_shared(format!("webdav://{}/some/where", server.address));
    let server = Server::memcached();
    is_shared(format!("memcached://{}", server.address));
}

/// By TLS a store is one that a trusted certificate names.
#[test]
fn a_store_behind_tls_has_a_certificate_that_is_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let [certificate, key] = ["certificate", "key"].map(|name| directory.path().join(name));
    let mut make = tools().openssl.command();
    make.args([
        "req",
        "-x509",
        "-nodes",
        "-newkey",
        "ec",
        "-subj",
        "/CN=store",
    ]);
    make.args(["-pkeyopt", "ec_paramgen_curve:P-256", "-days", "2"]);
    make.args(["-addext", "subjectAltName=DNS:localhost"]);
    make.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    make.arg("-out").arg(&certificate).arg("-keyout").arg(&key);
    assert!(make.output().unwrap().status.success());
    let server = Server::webdavs(&certificate, &key);
    let site = Site::new(format!("webdavs://localhost:{}", server.address.port()));
    warned(site.on_a_new_machine().0, "the remote cache is not used: ");
    let machine = machine(1);
    let mut command = site.command(&machine, &["0.wat"]);
    command.env("SSL_CERT_FILE", &certificate);
    silent(command.output().unwrap().into());
    assert_eq!(counts(&machine), BUILT_FIRST);
}

/// Without certificates nothing of TLS works, and all else does.
#[test]
fn a_minimal_system_reaches_stores_that_are_not_encrypted() {
    let server = Server::webdav(None);
    let webdav = Site::new(format!("webdav://{}", server.address));
    for site in [Site::with_directory(), webdav] {
        let machine = machine(1);
        let mut command = site.command(&machine, &["0.wat"]);
        command.env("SSL_CERT_FILE", "/none");
        command.env("SSL_CERT_DIR", "/none");
        silent(command.output().unwrap().into());
        assert_eq!(counts(&machine), BUILT_FIRST);
    }
}

/// By what is given on the command line too, which outranks the environment.
#[test]
fn options_say_which_store_and_which_key() {
    let site = Site::with_directory();
    let machine = machine(1);
    let key = site.key("other", &[8; 40], 0o400);
    let options = ["--cache-remote", &site.url, "--cache-key"];
    let mut command = machine.command(&[]);
    command.env("WASMAOT_CACHE_REMOTE", "fs:///nowhere");
    command.env("WASMAOT_CACHE_KEY", "nothing");
    command.args(options).arg(key).arg("0.wat");
    silent(command.output().unwrap().into());
    assert_eq!(entries(&site.store()).len(), 1);
    // Its key is another.
    warned(site.on_a_new_machine().0, "another key");
}

#[test]
fn passwords_open_stores_and_are_not_shown() {
    let redis = Server::redis(Some(PASSWORD));
    is_shared(format!("redis://:{ENCODED}@{}", redis.address));
    let webdav = Server::webdav(Some(PASSWORD));
    is_shared(format!("webdav://user:{ENCODED}@{}", webdav.address));
    let wrong = "wr0ng";
    for url in [
        format!("redis://:{wrong}@{}", redis.address),
        format!("webdav://user:{wrong}@{}", webdav.address),
        format!("memcached://user:{wrong}@127.0.0.1:1"),
        format!(
            "s3://bucket?endpoint=http://127.0.0.1:1&region=x&access_key_id=x&secret_access_key={wrong}"
        ),
        format!("ftp://user:{wrong}@127.0.0.1"),
        format!("redis://:{wrong}"),
    ] {
        let (outcome, counts) = Site::new(url.clone()).on_a_new_machine();
        assert!(!outcome.stderr.contains(wrong), "{outcome:?}");
        warned(outcome, "the remote cache is not used: ");
        assert_eq!(counts.built, 1, "{url}");
    }
}

#[test]
fn an_url_is_shown_without_its_secrets() {
    for (url, shown) in [
        ("redis://u:secret@host:1/2", "redis://host:1/2"),
        ("redis://:se@cret@host:1", "redis://host:1"),
        ("redis://:se/cret@host:1", "redis://host:1"),
        ("redis://:secret?x@host:1", "redis://…"),
        ("s3://b/p?secret_access_key=secret", "s3://b/p"),
        ("webdavs://u:secret@h/p#x", "webdavs://h/p"),
        ("fs:///a/b", "fs:///a/b"),
    ] {
        let url = Url::parse(url).unwrap();
        assert_eq!(url.to_string(), shown);
        assert_eq!(format!("{url:?}"), shown);
    }
    for wrong in ["", "ftp://u:secret@h", "redis:host", "redis"] {
        let told = Url::parse(wrong).unwrap_err();
        assert!(!told.contains("secret"), "{told}");
    }
}

#[test]
fn without_a_key_of_ones_own_a_store_is_not_used() {
    let site = Site::with_directory();
    let others = site.key("others", &[7; 32], 0o600);
    chown(&others, Some(12345), None).unwrap();
    let directory = site.directory.path().to_owned();
    for (key, words) in [
        (PathBuf::new(), "takes a key: give --cache-key"),
        (directory.join("none"), "No such file"),
        (directory, "is not a file"),
        (site.key("read", &[7; 32], 0o644), "mode 644"),
        (site.key("group", &[7; 32], 0o620), "mode 620"),
        (others, "belongs to another user (12345)"),
        (site.key("short", &[7; 31], 0o600), "32"),
        (site.key("long", &[7; 65537], 0o600), "65536"),
    ] {
        let machine = machine(1);
        let mut command = site.command(&machine, &["0.wat"]);
        command.env("WASMAOT_CACHE_KEY", &key);
        warned(command.output().unwrap().into(), words);
        let expected = Counts {
            built: 1,
            ..Counts::default()
        };
        assert_eq!(counts(&machine), expected, "{}", key.display());
    }
    assert!(!site.store().exists());
}

/// A program that can read the key could store what it likes.
#[test]
fn a_key_that_a_program_can_read_is_not_used() {
    let site = Site::with_directory();
    let machine = machine(1);
    let grant = format!("ro:{}::/keys", site.directory.path().display());
    let ran = site.command(&machine, &["--dir", &grant, "0.wat"]).output();
    warned(ran.unwrap().into(), "which the program is granted");
    assert!(entries(&site.store()).is_empty());
    let other = site.directory.path().join("second-name");
    fs::hard_link(site.directory.path().join("key"), other).unwrap();
    warned(site.on_a_new_machine().0, "has several names");
}

/// What machines with other keys have stored is theirs.
#[test]
fn machines_with_different_keys_share_nothing() {
    let site = Site::with_directory();
    assert_eq!(site.on_a_new_machine().1, BUILT_FIRST);
    site.key("key", &[8; 32], 0o600);
    let (outcome, counts) = site.on_a_new_machine();
    warned(outcome, "another key");
    assert_eq!((counts.built, counts.remote_refused), (1, 1));
}

/// A machine that may read a store and not write there takes what is in it.
#[test]
fn a_directory_that_cannot_be_written_to_still_serves() {
    let site = Site::with_directory();
    assert_eq!(site.on_a_new_machine().1, BUILT_FIRST);
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"";
    let machine = machine(2);
    let run = |program: &str| -> Outcome {
        let command = site.command(&machine, &["run", program]);
        let mut outer = crate::common::with_mounts_of_its_own();
        outer.args(["sh", "-c", script]).arg(site.store());
        outer.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            outer.env(name, value.unwrap_or_default());
        }
        outer.current_dir(machine.path("")).output().unwrap().into()
    };
    silent(run("0.wat"));
    assert_eq!(counts(&machine).remote_hits, 1);
    warned(run("1.wat"), "Read-only file system");
    assert_eq!(counts(&machine).built, 1);
}

/// Nothing that comes from a program is in the store, but what the compiler has
/// made of its modules.
#[test]
fn a_store_has_objects_alone() {
    let site = Site::with_directory();
    let machine = machine(2);
    for program in ["0.wat", "1.wat"] {
        silent(site.run(&machine, program));
    }
    let mut stored: Vec<_> = entries(&site.store())
        .iter()
        .map(|path| fs::read(path).unwrap())
        .map(|entry| entry[36..entry.len() - 32].to_vec())
        .collect();
    let mut built: Vec<_> = objects(&machine).into_iter().map(|(_, b)| b).collect();
    stored.sort();
    built.sort();
    assert_eq!(stored, built);
    // Nothing is left of what was being written.
    assert!(entries(&site.store().join(".unfinished")).is_empty());
}
