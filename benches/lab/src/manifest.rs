//! Kernels from a directory: a folder for each, with `main.c`, which has `run(n)`, and
//! `lib.c`; or with a file `kernel.toml` that says what belongs to what.
//!
//! ```toml
//! about = "What it does, in a sentence."
//! n = 20                        # units of work that take some 100 ms natively
//! libc = true                   # it needs a C library
//! shares-data = false           # main refers to variables of a library
//! flags = ["-DNDEBUG"]          # of all files and compilers; so is `include`
//!
//! [source.zlib]                 # where $zlib is
//! path = "../zlib-1.3"          # or what somebody else knows how to get
//!
//! [main]
//! sources = ["main.c"]
//! include = ["$zlib"]
//!
//! [[library]]
//! name = "z"                    # z.so, libz.so
//! sources = ["$zlib/*.c"]
//! exclude = ["$zlib/gzread.c"]
//! needs = []                    # libraries above that it calls
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::kernel::{Group, Kernel, Library, THE_LIBRARY, Unit, first_comment};

/// The file that says what a kernel is made of.
pub const MANIFEST: &str = "kernel.toml";

/// Where sources are that are not in the kernel's own directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Origin {
    /// A directory, relative to the kernel's.
    pub path: Option<PathBuf>,
    /// A crate on crates.io.
    #[serde(rename = "crate")]
    pub package: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Something else that whoever reads the manifest knows by this name.
    pub known: Option<String>,
}

/// Answers where sources are that are not given by a path.
pub type Find<'a> = &'a dyn Fn(&Origin) -> Result<PathBuf>;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Manifest {
    about: Option<String>,
    group: Option<String>,
    n: Option<u32>,
    #[serde(default)]
    libc: bool,
    #[serde(default)]
    shares_data: bool,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    include: Vec<String>,
    #[serde(default)]
    source: BTreeMap<String, Origin>,
    main: Part,
    #[serde(default)]
    library: Vec<Part>,
}

/// Main, or a library.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Part {
    name: Option<String>,
    sources: Vec<String>,
    #[serde(default)]
    exclude: Vec<String>,
    #[serde(default)]
    include: Vec<String>,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    needs: Vec<String>,
}

/// The names of the kernels in a directory, in order.
///
/// # Errors
/// It cannot be read, or has none.
pub fn names(directory: &Path) -> Result<Vec<String>> {
    let shown = directory.display();
    let entries = fs::read_dir(directory).with_context(|| format!("cannot read {shown}"))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot read {shown}"))?
            .path();
        if path.join(MANIFEST).is_file() || path.join("main.c").is_file() {
            let name = path.file_name().unwrap_or_default().to_str();
            let name = name.with_context(|| format!("{} is not UTF-8", path.display()))?;
            names.push(name.to_owned());
        }
    }
    ensure!(
        !names.is_empty(),
        "{shown} has no kernel: a directory with main.c and lib.c, or with {MANIFEST}"
    );
    names.sort();
    Ok(names)
}

/// The kernel in a directory.
///
/// # Errors
/// What it is made of is not there or not understood: one line that says which.
pub fn read(directory: &Path, find: Find<'_>) -> Result<Kernel> {
    let directory = directory
        .canonicalize()
        .with_context(|| format!("cannot find {}", directory.display()))?;
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    let path = directory.join(MANIFEST);
    if !path.is_file() {
        let main = fs::read_to_string(directory.join("main.c")).unwrap_or_default();
        let manifest = plain(&main);
        return kernel(&name, manifest, &directory, find)
            .with_context(|| directory.display().to_string());
    }
    let shown = path.display().to_string();
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {shown}"))?;
    let manifest = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| {
            let before = text.get(..span.start).unwrap_or_default();
            before.matches('\n').count() + 1
        });
        anyhow::anyhow!("{shown}:{line}: {}", error.message().replace('\n', ", "))
    })?;
    kernel(&name, manifest, &directory, find).with_context(|| shown)
}

/// What a kernel of two files is.
fn plain(main: &str) -> Manifest {
    let part = |source: &str| Part {
        sources: vec![source.to_owned()],
        ..Part::default()
    };
    Manifest {
        about: Some(first_comment(main)),
        group: None,
        n: None,
        libc: false,
        shares_data: false,
        flags: Vec::new(),
        include: Vec::new(),
        source: BTreeMap::new(),
        main: part("main.c"),
        library: vec![part("lib.c")],
    }
}

fn kernel(name: &str, manifest: Manifest, directory: &Path, find: Find<'_>) -> Result<Kernel> {
    ensure!(is_name(name), "`{name}` is no name for a kernel: {NAMES}");
    let group = match manifest.group.as_deref() {
        None | Some("work") => Group::Work,
        Some("micro") => Group::Micro,
        Some(other) => bail!("there is no group `{other}`: micro, work"),
    };
    ensure!(manifest.n != Some(0), "n is 0, and has to be above");
    let places = Places::new(directory, &manifest.source, find)?;
    let unit = |part: &Part| places.unit(part, &manifest);
    let main = unit(&manifest.main).context("main")?;
    ensure!(
        manifest.main.name.is_none() && manifest.main.needs.is_empty(),
        "main has no name, and needs all libraries"
    );
    let mut libraries: Vec<Library> = Vec::new();
    for part in &manifest.library {
        let library = part.name.as_deref().unwrap_or(THE_LIBRARY);
        ensure!(
            is_name(library),
            "`{library}` is no name for a library: {NAMES}"
        );
        let known = |name: &str| libraries.iter().any(|library| library.name == name);
        ensure!(!known(library), "there are two libraries `{library}`");
        ensure!(
            !["libc", "main", "c", "kernel"].contains(&library),
            "`{library}` is the name of something else than a library of the kernel"
        );
        for needed in &part.needs {
            ensure!(
                known(needed),
                "the library `{library}` needs `{needed}`, which is none of those above it"
            );
        }
        libraries.push(Library {
            name: library.to_owned(),
            unit: unit(part).with_context(|| format!("library `{library}`"))?,
            needs: part.needs.clone(),
        });
    }
    ensure!(
        !libraries.is_empty(),
        "there is no library: nothing that could be called across modules"
    );
    Ok(Kernel {
        name: name.to_owned(),
        group,
        about: manifest.about.unwrap_or_default(),
        n: manifest.n,
        shares_data: manifest.shares_data,
        libc: manifest.libc,
        main,
        libraries,
        files: Vec::new(),
    })
}

const NAMES: &str = "letters, digits, `-` and `_`, at most 40";

/// Whether a text can be a part of a file's name everywhere.
fn is_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.len() <= 40 && name.chars().all(is_part) && !name.starts_with('-')
}

/// Where paths of a manifest begin.
struct Places<'a> {
    own: &'a Path,
    named: BTreeMap<&'a str, PathBuf>,
}

impl<'a> Places<'a> {
    fn new(own: &'a Path, sources: &'a BTreeMap<String, Origin>, find: Find<'_>) -> Result<Self> {
        let mut named = BTreeMap::new();
        for (name, origin) in sources {
            let place = match &origin.path {
                Some(path) => own.join(path),
                None => find(origin).with_context(|| format!("source `{name}`"))?,
            };
            ensure!(
                place.is_dir(),
                "source `{name}`: {} is no directory",
                place.display()
            );
            named.insert(name.as_str(), place);
        }
        Ok(Self { own, named })
    }

    /// A path as it stands in a manifest.
    fn path(&self, text: &str) -> Result<PathBuf> {
        let Some(rest) = text.strip_prefix('$') else {
            return Ok(self.own.join(text));
        };
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let place = self.named.get(name);
        let place = place.with_context(|| format!("there is no [source.{name}] for `{text}`"))?;
        Ok(place.join(rest))
    }

    fn unit(&self, part: &Part, manifest: &Manifest) -> Result<Unit> {
        let excluded = part.exclude.iter().map(|text| self.path(text));
        let excluded: Vec<PathBuf> = excluded.collect::<Result<_>>()?;
        let mut sources = Vec::new();
        for text in &part.sources {
            let path = self.path(text)?;
            let files = match text.strip_suffix("/*.c") {
                Some(_) => c_files(path.parent().unwrap_or(&path))?,
                None => vec![path],
            };
            sources.extend(files.into_iter().filter(|file| !excluded.contains(file)));
        }
        ensure!(!sources.is_empty(), "there are no sources");
        for source in &sources {
            ensure!(source.is_file(), "there is no {}", source.display());
        }
        let include = part.include.iter().chain(&manifest.include);
        let include = include.map(|text| self.path(text));
        Ok(Unit {
            sources,
            include: include.collect::<Result<_>>()?,
            flags: manifest.flags.iter().chain(&part.flags).cloned().collect(),
        })
    }
}

/// The C files in a directory, in order.
fn c_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let shown = directory.display();
    let entries = fs::read_dir(directory).with_context(|| format!("cannot read {shown}"))?;
    let paths = entries.map(|entry| {
        Ok(entry
            .with_context(|| format!("cannot read {shown}"))?
            .path())
    });
    let mut paths = paths.collect::<Result<Vec<PathBuf>>>()?;
    paths.retain(|path| path.extension().is_some_and(|e| e == "c"));
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(_: &Origin) -> Result<PathBuf> {
        bail!("nobody fetches here")
    }

    fn told(manifest: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let kernel = directory.path().join("kernel");
        fs::create_dir(&kernel).unwrap();
        for file in ["main.c", "a.c", "b.c"] {
            fs::write(kernel.join(file), "").unwrap();
        }
        fs::write(kernel.join(MANIFEST), manifest).unwrap();
        match read(&kernel, &refuse) {
            Ok(kernel) => format!("{kernel:?}"),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn a_manifest_says_what_belongs_to_what() {
        let text = "n = 3\nflags = [\"-DA\"]\n[source.here]\npath = \".\"\n[main]\nsources = [\"main.c\"]\n\
                    [[library]]\nname = \"b\"\nsources = [\"b.c\"]\nflags = [\"-DB\"]\n\
                    [[library]]\nname = \"a\"\nsources = [\"$here/*.c\"]\nexclude = [\"$here/main.c\", \"$here/b.c\"]\n\
                    needs = [\"b\"]\n";
        let told = told(text);
        for part in ["n: Some(3)", "\"-DA\", \"-DB\"", "needs: [\"b\"]", "a.c"] {
            assert!(told.contains(part), "no {part}: {told}");
        }
        assert_eq!(told.matches("main.c").count(), 1, "{told}");
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        let main = "[main]\nsources = [\"main.c\"]\n";
        let library = "[[library]]\nsources = [\"a.c\"]\n";
        for (text, parts) in [
            (
                "n = \"many\"\n".to_owned() + main,
                &["kernel.toml:1", "u32"][..],
            ),
            (
                "speed = 3\n".to_owned() + main,
                &["kernel.toml:1", "unknown field `speed`", "shares-data"],
            ),
            ("[main".to_owned(), &["kernel.toml:1: "]),
            (main.to_owned(), &["no library"]),
            ("n = 0\n".to_owned() + main + library, &["n is 0"]),
            (
                "group = \"big\"\n".to_owned() + main + library,
                &["no group `big`"],
            ),
            (
                main.to_owned() + library + library,
                &["two libraries `lib`"],
            ),
            (
                main.to_owned() + library + "needs = [\"z\"]\n",
                &["needs `z`"],
            ),
            (
                main.to_owned() + library + "name = \"a/b\"\n",
                &["`a/b` is no name"],
            ),
            (
                main.to_owned() + "[[library]]\nsources = [\"c.c\"]\n",
                &["library `lib`", "there is no ", "c.c"],
            ),
            (
                main.to_owned() + "[[library]]\nsources = [\"$z/c.c\"]\n",
                &["no [source.z]"],
            ),
            (
                main.to_owned() + library + "[source.z]\ncrate = \"z\"\n",
                &["source `z`", "nobody fetches"],
            ),
            (
                main.to_owned() + library + "[source.z]\npath = \"none\"\n",
                &["source `z`", "no directory"],
            ),
        ] {
            let told = told(&text);
            assert!(!told.contains('\n'), "{told}");
            for part in parts {
                assert!(told.contains(part), "no {part}: {told}");
            }
        }
    }
}
