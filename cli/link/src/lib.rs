//! `wasmaot link`: a front end of wasm-ld that makes copy relocations.
//!
//! ```text
//! args      which files, in what order
//! object    relocatable objects: symbols, references by address
//! library   shared libraries: exports, places and sizes of data
//! resolve   who defines what
//! copies    what main holds a copy of
//! forwards  which functions of libraries main takes the address of
//! extra     objects with room for the copies, with functions that forward
//!           wasm-ld
//! check     main's addresses
//! hidden    what nobody sees, though somebody should
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
mod extra;
mod forwards;
mod hidden;
mod library;
mod object;
mod resolve;
mod tool;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ::object::read::archive::ArchiveFile;
use anyhow::{Context as _, Result, bail};
use wasmaot_dylink::data_symbols::{DataSymbol, SECTION_COPY, SECTION_DATA};
use wasmaot_dylink::forward::SECTION_FORWARD;

use self::args::{Arguments, Input};
use self::library::Library;
use self::object::Object;
use self::resolve::{File, Symbols};
pub use self::tool::LeadsBack;

/// What to link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A position-independent program.
    Pie,
    /// A program at fixed addresses.
    NoPie,
    /// A shared library.
    Shared,
}

impl Kind {
    /// Flags of wasm-ld that make it one that takes part in dynamic linking.
    const fn flags(self) -> &'static [&'static str] {
        match self {
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
            Self::Shared => &[
                "-shared",
                "--experimental-pic",
                "-Bdynamic",
                // Main or another library may define what is missing.
                "--unresolved-symbols=import-dynamic",
            ],
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
}

/// Links. `kind` and `output` are what the arguments do not say themselves;
/// `warn` takes what the user should know.
///
/// # Errors
/// If a file cannot be read, main's addresses cannot be right, or wasm-ld
/// fails, which has then said why on standard error.
pub fn link(
    kind: Option<Kind>,
    output: Option<PathBuf>,
    arguments: &[OsString],
    warn: impl Fn(&str),
) -> Result<Linked> {
    let linker = tool::wasm_ld()?;
    linker.leads_elsewhere()?;
    let arguments = Arguments::read(arguments)?;
    let kind = arguments.kind.or(kind).unwrap_or(Kind::NoPie);
    let output = arguments.output.clone().or(output);
    let output = output.unwrap_or_else(|| "a.out".into());

    let files = load(&arguments.inputs)?;
    let symbols = Symbols::resolve(&files, &arguments.wanted);
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let mut first: Vec<OsString> = kind.flags().iter().map(OsString::from).collect();
    let mut add = |name: &str, section: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        let written = std::fs::write(&path, bytes);
        first.push(format!("--keep-section={section}").into());
        first.push(path.clone().into());
        written.with_context(|| format!("cannot write {}", path.display()))
    };
    let (copies, forwards) = match kind {
        Kind::NoPie => (
            copies::plan(&symbols, &files, arguments.lenient)?,
            forwards::plan(&symbols, &files)?,
        ),
        Kind::Pie | Kind::Shared => Default::default(),
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
    let linked = directory.path().join("linked");
    linker.run(&first, &arguments.rest, directory.path(), &linked)?;
    let module = read(&linked)?;
    if kind == Kind::NoPie {
        check::check(&output.display().to_string(), &module, &copies, &forwards)?;
    }
    let exports = Library::read(&output.display().to_string(), &module)?.exports;
    for text in hidden::warnings(kind, &output, &symbols, &files, &exports) {
        warn(&text);
    }
    Ok(Linked { output, module })
}

/// Sizes of all data that linked objects define for others.
fn sizes(symbols: &Symbols<'_>) -> Vec<DataSymbol> {
    let objects = symbols.objects();
    let all = objects.flat_map(|(number, object)| {
        let mine = object.symbols.iter();
        mine.filter(move |s| symbols.is_definer(&s.name, number))
    });
    all.filter_map(|symbol| match symbol.kind {
        object::Kind::Data { size, align } if !symbol.tls => Some(DataSymbol {
            name: symbol.name.clone(),
            size,
            align,
            bound: false,
        }),
        _ => None,
    })
    .collect()
}

fn load(inputs: &[Input]) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for input in inputs {
        let bytes = read(&input.path)?;
        let name = input.path.display().to_string();
        if bytes.starts_with(b"!<") {
            let members = members(&input.path, &name, &bytes)?;
            files.extend(members.into_iter().map(|object| match input.whole {
                true => File::Object(object),
                false => File::Lazy(object),
            }));
        } else if bytes.starts_with(b"\0asm") && library::is_library(&bytes) {
            files.push(File::Library(Box::new(Library::read(&name, &bytes)?)));
        } else {
            let object = relocatable(&name, &bytes)?;
            files.push(match input.lazy {
                true => File::Lazy(object),
                false => File::Object(object),
            });
        }
    }
    Ok(files)
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
        bail!(
            "{name}: is an ELF file; link wasm objects and libraries, and build what comes of it"
        );
    }
    if !bytes.starts_with(b"\0asm") {
        bail!("{name}: is neither a wasm object nor a library nor an archive; give one of these");
    }
    Object::read(name, bytes)
}
