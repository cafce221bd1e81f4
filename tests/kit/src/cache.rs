//! Directories that are made once, by whoever comes first.

use std::fs::{self, File};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Names the directory of all inputs; `target/wasmaot-inputs` where it is not set.
const VARIABLE: &str = "WASMAOT_TEST_INPUTS";

/// The directory of all inputs.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let root = std::env::var_os(VARIABLE)
            .map_or_else(|| target_directory().join("wasmaot-inputs"), PathBuf::from);
        make(&root);
        root.canonicalize().expect("just made")
    })
}

/// Cargo marks the target directory, in which the running test lies.
fn target_directory() -> PathBuf {
    let program = std::env::current_exe().expect("a test has a path");
    let marked = program
        .ancestors()
        .find(|d| d.join("CACHEDIR.TAG").is_file());
    marked
        .unwrap_or_else(|| panic!("no target directory: set {VARIABLE}"))
        .to_owned()
}

/// An empty directory for one run of one test. It goes with the value, unless
/// the test fails: then it is there to be looked at.
#[derive(Debug)]
pub struct Scratch(PathBuf);

/// Makes an empty directory; `name` says for whom.
pub fn scratch(name: &str) -> Scratch {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let path = root().join(format!("scratch/{name}-{process}-{number}"));
    let _ = fs::remove_dir_all(&path);
    make(&path);
    Scratch(path)
}

impl Deref for Scratch {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// What a directory is made from.
#[derive(Clone)]
pub struct Key(blake3::Hasher);

impl Key {
    /// A key that differs by what the directory is for.
    pub fn new(purpose: &str) -> Self {
        Self(blake3::Hasher::new()).text(purpose)
    }

    /// Adds a text.
    pub fn text(mut self, text: impl AsRef<[u8]>) -> Self {
        let text = text.as_ref();
        self.0.update(&(text.len() as u64).to_le_bytes());
        self.0.update(text);
        self
    }

    /// Adds the content of a file.
    ///
    /// # Panics
    /// If it cannot be read.
    pub fn file(self, path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        self.text(bytes)
    }

    fn name(&self) -> String {
        self.0.finalize().to_hex()[..24].to_owned()
    }
}

/// The directory `kind/KEY` below the root; where it is missing, `fill` makes
/// its content in a directory that takes the name when it is complete.
///
/// # Panics
/// If `fill` does, or the file system refuses.
pub fn once(kind: &str, key: &Key, fill: impl FnOnce(&Path)) -> PathBuf {
    let parent = root().join(kind);
    let path = parent.join(key.name());
    if path.is_dir() {
        return path;
    }
    make(&parent);
    let lock = File::create(path.with_extension("lock")).expect("a lock file can be made");
    lock.lock().expect("a lock can be taken");
    if !path.is_dir() {
        let unfinished = path.with_extension("unfinished");
        let _ = fs::remove_dir_all(&unfinished);
        make(&unfinished);
        fill(&unfinished);
        fs::rename(&unfinished, &path).expect("the lock keeps others out");
    }
    path
}

/// Makes a directory and its parents.
pub(crate) fn make(path: &Path) {
    fs::create_dir_all(path).unwrap_or_else(|e| panic!("cannot make {}: {e}", path.display()));
}
