//! Which objects an executable has, and when each of them is loaded.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use wasmaot::input::{self, Kind};
use wasmaot::prelink;
use wasmaot_abi::executable::Role;
use wasmaot_abi::machine::Machine;
use wasmaot_compiler::prelink::Needs;
use wasmaot_compiler::{self as compiler, Emit, Options};
use wasmaot_hosts::HostEnv;
use wasmaot_launch::{Library, Program, Use, add_hosts};
use wasmaot_runtime::{
    Config, Finder, Object, Process, SearchPath, Unresolved, flat, loader_provides, places,
};

use crate::libraries::{Exports, Word};

/// An object of an executable.
pub struct Member {
    /// What it is called.
    pub name: String,
    /// The names by which it is needed or opened.
    pub stands_for: Vec<String>,
    /// When it is loaded.
    pub role: Role,
    /// It.
    pub object: Arc<Object>,
    /// Its file.
    pub bytes: Vec<u8>,
    /// The name by which a plain module is known.
    module: String,
}

/// A file that is to be a member.
struct Input {
    path: PathBuf,
    module: String,
    bytes: Vec<u8>,
    /// Whether it is built already.
    is_object: bool,
    /// Libraries that it needs, and where it has them looked for.
    needs: Needs,
    /// A plain module.
    is_plain: bool,
}

/// Builds the objects of a program, with all that it needs: the inputs, main
/// first, and what lies in one of these directories, where one's `RUNPATH` says, or
/// beside main.
///
/// # Errors
/// Names the file that cannot be built, or the library that is nowhere.
pub fn collect(
    inputs: &[PathBuf],
    directories: &[PathBuf],
    options: &Options,
) -> Result<Vec<Member>> {
    let inputs = closure(inputs, directories)?;
    let prelinks = inputs.len() > 1 && inputs.iter().all(|i| !i.is_object && !i.is_plain);
    let objects = match prelinks {
        true => {
            let modules = inputs.iter();
            let modules = modules.map(|i| (i.path.display().to_string(), i.bytes.clone()));
            prelink::build_alone(&modules.collect::<Vec<_>>(), options)?
        }
        false => {
            let build = |input: &Input| match input.is_object {
                true => Ok(input.bytes.clone()),
                false => {
                    let file = input.path.display().to_string();
                    compiler::compile(&file, &input.bytes, options, Emit::So)
                }
            };
            inputs.iter().map(build).collect::<Result<_, _>>()?
        }
    };
    let machine = options.machine()?;
    let members = inputs.into_iter().zip(objects);
    members
        .map(|(input, bytes)| Member::new(input, bytes, machine))
        .collect()
}

impl Member {
    fn new(input: Input, bytes: Vec<u8>, machine: &Machine) -> Result<Self> {
        // SAFETY: the compiler has just made it, or the user names it to be a part
        // of a program.
        let object = unsafe { Object::to_link(&input.path, &bytes, true) }?;
        for_machine(object.note().machine, machine)
            .with_context(|| input.path.display().to_string())?;
        let file = input.path.file_name().unwrap_or_default().to_string_lossy();
        let name = file.strip_suffix(".elf").unwrap_or(&file).to_owned();
        let mut stands_for = vec![name.clone()];
        stands_for.extend(object.soname().map(str::to_owned));
        // As on disk, NAME.wasm stands for NAME.so.
        let library = name.strip_suffix(".wasm").map(|stem| format!("{stem}.so"));
        stands_for.extend(library);
        stands_for.dedup();
        Ok(Self {
            name,
            stands_for,
            role: Role::Named,
            object: Arc::new(object),
            bytes,
            module: input.module,
        })
    }
}

/// Refuses a file of another machine's ELF number.
///
/// # Errors
/// Names both machines.
pub fn for_machine(number: u32, machine: &Machine) -> Result<()> {
    if number == u32::from(machine.elf_number) {
        return Ok(());
    }
    let its = Machine::of_elf_number(number).map_or("another machine", |its| its.name);
    bail!("is for {its}, and the executable for {}", machine.name)
}

/// The inputs and all libraries that they need, breadth first.
fn closure(inputs: &[PathBuf], directories: &[PathBuf]) -> Result<Vec<Input>> {
    let search = SearchPath {
        dirs: directories.to_vec(),
        program: Some(directory(&inputs[0])),
        ..SearchPath::default()
    };
    let mut queue: VecDeque<(PathBuf, String)> = inputs
        .iter()
        .enumerate()
        .map(|(number, input)| match number {
            0 => (input.clone(), String::new()),
            _ => {
                let Word { module, path } = Word::read(input.as_os_str());
                (path.to_owned(), module)
            }
        })
        .collect();
    let mut names: HashSet<String> = HashSet::new();
    for (path, _) in &queue {
        names.extend(names_of(path));
    }
    let mut found = Vec::new();
    while let Some((path, module)) = queue.pop_front() {
        let input = read(path, module)?;
        for name in &input.needs.libraries {
            if names.contains(name) || loader_provides(name) {
                continue;
            }
            let Some(library) = library(name, &input, &search) else {
                bail!(
                    "{}: needs {name}, which an executable has to contain; give it as an input \
                     too, or its directory with -L",
                    input.path.display()
                );
            };
            names.extend(names_of(&library));
            names.insert(name.clone());
            let module = Word::read(library.as_os_str()).module;
            queue.push_back((library, module));
        }
        found.push(input);
    }
    Ok(found)
}

/// Names that a file stands for.
fn names_of(path: &Path) -> Vec<String> {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let name = file.strip_suffix(".elf").unwrap_or(&file);
    let library = name.strip_suffix(".wasm").map(|stem| format!("{stem}.so"));
    [Some(name.to_owned()), library]
        .into_iter()
        .flatten()
        .collect()
}

/// The directory that a file lies in, links followed, as `$ORIGIN` is.
fn directory(file: &Path) -> PathBuf {
    let real = file.canonicalize();
    let real = real.as_deref().unwrap_or(file);
    real.parent().unwrap_or(Path::new("")).to_owned()
}

/// A library at the first place that has it: the module rather than what was built
/// from it, so that calls of it can be direct.
fn library(name: &str, by: &Input, search: &SearchPath) -> Option<PathBuf> {
    let origin = directory(&by.path);
    let mut places = places(name, &by.needs.runpath, &[origin], search).into_iter();
    places.find_map(|place| {
        let mut files = [place.file, place.built].into_iter();
        files.find(|file| file.is_file())
    })
}

fn read(path: PathBuf, module: String) -> Result<Input> {
    let (file, bytes) = input::read(&path)?;
    if input::kind(&file, &bytes)? == Kind::Object {
        // SAFETY: the user names it to be a part of a program; it is only read.
        let object = unsafe { Object::to_link(&path, &bytes, true) }?;
        return Ok(Input {
            needs: Needs {
                libraries: object.needed().to_vec(),
                runpath: object.runpath().to_vec(),
            },
            is_object: true,
            is_plain: false,
            path,
            module,
            bytes,
        });
    }
    let binary = input::module(&file, &bytes)?.into_owned();
    Ok(Input {
        needs: compiler::prelink::needs(&file, &binary)?,
        is_object: false,
        is_plain: compiler::outline(&file, &binary)?.is_plain,
        path,
        module,
        bytes: binary,
    })
}

/// Says when members are loaded: those that define what the program or an earlier
/// one lacks, with the program; all others when they are needed or opened by name.
///
/// # Errors
/// If the program cannot be linked.
pub fn with_roles(mut members: Vec<Member>, unresolved: Unresolved) -> Result<Vec<Member>> {
    let main = Arc::clone(&members[0].object);
    if flat::is_program(&main) {
        bail!(
            "{}: is a flat program, whose C library is in the command alone; start it with \
             `wasmaot run`",
            main.path().display()
        );
    }
    let by_name = needed(&members)?;
    let mut beside: Vec<Arc<Object>> = Vec::new();
    let mut wanted = Vec::new();
    for number in 1..members.len() {
        let member = &members[number];
        if by_name
            .iter()
            .any(|object| Arc::ptr_eq(object, &member.object))
        {
            continue;
        }
        wanted.extend(linker(&members)?.unresolved(Arc::clone(&main), &beside)?);
        let exports = Exports::of(&member.object);
        if exports.define_any(&member.module, &wanted) {
            beside.push(Arc::clone(&member.object));
            members[number].role = Role::Beside(members[number].module.clone());
        }
    }
    link(&members, unresolved)?;
    Ok(members)
}

/// Links the program as it is going to be.
fn link(members: &[Member], unresolved: Unresolved) -> Result<()> {
    let mut process = Process::new(Config {
        unresolved,
        ..Config::default()
    })?;
    process.set_finder(finder(members));
    let libraries = members.iter().filter_map(|member| match &member.role {
        Role::Named => None,
        Role::Beside(module) => Some(Library {
            object: Arc::clone(&member.object),
            module: module.clone(),
        }),
    });
    let (main, libraries) = (Arc::clone(&members[0].object), libraries.collect());
    let host = HostEnv::new();
    let program = Program::prepare(&mut process, host, main, libraries, Use::Show, None)?;
    process.link_program(program.main, &program.beside)?;
    Ok(())
}

/// The libraries that the program needs by their names.
fn needed(members: &[Member]) -> Result<Vec<Arc<Object>>> {
    let mut process = linker(members)?;
    let needed = process.needed(Arc::clone(&members[0].object), &[])?;
    Ok(needed.into_iter().filter_map(|n| n.library).collect())
}

/// A process in which the members can be linked.
fn linker(members: &[Member]) -> Result<Process> {
    let mut process = Process::new(Config::default())?;
    add_hosts(&mut process, HostEnv::new());
    process.set_finder(finder(members));
    Ok(process)
}

/// Finds the members by their names.
fn finder(members: &[Member]) -> impl Finder + Send + 'static {
    let known = members
        .iter()
        .map(|m| (m.stands_for.clone(), Arc::clone(&m.object)));
    let known: Vec<_> = known.collect();
    move |name: &str, _: &Object| {
        let mut known = known.iter();
        let found = known.find(|(names, _)| names.iter().any(|known| known == name));
        Ok(found.map(|(_, object)| Arc::clone(object)))
    }
}
