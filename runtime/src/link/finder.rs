//! How the name of a library becomes an object: that is the affair of whoever
//! makes the process ([`Finder`]); [`candidates`] is the usual order of places.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::object::Object;

/// Turns the name of a needed library into an opened object; `None` if it is
/// nowhere. `by` is the object that needs it.
pub trait Finder {
    /// Finds a library.
    ///
    /// # Errors
    /// Whatever keeps a library that is there from being opened.
    fn find(&mut self, name: &str, by: &Object) -> Result<Option<Arc<Object>>>;

    /// Makes an object of a wasm module's bytes, which a running program has
    /// in its memory. `name` is for messages. Without a compiler there is no
    /// way; native code is not taken from a program.
    ///
    /// # Errors
    /// [`Error::Unsupported`]; what keeps the module from being built.
    fn module(&mut self, name: &str, bytes: &[u8]) -> Result<Arc<Object>> {
        Err(Error::Unsupported {
            file: name.to_owned(),
            what: format!(
                "a module of {} bytes from the program's memory, in a runtime without a compiler",
                bytes.len()
            ),
        })
    }
}

impl<F: FnMut(&str, &Object) -> Result<Option<Arc<Object>>>> Finder for F {
    fn find(&mut self, name: &str, by: &Object) -> Result<Option<Arc<Object>>> {
        self(name, by)
    }
}

/// Directories to search beside those that an object names itself.
#[derive(Clone, Debug, Default)]
pub struct SearchPath {
    /// `-L`.
    pub dirs: Vec<PathBuf>,
    /// `WASMAOT_LIBRARY_PATH`.
    pub env: Vec<PathBuf>,
    /// The program's directory.
    pub program: Option<PathBuf>,
    /// Check the hashes of whole files.
    pub verify: bool,
}

/// A place where a library may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The object that was built from it: `NAME.elf`.
    pub built: PathBuf,
    /// The library: NAME.
    pub file: PathBuf,
    /// Who says so.
    pub way: Way,
}

/// Who says that a library may be at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Whoever needs or opens the library: the name is a path.
    Path,
    /// The same, by `$ORIGIN`; or the `DT_RUNPATH` of the object.
    Object,
    /// The directories to be searched.
    Directory,
}

/// Places at which to look for a library, in the order of `ld.so`: of a name
/// with a slash, that path; else `-L`, `WASMAOT_LIBRARY_PATH`, the
/// `DT_RUNPATH` of the object that needs it, and the program's directory.
/// `$ORIGIN` is the directory of the object.
pub fn candidates(name: &str, by: &Object, path: &SearchPath) -> Vec<Candidate> {
    places(name, by.runpath(), by.origins(), path)
}

/// What a library's path stands for, in order: itself; for `NAME.so`
/// `NAME.wasm`, too.
pub fn beside(file: PathBuf, way: Way) -> impl Iterator<Item = Candidate> {
    let module = (file.extension() == Some("so".as_ref())).then(|| file.with_extension("wasm"));
    let files = [file].into_iter().chain(module);
    files.map(move |file| {
        let mut built = file.clone().into_os_string();
        built.push(".elf");
        Candidate {
            built: built.into(),
            file,
            way,
        }
    })
}

/// The same for an object or a module with this `RUNPATH`; `origins` are what
/// `$ORIGIN` stands for in it.
pub fn places(
    name: &str,
    runpath: &[String],
    origins: &[PathBuf],
    path: &SearchPath,
) -> Vec<Candidate> {
    if name.contains('/') {
        let way = match has_origin(name) {
            true => Way::Object,
            false => Way::Path,
        };
        let paths = expand(name, origins).into_iter();
        return paths.flat_map(|path| beside(path, way)).collect();
    }
    let given = path.dirs.iter().chain(&path.env).cloned();
    let own = expand_all(runpath, origins);
    let all = given.map(|dir| (dir, Way::Directory));
    let all = all.chain(own.map(|dir| (dir, Way::Object)));
    let all = all.chain(path.program.clone().map(|dir| (dir, Way::Directory)));
    all.flat_map(|(dir, way)| beside(dir.join(name), way))
        .collect()
}

/// The directories that the `RUNPATH` of an object names.
pub fn runpath_directories(object: &Object) -> Vec<PathBuf> {
    expand_all(object.runpath(), object.origins()).collect()
}

fn expand_all(runpath: &[String], origins: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    runpath.iter().flat_map(move |dir| expand(dir, origins))
}

/// Both ways to write it.
const ORIGIN: [&str; 2] = ["${ORIGIN}", "$ORIGIN"];

/// Whether a path is one of the directory of whoever gives it.
pub(crate) fn has_origin(path: &str) -> bool {
    ORIGIN.iter().any(|origin| path.contains(origin))
}

/// A path with each directory in the place of `$ORIGIN`.
fn expand(path: &str, origins: &[PathBuf]) -> Vec<PathBuf> {
    if !has_origin(path) {
        return vec![path.into()];
    }
    let expand = |origin: &PathBuf| {
        let origin = origin.to_string_lossy();
        let origin = if origin.is_empty() { "." } else { &*origin };
        let replace = |path: String, name: &&str| path.replace(name, origin);
        ORIGIN.iter().fold(path.to_owned(), replace).into()
    };
    origins.iter().map(expand).collect()
}

impl SearchPath {
    /// Finds built objects in these directories, and opens them.
    ///
    /// ```compile_fail,E0133
    /// let finder = wasmaot_runtime::SearchPath::default().objects();
    /// ```
    ///
    /// # Safety
    /// Whatever files may be found have to be fit for [`Object::open`]: also by
    /// a path that a program gives, and by the `DT_RUNPATH` of an object.
    pub unsafe fn objects(self) -> impl Finder {
        move |name: &str, by: &Object| {
            let places = candidates(name, by, &self).into_iter();
            let mut files = places.flat_map(|place| [place.built, place.file]);
            let found = files.find(|path| path.is_file());
            // SAFETY: the caller's contract.
            let open = |path| unsafe { Object::open(path, self.verify) };
            found.map(|path| open(path).map(Arc::new)).transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_order() {
        let path = SearchPath {
            dirs: vec!["/l".into()],
            env: vec!["/e".into()],
            program: Some("/p".into()),
            verify: false,
        };
        let runpath = ["$ORIGIN/../lib".to_owned()];
        let found = |name, origin: &str| {
            let places = places(name, &runpath, &[origin.into()], &path).into_iter();
            let text = |path: PathBuf| path.into_os_string().into_string().unwrap();
            let found = places.map(|place| {
                let (built, file) = (text(place.built), text(place.file));
                assert_eq!(built, format!("{file}.elf"));
                (file, place.way)
            });
            found.collect::<Vec<_>>()
        };
        let found = |name, origin, want: &[(&str, Way)]| {
            let want = want.iter().map(|&(file, way)| (file.to_owned(), way));
            assert_eq!(found(name, origin), want.collect::<Vec<_>>());
        };
        found(
            "a.b",
            "/app/bin",
            &[
                ("/l/a.b", Way::Directory),
                ("/e/a.b", Way::Directory),
                ("/app/bin/../lib/a.b", Way::Object),
                ("/p/a.b", Way::Directory),
            ],
        );
        let direct = [("./x/a.so", Way::Path), ("./x/a.wasm", Way::Path)];
        found("./x/a.so", "", &direct);
        let own = [("./a/b", Way::Object)];
        found("$ORIGIN/a/b", "", &own);
        found("${ORIGIN}/a/b", "", &own);
    }
}
