//! `wasmaot link`: a front end of wasm-ld that makes copy relocations.
//!
//! ```text
//! words     response files, what drivers wrap
//! args      which files, in what order
//! gnu       options of linkers for ELF
//! search    libraries by name
//! versions  which symbols a library exports, by version scripts
//! hide      objects in which the others are hidden
//! object    relocatable objects: symbols, references by address
//! library   shared libraries: exports, places and sizes of data
//! resolve   who defines what
//! copies    what main holds a copy of
//! forwards  which functions of libraries main takes the address of
//! extra     objects with room for the copies, with functions that forward
//!           wasm-ld
//! dylink    names of libraries, where they are looked for
//! check     main's addresses
//! types     functions that are called by other types than they have
//! hidden    what nobody sees, though somebody should
//! encode    the binary format of modules
//! ```
//!
//! A main that was compiled without `-fPIC` refers to a library's data by
//! address. wasm-ld 22 refuses that, and 19 silently takes 0 for the address.
//! Here the data get room in main itself, which the loader fills. So it is with
//! a library's function by table index: here main has a function of that name
//! which only forwards, and in whose place the compiler puts the library's.

mod args;
mod check;
mod copies;
mod dylink;
mod encode;
mod extra;
mod forwards;
mod gnu;
mod hidden;
mod hide;
mod library;
mod object;
mod resolve;
mod search;
mod tool;
mod types;
mod versions;
mod words;

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use ::object::read::archive::ArchiveFile;
use anyhow::{Context as _, Result, anyhow, bail};
use wasmaot_abi::shebang;
use wasmaot_dylink::data_symbols::{DataSymbol, SECTION_COPY, SECTION_DATA};
use wasmaot_dylink::forward::SECTION_FORWARD;

use self::args::{Arguments, Input};
use self::hide::Hidden;
use self::library::Library;
use self::object::Object;
use self::resolve::{File, Symbols};
pub use self::tool::{LeadsBack, VARIABLE, WasmLd, wasm_ld};
use self::versions::Versions;
pub use self::words::expand;

/// What to link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A position-independent program.
    Pie,
    /// A program at fixed addresses.
    NoPie,
    /// A shared library.
    Shared,
    /// One object of several.
    Relocatable,
}

impl Kind {
    /// Flags of wasm-ld that make it one that takes part in dynamic linking.
    const fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Relocatable => &["--relocatable"],
            Self::Pie => &[
                "-pie",
                "-E",
                "--import-memory",
                "--experimental-pic",
                "-Bdynamic",
            ],
            Self::NoPie => &[
                "-Bdynamic",
                "-E",
                "--export=__stack_pointer",
                "--export=__heap_base",
                "--export-table",
                "--growable-table",
            ],
            Self::Shared => &["-shared", "--experimental-pic", "-Bdynamic"],
        }
    }
}

/// Links a main at fixed addresses in a directory, where all arguments are that
/// are no flags.
///
/// # Errors
/// As of [`link`].
pub fn link_in(directory: &Path, arguments: &[&str]) -> Result<()> {
    let place = |argument: &&str| match argument.starts_with('-') {
        true => argument.into(),
        false => directory.join(argument).into_os_string(),
    };
    let arguments: Vec<OsString> = arguments.iter().map(place).collect();
    let linked = link(Some(Kind::NoPie), None, &arguments, |_| {})?;
    let written = std::fs::write(&linked.output, &linked.module);
    written.with_context(|| format!("cannot write {}", linked.output.display()))
}

/// A module that wasm-ld has made.
#[derive(Clone, Debug)]
pub struct Linked {
    /// The file that it is meant for.
    pub output: PathBuf,
    /// The module's bytes.
    pub module: Vec<u8>,
    /// What it takes of others.
    pub undefined: BTreeSet<String>,
    /// Where the libraries are that it was linked with.
    pub directories: Vec<PathBuf>,
}

/// Option of wasm-ld's latest versions: types of libraries' functions are not
/// checked.
const NO_CHECK: &str = "no-shlib-sigcheck";

/// Links with the wasm-ld that is named, or found in `PATH`; see [`link_with`].
///
/// # Errors
/// If there is none; as of [`link_with`].
pub fn link(
    kind: Option<Kind>,
    output: Option<PathBuf>,
    arguments: &[OsString],
    warn: impl Fn(&str),
) -> Result<Linked> {
    link_with(&wasm_ld()?, kind, output, arguments, warn)
}

/// Links. `kind` and `output` are what the arguments do not say themselves;
/// `warn` takes what the user should know.
///
/// # Errors
/// If a file cannot be read, main's addresses cannot be right, or wasm-ld
/// fails, which has then said why on standard error.
pub fn link_with(
    linker: &WasmLd,
    kind: Option<Kind>,
    output: Option<PathBuf>,
    arguments: &[OsString],
    warn: impl Fn(&str),
) -> Result<Linked> {
    linker.leads_elsewhere()?;
    let mut arguments = Arguments::read(arguments)?;
    arguments.warnings.iter().for_each(|text| warn(text));
    let kind = arguments.kind.or(kind).unwrap_or(Kind::NoPie);
    let output = arguments.output.clone().or(output);
    let output = output.unwrap_or_else(|| "a.out".into());

    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let directory = directory.path();
    let files = load(&mut arguments, kind, directory)?;
    let symbols = Symbols::resolve(&files, &arguments.wanted);
    if arguments.rest.iter().any(|word| word == "--shared-memory") {
        check_threads(&symbols)?;
    }
    let mut first: Vec<OsString> = kind.flags().iter().map(OsString::from).collect();
    if kind == Kind::Shared && !arguments.strict {
        // Main or another library may define what is missing.
        first.push("--unresolved-symbols=import-dynamic".into());
    }
    // What does not fit is told below: who only asks whether a function is there,
    // as configure scripts do, calls it by any type.
    let has_library = files.iter().any(|file| matches!(file, File::Library(_)));
    if has_library && linker.knows(NO_CHECK)? {
        first.push(format!("--{NO_CHECK}").into());
    }
    if let Some(name) = &arguments.soname {
        first.push(format!("--soname={name}").into());
    }
    let mut add = |name: &str, section: &str, bytes: &[u8]| {
        first.push(format!("--keep-section={section}").into());
        let path = write(directory, name.as_ref(), bytes)?;
        first.push(path.into());
        anyhow::Ok(())
    };
    let (copies, forwards) = match kind {
        Kind::NoPie => (
            copies::plan(&symbols, &files, arguments.lenient)?,
            forwards::plan(&symbols, &files)?,
        ),
        Kind::Pie | Kind::Shared | Kind::Relocatable => Default::default(),
    };
    copies.warnings.iter().for_each(|text| warn(text));
    if !copies.list.is_empty() {
        add("copies.o", SECTION_COPY, &extra::with_copies(&copies))?;
    }
    if !forwards.is_empty() {
        let object = extra::with_forwards(&forwards);
        add("forwards.o", SECTION_FORWARD, &object)?;
    }
    if kind == Kind::Shared {
        let sizes = extra::with_sizes(&sizes(&symbols));
        add("sizes.o", SECTION_DATA, &sizes)?;
    }
    let linked = directory.join("linked");
    linker.run(&first, &arguments.rest, directory, &linked)?;
    let module = read(&linked)?;
    if kind == Kind::Relocatable {
        let undefined = BTreeSet::new();
        return Ok(Linked {
            output,
            module,
            undefined,
            directories: Vec::new(),
        });
    }
    if arguments.runpath_inputs {
        add_inputs(&mut arguments.runpath, &files)?;
    }
    let soname = arguments.soname.as_deref();
    let module = dylink::finish(&module, &sonames(&files), &arguments.runpath, soname)?;
    if kind == Kind::NoPie {
        check::check(&output.display().to_string(), &module, &copies, &forwards)?;
    }
    let made = Library::read(&output.display().to_string(), &module)?;
    for text in hidden::warnings(kind, &output, &symbols, &files, &made.exports) {
        warn(&text);
    }
    for text in types::warnings(&output, &made, &files) {
        warn(&text);
    }
    Ok(Linked {
        output,
        module,
        undefined: made.imports,
        directories: directories(&files),
    })
}

/// Refuses what would not be atomic, or one for all threads.
fn check_threads(symbols: &Symbols<'_>) -> Result<()> {
    if let Some((_, object)) = symbols.objects().find(|(_, object)| object.single_thread) {
        bail!(
            "{}: has atomic operations or thread-local data, and was compiled for programs without threads; compile it with -pthread",
            object.name
        );
    }
    Ok(())
}

/// Where the libraries among the files are, each place once.
fn directories(files: &[File]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for file in files {
        let File::Library(library) = file else {
            continue;
        };
        let parent = Path::new(&library.name).parent();
        let parent = parent.filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        if !found.iter().any(|known| known == parent) {
            found.push(parent.to_owned());
        }
    }
    found
}

/// Adds where the libraries among the files are, from the file system's root.
fn add_inputs(runpath: &mut Vec<String>, files: &[File]) -> Result<()> {
    for directory in directories(files) {
        let path = directory.canonicalize();
        let path = path.with_context(|| format!("cannot find {}", directory.display()))?;
        let place = path.into_os_string().into_string();
        let place = place.map_err(|path| {
            anyhow!(
                "--rpath-inputs: {} is not UTF-8, as names in modules are",
                path.display()
            )
        })?;
        if !runpath.contains(&place) {
            runpath.push(place);
        }
    }
    Ok(())
}

/// By which names libraries are needed that are not those of their files.
fn sonames(files: &[File]) -> HashMap<String, String> {
    let libraries = files.iter().filter_map(|file| match file {
        File::Library(library) => Some(&**library),
        _ => None,
    });
    let renamed = libraries.filter_map(|library| {
        let file = Path::new(&library.name).file_name()?.to_str()?;
        let soname = library.soname.as_deref().filter(|name| *name != file)?;
        Some((file.to_owned(), soname.to_owned()))
    });
    renamed.collect()
}

/// Sizes of all data that linked objects define for others.
fn sizes(symbols: &Symbols<'_>) -> Vec<DataSymbol> {
    let objects = symbols.objects();
    let all = objects.flat_map(|(number, object)| {
        let mine = object.symbols.iter();
        mine.filter(move |s| symbols.is_definer(&s.name, number))
    });
    all.filter_map(|symbol| match symbol.kind {
        object::Kind::Data { size, align } if !symbol.tls && !symbol.hidden => Some(DataSymbol {
            name: symbol.name.clone(),
            size,
            align,
            bound: false,
        }),
        _ => None,
    })
    .collect()
}

/// Reads the inputs. What wasm-ld is to see otherwise it gets as a copy.
fn load(arguments: &mut Arguments, kind: Kind, directory: &Path) -> Result<Vec<File>> {
    let mut versions = Versions::default();
    for path in &arguments.version_scripts {
        let script = String::from_utf8_lossy(&read(path)?).into_owned();
        let added = versions.add(&script);
        added.with_context(|| format!("{}: not a version script", path.display()))?;
    }
    let excluded = std::mem::take(&mut arguments.excluded);
    let hidden = Hidden {
        versions: &versions,
        excluded: &excluded,
    };
    let mut files = Vec::new();
    for number in 0..arguments.inputs.len() {
        let input = arguments.inputs[number].clone();
        let whole = read(&input.path)?;
        let mut bytes = shebang::module(&whole).to_vec();
        let is_library = bytes.starts_with(b"\0asm") && library::is_library(&bytes);
        let mut changed = bytes.len() != whole.len();
        if kind == Kind::Shared
            && !is_library
            && let Some(with_hidden) = hidden.applied(&input.path, &bytes)?
        {
            (bytes, changed) = (with_hidden, true);
        }
        if changed {
            let name = input.path.file_name().unwrap_or_default();
            // Of several files of a name each has its own directory.
            let copy = write(&directory.join(number.to_string()), name, &bytes)?;
            arguments.replace(number, copy);
        }
        add_file(&mut files, &input, &bytes, is_library)?;
    }
    Ok(files)
}

fn add_file(files: &mut Vec<File>, input: &Input, bytes: &[u8], is_library: bool) -> Result<()> {
    let name = input.path.display().to_string();
    if bytes.starts_with(b"!<") {
        let members = members(&input.path, &name, bytes)?;
        files.extend(members.into_iter().map(|object| match input.whole {
            true => File::Object(object),
            false => File::Lazy(object),
        }));
    } else if is_library {
        files.push(File::Library(Box::new(Library::read(&name, bytes)?)));
    } else {
        let object = relocatable(&name, bytes)?;
        files.push(match input.lazy {
            true => File::Lazy(object),
            false => File::Object(object),
        });
    }
    Ok(())
}

/// Writes a file of ours.
fn write(directory: &Path, name: &OsStr, bytes: &[u8]) -> Result<PathBuf> {
    let path = directory.join(name);
    let written = std::fs::create_dir_all(directory).and_then(|()| std::fs::write(&path, bytes));
    written.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The members of an archive.
fn members(path: &Path, name: &str, bytes: &[u8]) -> Result<Vec<Object>> {
    let malformed = || format!("{name}: not an archive that can be read");
    let archive = ArchiveFile::parse(bytes).with_context(malformed)?;
    let mut objects = Vec::new();
    for member in archive.members() {
        let member = member.with_context(malformed)?;
        let file = String::from_utf8_lossy(member.name()).into_owned();
        let shown = format!("{name}({file})");
        objects.push(if archive.is_thin() {
            let path = path.parent().unwrap_or(Path::new("")).join(&file);
            relocatable(&shown, &read(&path)?)?
        } else {
            relocatable(&shown, member.data(bytes).with_context(malformed)?)?
        });
    }
    Ok(objects)
}

fn relocatable(name: &str, bytes: &[u8]) -> Result<Object> {
    if bytes.starts_with(b"BC") {
        bail!("{name}: is LLVM bitcode, whose references are not known; compile it without -flto");
    }
    if bytes.starts_with(b"\x7fELF") {
        bail!("{name}: is an ELF file, of native code; compile its source with `wasmaot cc -c`");
    }
    if !bytes.starts_with(b"\0asm") {
        bail!(
            "{name}: is neither a wasm object nor a library nor an archive; give one of these, or a source to `wasmaot cc`"
        );
    }
    Object::read(name, bytes)
}
