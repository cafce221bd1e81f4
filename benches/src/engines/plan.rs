//! How modules become a program in an engine without a dynamic linker: where each
//! lies, and what every import is. All is known before anything is instantiated, so
//! an engine needs few lines for it.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use wasmaot_lab::builds::{LIB, MAIN};
use wasmparser::{
    Dylink0SectionReader, Dylink0Subsection, ExternalKind, KnownCustom, Operator, Parser, Payload,
    TypeRef, ValType,
};

/// As much as programs have natively.
const STACK: u32 = 8 << 20;
const PAGE: u32 = 1 << 16;

/// A program of several modules with one memory and one table.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Pages of the memory.
    pub pages: u32,
    /// Length of the table.
    pub table: u32,
    /// Where the stack begins; it grows downwards.
    pub stack: u32,
    /// The modules, to be instantiated in this order.
    pub steps: Vec<Step>,
    /// What comes into the table when all are there.
    pub elements: Vec<Element>,
    /// Functions to be called then: module and name.
    pub calls: Vec<(usize, String)>,
}

/// A module.
#[derive(Debug, Serialize, Deserialize)]
pub struct Step {
    /// Its file.
    pub path: PathBuf,
    /// What its imports are, in their order.
    pub imports: Vec<Import>,
}

/// An import and what it is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Import {
    /// Its module.
    pub module: String,
    /// Its name.
    pub name: String,
    /// What to give.
    pub give: Give,
}

/// What an import is.
#[derive(Debug, Serialize, Deserialize)]
pub enum Give {
    /// The memory.
    Memory,
    /// The table.
    Table,
    /// The variable that all share.
    Stack,
    /// A number.
    Global {
        /// The number.
        value: u32,
        /// Whether it is declared as variable.
        mutable: bool,
    },
    /// The export of that name of an earlier module.
    Function(usize),
    /// A function of WASI.
    Host,
    /// A function that nobody defines, and nobody is to call.
    Missing,
}

/// A function in the table.
#[derive(Debug, Serialize, Deserialize)]
pub struct Element {
    /// Where.
    pub slot: u32,
    /// Of which module.
    pub step: usize,
    /// By which name.
    pub name: String,
}

/// The module before all others: what is imported from one that comes later.
const SHIM_STEP: usize = 0;

/// What WASI's functions are imported from.
const WASI: &str = "wasi_snapshot_preview1";

impl Plan {
    /// Plans the modules in a directory of a builds: main alone, or with a
    /// library.
    ///
    /// # Errors
    /// They are not what wasm-ld makes, or import a function that neither defines.
    pub fn new(directory: &Path) -> Result<Self> {
        let (lib, main) = (directory.join(LIB), directory.join(MAIN));
        if !lib.exists() {
            return Ok(Self::alone(main));
        }
        let plan = Self::of(&[main, lib], directory)?;
        let imports = plan.steps.iter().flat_map(|step| &step.imports);
        for import in imports {
            let defined = !matches!(import.give, Give::Host | Give::Missing);
            ensure!(defined, "no module defines the function {}", import.name);
        }
        Ok(plan)
    }

    /// A module that needs nothing but a host.
    pub fn alone(path: PathBuf) -> Self {
        let imports = Vec::new();
        Self {
            steps: vec![Step { path, imports }],
            ..Self::default()
        }
    }

    /// Plans main and libraries, in the order in which names are looked up: main first. What
    /// one imports from another that comes after it, as libraries do from main, is a shim,
    /// written into a directory, that calls through the table.
    ///
    /// # Errors
    /// They are not what wasm-ld makes.
    pub fn of(paths: &[PathBuf], directory: &Path) -> Result<Self> {
        // Libraries first: those that others need come last in the order of names.
        let modules = paths.iter().rev().map(|path| Module::read(path));
        let modules: Vec<Module> = modules.collect::<Result<_>>()?;
        let (mut memory, mut table) = (STACK, 1);
        let mut placed = Vec::new();
        for module in &modules {
            memory = memory.next_multiple_of(PAGE.max(1 << module.memory_align));
            placed.push((module, memory, table));
            memory += module.memory_size;
            table += module.table_size;
        }
        let wanted = modules.iter().map(|module| module.pages).max();
        let pages = memory.div_ceil(PAGE).max(wanted.unwrap_or(0));
        let mut linker = Linker {
            heap: [memory.next_multiple_of(16), pages * PAGE],
            modules: placed,
            next_slot: table,
            elements: Vec::new(),
            shim: String::new(),
            host: Vec::new(),
        };
        let mut steps = Vec::new();
        for (at, module) in modules.iter().enumerate() {
            let (path, imports) = (module.path.clone(), linker.imports(at + 1)?);
            steps.push(Step { path, imports });
        }
        let path = directory.join("shim.wasm");
        let (shim, imports) = linker.shim()?;
        fs::write(&path, shim)?;
        steps.insert(SHIM_STEP, Step { path, imports });
        Ok(Self {
            pages,
            table: linker.next_slot,
            stack: STACK,
            steps,
            calls: calls(&modules),
            elements: linker.elements,
        })
    }
}

/// What makes modules ready: addresses in their data, then their constructors.
fn calls(modules: &[Module]) -> Vec<(usize, String)> {
    let mut calls = Vec::new();
    for name in ["__wasm_apply_data_relocs", "__wasm_call_ctors"] {
        for (at, module) in modules.iter().enumerate() {
            let has = |name: &str| module.functions.contains(name);
            // A program runs its constructors itself, a library may do more than they.
            let name = match name {
                "__wasm_call_ctors" if has("_start") => continue,
                "__wasm_call_ctors" if has("_initialize") => "_initialize",
                name => name,
            };
            if has(name) {
                calls.push((at + 1, name.to_owned()));
            }
        }
    }
    calls
}

/// Decides what each import is.
struct Linker<'a> {
    /// The modules in the order of steps, each with the bases of its memory and table.
    modules: Vec<(&'a Module, u32, u32)>,
    next_slot: u32,
    elements: Vec<Element>,
    shim: String,
    /// Functions of the host.
    host: Vec<(String, Signature)>,
    /// From where to where memory is free.
    heap: [u32; 2],
}

impl Linker<'_> {
    /// The shim, and what it imports. Functions of the host are called by it for all, as they
    /// use the memory that their caller exports, which is none where modules import theirs.
    fn shim(&self) -> Result<(Vec<u8>, Vec<Import>)> {
        let (table, functions) = (self.next_slot, &self.shim);
        let pages = self.heap[1] / PAGE;
        let mut imports = format!("(import \"env\" \"table\" (table {table} funcref))");
        let mut wanted = vec![given("env", "table", Give::Table)];
        for (name, ty) in &self.host {
            let signature = signature(ty);
            imports += &format!("(import \"{WASI}\" \"{name}\" (func ${name} {signature}))");
            wanted.push(given(WASI, name, Give::Host));
        }
        if !self.host.is_empty() {
            imports += &format!("(import \"env\" \"memory\" (memory {pages}))");
            imports += "(export \"memory\" (memory 0))";
            wanted.push(given("env", "memory", Give::Memory));
        }
        let module = wat::parse_str(format!("(module {imports} {functions})"))?;
        Ok((module, wanted))
    }

    /// A function of the host, by the shim.
    fn host(&mut self, name: &str, ty: &Signature) -> Give {
        if !self.host.iter().any(|(known, _)| known == name) {
            self.host.push((name.to_owned(), ty.clone()));
            self.shim += &format!(
                "(func (export \"{name}\") {} (call ${name} {}))",
                signature(ty),
                arguments(ty)
            );
        }
        Give::Function(SHIM_STEP)
    }

    fn imports(&mut self, step: usize) -> Result<Vec<Import>> {
        let (module, memory_base, table_base) = self.modules[step - 1];
        let mut imports = Vec::new();
        for (space, name, kind) in &module.imports {
            let number = |value, mutable| Give::Global { value, mutable };
            let give = match (space.as_str(), name.as_str(), kind) {
                ("env", _, Kind::Memory) => Give::Memory,
                ("env", _, Kind::Table) => Give::Table,
                ("env", "__stack_pointer", _) => Give::Stack,
                ("env", "__memory_base", _) => number(memory_base, false),
                ("env", "__table_base", _) => number(table_base, false),
                ("GOT.mem", ..) => number(self.address(name), true),
                ("GOT.func", ..) => number(self.slot(name), true),
                ("env", _, Kind::Function(ty)) => self.function(step, name, ty),
                (WASI, _, Kind::Function(ty)) => self.host(name, ty),
                _ => bail!("{}: what is import {space}.{name}?", module.path.display()),
            };
            imports.push(given(space, name, give));
        }
        Ok(imports)
    }

    /// Where a variable is: main's own comes first. One that nobody defines is nowhere, at 0.
    fn address(&self, name: &str) -> u32 {
        match name {
            "__heap_base" => return self.heap[0],
            "__heap_end" => return self.heap[1],
            "__stack_low" => return 0,
            "__stack_high" => return STACK,
            _ => {}
        }
        let modules = self.modules.iter().rev();
        let mut found = modules.filter_map(|(module, base, _)| Some(base + module.data.get(name)?));
        found.next().unwrap_or(0)
    }

    fn definer(&self, name: &str) -> Option<usize> {
        let defines = |(module, ..): &(&Module, u32, u32)| module.functions.contains(name);
        let at = self.modules.iter().rposition(defines)?;
        Some(at + 1)
    }

    /// The place of a function in the table; 0 if nobody defines it.
    fn slot(&mut self, name: &str) -> u32 {
        if let Some(element) = self.elements.iter().find(|e| e.name == name) {
            return element.slot;
        }
        let Some(step) = self.definer(name) else {
            return 0;
        };
        let slot = self.next_slot;
        self.next_slot += 1;
        self.elements.push(Element {
            slot,
            step,
            name: name.to_owned(),
        });
        slot
    }

    fn function(&mut self, step: usize, name: &str, ty: &Signature) -> Give {
        let Some(definer) = self.definer(name) else {
            return Give::Missing;
        };
        if definer < step {
            return Give::Function(definer);
        }
        let slot = self.slot(name);
        let export = format!("(func (export \"{name}\") ");
        if !self.shim.contains(&export) {
            let (signature, gets) = (signature(ty), arguments(ty));
            self.shim += &format!(
                "{export}{signature} (call_indirect {signature} {gets} (i32.const {slot})))"
            );
        }
        Give::Function(SHIM_STEP)
    }
}

fn given(module: &str, name: &str, give: Give) -> Import {
    Import {
        module: module.to_owned(),
        name: name.to_owned(),
        give,
    }
}

/// Parameters and results.
type Signature = (Vec<ValType>, Vec<ValType>);

/// A type as text has it.
fn signature((params, results): &Signature) -> String {
    let list = |word: &str, types: &[ValType]| {
        let types: Vec<String> = types.iter().map(ToString::to_string).collect();
        format!("({word} {})", types.join(" "))
    };
    format!("{} {}", list("param", params), list("result", results))
}

/// What hands parameters on.
fn arguments((params, _): &Signature) -> String {
    let gets = (0..params.len()).map(|at| format!("(local.get {at}) "));
    gets.collect()
}

/// What is imported.
#[derive(Debug)]
enum Kind {
    Memory,
    Table,
    Global,
    Function(Signature),
}

/// What a plan has to know of a module.
#[derive(Debug, Default)]
struct Module {
    path: PathBuf,
    memory_size: u32,
    /// The power of two of which its memory's base is a multiple.
    memory_align: u32,
    table_size: u32,
    /// Of the imported memory.
    pages: u32,
    imports: Vec<(String, String, Kind)>,
    functions: HashSet<String>,
    /// Exported variables: their places relative to the module's memory.
    data: HashMap<String, u32>,
}

impl Module {
    fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut module = Self {
            path: path.to_owned(),
            ..Self::default()
        };
        module
            .parse(&bytes)
            .with_context(|| format!("{} is not a module of wasm-ld", path.display()))?;
        Ok(module)
    }

    fn parse(&mut self, bytes: &[u8]) -> Result<()> {
        let (mut types, mut globals) = (Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::CustomSection(section) => {
                    if let KnownCustom::Dylink0(reader) = section.as_known() {
                        self.dylink(reader)?;
                    }
                }
                Payload::TypeSection(section) => {
                    for ty in section.into_iter_err_on_gc_types() {
                        let ty = ty?;
                        types.push((ty.params().to_vec(), ty.results().to_vec()));
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        self.import(&import?, &types, &mut globals)?;
                    }
                }
                Payload::GlobalSection(section) => {
                    for global in section {
                        let first = global?.init_expr.get_operators_reader().read()?;
                        globals.push(match first {
                            Operator::I32Const { value } => value.cast_unsigned(),
                            _ => 0,
                        });
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        self.export(&export?, &globals)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn dylink(&mut self, section: Dylink0SectionReader<'_>) -> Result<()> {
        for subsection in section {
            if let Dylink0Subsection::MemInfo(info) = subsection? {
                ensure!(info.memory_alignment < 32, "its memory has no alignment");
                self.memory_size = info.memory_size;
                self.memory_align = info.memory_alignment;
                self.table_size = info.table_size;
            }
        }
        Ok(())
    }

    fn import(
        &mut self,
        import: &wasmparser::Import<'_>,
        types: &[Signature],
        globals: &mut Vec<u32>,
    ) -> Result<()> {
        let kind = match import.ty {
            TypeRef::Func(ty) => {
                let ty = types.get(ty as usize).context("a function of no type")?;
                Kind::Function(ty.clone())
            }
            TypeRef::Memory(ty) => {
                self.pages = u32::try_from(ty.initial)?;
                Kind::Memory
            }
            TypeRef::Table(_) => Kind::Table,
            TypeRef::Global(_) => {
                globals.push(0);
                Kind::Global
            }
            other => bail!("an import of {other:?}"),
        };
        let names = (import.module.to_owned(), import.name.to_owned());
        self.imports.push((names.0, names.1, kind));
        Ok(())
    }

    fn export(&mut self, export: &wasmparser::Export<'_>, globals: &[u32]) -> Result<()> {
        let name = export.name.to_owned();
        match export.kind {
            ExternalKind::Func => {
                self.functions.insert(name);
            }
            ExternalKind::Global => {
                let global = globals.get(export.index as usize);
                let value = *global.context("an export of no global")?;
                self.data.insert(name, value);
            }
            _ => {}
        }
        Ok(())
    }
}
