//! Phase 1: the objects of a program: main, and the libraries it needs,
//! breadth first, each once. How a name becomes an object is the caller's
//! affair ([`Finder`]); [`candidates`] is the usual order of places.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{Category, Config};
use crate::error::{Error, Result};
use crate::object::Object;
use crate::sys::FileId;

/// Turns the name of a needed library into an opened object; `None` if it is
/// nowhere. `by` is the object that needs it.
pub trait Finder {
    /// Finds a library.
    ///
    /// # Errors
    /// Whatever keeps a library that is there from being opened.
    fn find(&mut self, name: &str, by: &Object) -> Result<Option<Arc<Object>>>;
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

/// Paths at which to look for a library, in order: a name with a slash as it
/// is; else `DT_RUNPATH` of the object that needs it (`$ORIGIN` is its
/// directory), `-L`, `WASMAOT_LIBRARY_PATH`, the program's directory; in each
/// directory `NAME.elf` before `NAME`.
pub fn candidates(name: &str, by: &Object, path: &SearchPath) -> Vec<PathBuf> {
    let origin = by.path().parent().unwrap_or(Path::new(""));
    places(name, by.runpath(), origin, path)
}

fn places(name: &str, runpath: &[String], origin: &Path, path: &SearchPath) -> Vec<PathBuf> {
    let beside = |file: PathBuf| {
        let mut built = file.clone().into_os_string();
        built.push(".elf");
        [PathBuf::from(built), file]
    };
    if name.contains('/') {
        return beside(PathBuf::from(name)).into();
    }
    let runpath = runpath.iter().map(|dir| {
        let origin = origin.to_string_lossy();
        let origin = if origin.is_empty() { "." } else { &*origin };
        let dir = dir.replace("${ORIGIN}", origin);
        PathBuf::from(dir.replace("$ORIGIN", origin))
    });
    runpath
        .chain(path.dirs.iter().cloned())
        .chain(path.env.iter().cloned())
        .chain(path.program.clone())
        .flat_map(|dir| beside(dir.join(name)))
        .collect()
}

impl Finder for SearchPath {
    /// The first candidate that exists; it has to be an object.
    fn find(&mut self, name: &str, by: &Object) -> Result<Option<Arc<Object>>> {
        let found = candidates(name, by, self).into_iter().find(|p| p.is_file());
        found
            .map(|path| Object::open(path, self.verify).map(Arc::new))
            .transpose()
    }
}

/// An object about to be loaded.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub object: Arc<Object>,
    /// Name it was asked for by.
    pub name: String,
    /// Numbers of the members it needs.
    pub needs: Vec<usize>,
}

/// Main, the preloaded libraries, and all that they need, breadth first.
pub(super) fn closure(
    config: &Config,
    main: Arc<Object>,
    preload: &[Arc<Object>],
    finder: &mut dyn Finder,
) -> Result<Vec<Member>> {
    let mut group = Group::default();
    group.add(main.name().to_owned(), main);
    for library in preload {
        let number = group.add(library.name().to_owned(), Arc::clone(library));
        group.members[0].needs.push(number);
    }
    let mut queue: VecDeque<usize> = (0..group.members.len()).collect();
    while let Some(at) = queue.pop_front() {
        let by = Arc::clone(&group.members[at].object);
        for name in by.needed() {
            let known = group.names.get(name.as_str()).copied();
            let number = match known {
                Some(number) => number,
                None => {
                    let library = find(config, finder, name, &by)?;
                    let before = group.members.len();
                    let number = group.add(name.clone(), library);
                    if number == before {
                        queue.push_back(number);
                    }
                    number
                }
            };
            group.members[at].needs.push(number);
        }
    }
    Ok(group.members)
}

fn find(config: &Config, finder: &mut dyn Finder, name: &str, by: &Object) -> Result<Arc<Object>> {
    config.trace(Category::Libs, || {
        format!("find library={name}, needed by {}", by.name())
    });
    let path = || by.path().display().to_string();
    let found = finder.find(name, by).map_err(|error| match error {
        named @ Error::Library { .. } => named,
        source => Error::Library {
            name: name.to_owned(),
            by: path(),
            source: Box::new(source),
        },
    })?;
    let found = found.ok_or_else(|| Error::LibraryNotFound {
        name: name.to_owned(),
        by: path(),
    })?;
    config.trace(Category::Libs, || {
        format!("found {name} as {}", found.path().display())
    });
    Ok(found)
}

/// The objects so far, by the names and files that stand for them.
#[derive(Default)]
struct Group {
    members: Vec<Member>,
    names: HashMap<String, usize>,
    files: HashMap<FileId, usize>,
    sonames: HashMap<String, usize>,
}

impl Group {
    /// Number of an object, entered if it is new.
    fn add(&mut self, name: String, object: Arc<Object>) -> usize {
        let same_file = self.files.get(&object.id());
        let same_name = object.soname().and_then(|n| self.sonames.get(n));
        let number = match same_file.or(same_name) {
            Some(&number) => number,
            None => {
                let number = self.members.len();
                self.files.insert(object.id(), number);
                if let Some(soname) = object.soname() {
                    self.sonames.insert(soname.to_owned(), number);
                    self.names.entry(soname.to_owned()).or_insert(number);
                }
                self.members.push(Member {
                    object,
                    name: name.clone(),
                    needs: Vec::new(),
                });
                number
            }
        };
        self.names.entry(name).or_insert(number);
        number
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
        let found = places("a.so", &runpath, Path::new("/app/bin"), &path);
        let want = [
            "/app/bin/../lib/a.so.elf",
            "/app/bin/../lib/a.so",
            "/l/a.so.elf",
            "/l/a.so",
            "/e/a.so.elf",
            "/e/a.so",
            "/p/a.so.elf",
            "/p/a.so",
        ];
        assert_eq!(found, want.map(PathBuf::from));
        let direct = places("./x/a.so", &runpath, Path::new(""), &path);
        assert_eq!(direct, ["./x/a.so.elf", "./x/a.so"].map(PathBuf::from));
        let here = places("a.so", &runpath, Path::new(""), &SearchPath::default());
        assert_eq!(here[1], Path::new("./../lib/a.so"));
    }
}
