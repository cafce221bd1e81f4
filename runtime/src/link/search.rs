//! Phase 1: the objects of a program: main, and the libraries it needs,
//! breadth first, each once. How a name becomes an object is the caller's
//! affair ([`Finder`]); [`candidates`] is the usual order of places.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use super::instance::Instance;
use super::linker::View;
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

fn places(
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
    let own = runpath.iter().flat_map(|dir| expand(dir, origins));
    let all = given.map(|dir| (dir, Way::Directory));
    let all = all.chain(own.map(|dir| (dir, Way::Object)));
    let all = all.chain(path.program.clone().map(|dir| (dir, Way::Directory)));
    all.flat_map(|(dir, way)| beside(dir.join(name), way))
        .collect()
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

/// An object about to be loaded.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub object: Arc<Object>,
    /// Name it was asked for by.
    pub name: String,
    /// Numbers of the instances it needs, in the order of their names.
    pub needs: Vec<usize>,
    /// Where the program wants it in its memory.
    pub memory: Option<u64>,
    /// It is main, or was preloaded.
    pub chosen: bool,
}

/// Why objects are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A program, whose objects make the global scope.
    Program,
    /// One module by the WebAssembly specification.
    Module,
    /// One module of a flat program.
    Flat,
    /// A library that the program opens.
    Opened {
        /// Its own definitions come before the global ones.
        deepbind: bool,
        /// It joins the global scope.
        global: bool,
        /// Its functions are bound before it runs, whatever the process does.
        now: bool,
    },
}

impl Purpose {
    /// Whether a group's own definitions come before the global ones.
    pub const fn is_deepbind(self) -> bool {
        matches!(self, Self::Opened { deepbind: true, .. })
    }

    /// Whether functions have to be bound before anything runs.
    pub const fn is_now(self) -> bool {
        matches!(self, Self::Opened { now: true, .. })
    }

    /// Whether the group is opened by a running program.
    pub const fn is_opened(self) -> bool {
        matches!(self, Self::Opened { .. })
    }
}

/// Objects that are loaded together.
#[derive(Debug)]
pub(crate) struct Group {
    pub members: Vec<Member>,
    /// The instance that the first member becomes; the others follow.
    pub first: usize,
    /// The first member and all that it needs, breadth first: instances,
    /// loaded ones among them.
    pub local: Vec<usize>,
    pub purpose: Purpose,
    /// Libraries that are left for later.
    pub deferred: Vec<Deferred>,
}

/// A needed library that is not loaded yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deferred {
    /// The instance that needs it.
    pub by: usize,
    /// The name by which it does.
    pub name: String,
}

impl Group {
    /// One object that needs nothing but what is there.
    pub fn alone(view: View<'_>, name: String, object: Arc<Object>, purpose: Purpose) -> Self {
        let first = view.state.instances.next();
        Self {
            members: vec![Member {
                name,
                object,
                needs: Vec::new(),
                memory: None,
                chosen: false,
            }],
            first,
            local: vec![first],
            purpose,
            deferred: Vec::new(),
        }
    }

    /// The numbers of the members.
    pub fn numbers(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.members.len()
    }

    /// The object of a member or a loaded instance.
    pub fn object<'a>(&'a self, view: View<'a>, number: usize) -> &'a Object {
        match number.checked_sub(self.first) {
            Some(member) => &self.members[member].object,
            None => &view.state.instances[number].object,
        }
    }

    /// Where names are looked up, in order.
    pub fn scope(&self, view: View<'_>) -> Vec<usize> {
        let global = view.state.scope.iter().copied();
        let local = self.local.iter().copied();
        let beside = view.state.beside.iter().copied();
        match self.purpose {
            Purpose::Program => global.chain(self.numbers()).chain(beside).collect(),
            Purpose::Module => global.chain(beside).collect(),
            Purpose::Flat => global.collect(),
            Purpose::Opened { deepbind: true, .. } => local.chain(global).chain(beside).collect(),
            Purpose::Opened { .. } => global.chain(local).chain(beside).collect(),
        }
    }
}

/// A library that an object needs.
#[derive(Clone, Debug)]
pub struct Needed {
    /// The object.
    pub by: Arc<Object>,
    /// The name by which it does.
    pub name: String,
    /// What the name stands for; `None` if it is nowhere.
    pub library: Option<Arc<Object>>,
}

/// The roots and all that they need, breadth first, but no more than `limit`
/// libraries. What is loaded already is not loaded again. The first root needs
/// the others.
pub(super) fn closure(
    view: View<'_>,
    roots: Vec<(String, Arc<Object>)>,
    finder: &mut dyn Finder,
    purpose: Purpose,
    limit: usize,
) -> Result<Group> {
    let mut needed = |needed: Needed| match needed.library {
        Some(_) => Ok(()),
        None if (view.state.overrides.provides)(&needed.name) => {
            view.config.trace(Category::Libs, || {
                let name = &needed.name;
                format!("{name} is nowhere: the loader stands in for it")
            });
            Ok(())
        }
        None => Err(not_found(needed.name, &needed.by)),
    };
    walk(view, roots, finder, purpose, limit, &mut needed)
}

/// What the roots and all that they need need in turn, in the order in which
/// it is looked for, also where it is nowhere.
pub(super) fn needed(
    view: View<'_>,
    roots: Vec<(String, Arc<Object>)>,
    finder: &mut dyn Finder,
) -> Result<Vec<Needed>> {
    let mut all = Vec::new();
    let mut needed = |needed| {
        all.push(needed);
        Ok(())
    };
    let purpose = Purpose::Program;
    walk(view, roots, finder, purpose, usize::MAX, &mut needed)?;
    Ok(all)
}

/// Finds what the roots need; `needed` is told of each name, and says whether
/// the walk goes on.
fn walk(
    view: View<'_>,
    roots: Vec<(String, Arc<Object>)>,
    finder: &mut dyn Finder,
    purpose: Purpose,
    limit: usize,
    needed: &mut dyn FnMut(Needed) -> Result<()>,
) -> Result<Group> {
    let mut known = Known::of(view);
    let (mut found, mut deferred) = (0, Vec::new());
    let mut queue = VecDeque::new();
    let chosen = roots.len().saturating_sub(view.state.libraries.len());
    for (at, (name, object)) in roots.into_iter().enumerate() {
        let number = known.add(name, object);
        let member = number.checked_sub(known.first);
        if let Some(member) = member.and_then(|m| known.members.get_mut(m)) {
            member.chosen |= purpose == Purpose::Program && at < chosen;
        }
        queue.push_back(number);
        if number != known.first {
            known.members[0].needs.push(number);
        }
    }
    while let Some(number) = queue.pop_front() {
        let Some(at) = number.checked_sub(known.first) else {
            continue;
        };
        let by = Arc::clone(&known.members[at].object);
        for name in by.needed() {
            let library = match known.names.get(name.as_str()) {
                Some(&number) => Some(number),
                None if found == limit => {
                    let name = name.clone();
                    deferred.push(Deferred { by: number, name });
                    continue;
                }
                None => {
                    view.refuse_if_interrupted()?;
                    let library = look_for(view.config, finder, name, &by)?;
                    found += usize::from(library.is_some());
                    let before = known.members.len();
                    let number = library.map(|library| known.add(name.clone(), library));
                    if known.members.len() > before {
                        queue.extend(number);
                    }
                    number
                }
            };
            known.members[at].needs.extend(library);
            needed(Needed {
                by: Arc::clone(&by),
                name: name.clone(),
                library: library.map(|number| Arc::clone(known.object(view, number))),
            })?;
        }
    }
    let needs = |number: usize| match number.checked_sub(known.first) {
        Some(member) => &known.members[member].needs,
        None => &view.state.instances[number].needs,
    };
    Ok(Group {
        local: breadth_first(known.first, needs),
        first: known.first,
        members: known.members,
        purpose,
        deferred,
    })
}

/// An instance and all that it needs.
pub(crate) fn breadth_first<'a>(
    root: usize,
    needs: impl Fn(usize) -> &'a Vec<usize>,
) -> Vec<usize> {
    let (mut order, mut seen) = (vec![root], HashSet::from([root]));
    let mut next = 0;
    while let Some(&number) = order.get(next) {
        next += 1;
        let new = needs(number).iter().copied().filter(|&n| seen.insert(n));
        order.extend(new);
    }
    order
}

/// Finds a library by the name that an object gives.
pub(crate) fn find(
    view: View<'_>,
    finder: &mut dyn Finder,
    name: &str,
    by: &Object,
) -> Result<Arc<Object>> {
    look_for(view.config, finder, name, by)?.ok_or_else(|| not_found(name.to_owned(), by))
}

fn not_found(name: String, by: &Object) -> Error {
    let by = by.path().display().to_string();
    Error::LibraryNotFound { name, by }
}

/// Finds a library that may be nowhere.
fn look_for(
    config: &Config,
    finder: &mut dyn Finder,
    name: &str,
    by: &Object,
) -> Result<Option<Arc<Object>>> {
    config.trace(Category::Libs, || {
        format!("find library={name}, needed by {}", by.name())
    });
    let found = finder.find(name, by).map_err(|error| match error {
        named @ Error::Library { .. } => named,
        source => Error::Library {
            name: name.to_owned(),
            by: by.path().display().to_string(),
            source: Box::new(source),
        },
    })?;
    if let Some(found) = &found {
        config.trace(Category::Libs, || {
            format!("found {name} as {}", found.path().display())
        });
    }
    Ok(found)
}

/// Finds a library that an object needs; `None`: the loader stands in for it.
pub(super) fn find_needed(
    view: View<'_>,
    finder: &mut dyn Finder,
    name: &str,
    by: &Object,
) -> Result<Option<Arc<Object>>> {
    match find(view, finder, name, by) {
        Err(Error::LibraryNotFound { .. }) if (view.state.overrides.provides)(name) => {
            view.config.trace(Category::Libs, || {
                format!("{name} is nowhere: the loader stands in for it")
            });
            Ok(None)
        }
        found => found.map(Some),
    }
}

/// Whether an instance is what a name stands for.
pub(crate) fn is_named(instance: &Instance, name: &str) -> bool {
    instance.name == name || instance.object.soname() == Some(name)
}

/// The objects so far, loaded ones among them, by the names and files that
/// stand for them.
struct Known {
    first: usize,
    members: Vec<Member>,
    names: HashMap<String, usize>,
    files: HashMap<FileId, usize>,
}

impl Known {
    /// What a process has loaded.
    fn of(view: View<'_>) -> Self {
        let mut known = Self {
            first: view.state.instances.next(),
            members: Vec::new(),
            names: HashMap::new(),
            files: HashMap::new(),
        };
        for (number, instance) in view.state.instances.iter() {
            known.enter(number, instance.name.clone(), &instance.object);
        }
        known
    }

    fn enter(&mut self, number: usize, name: String, object: &Object) {
        self.files.entry(object.id()).or_insert(number);
        if let Some(soname) = object.soname() {
            self.names.entry(soname.to_owned()).or_insert(number);
        }
        self.names.entry(name).or_insert(number);
    }

    /// The object of a number.
    fn object<'a>(&'a self, view: View<'a>, number: usize) -> &'a Arc<Object> {
        match number.checked_sub(self.first) {
            Some(member) => &self.members[member].object,
            None => &view.state.instances[number].object,
        }
    }

    /// Number of an object, entered if it is new.
    fn add(&mut self, name: String, object: Arc<Object>) -> usize {
        let number = match self.files.get(&object.id()) {
            Some(&number) => number,
            None => {
                let number = self.first + self.members.len();
                self.enter(number, name.clone(), &object);
                self.members.push(Member {
                    object,
                    name: name.clone(),
                    needs: Vec::new(),
                    memory: None,
                    chosen: false,
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
