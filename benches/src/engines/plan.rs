//! How two modules of a kernel become a program in an engine without a dynamic
//! linker: where each lies, and what every import is. All is known before
//! anything is instantiated, so an engine needs few lines for it.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use wasmaot_lab::builds::{LIB, MAIN};
use wasmparser::{
    Dylink0SectionReader, Dylink0Subsection, ExternalKind, KnownCustom, Operator, Parser, Payload,
    TypeRef, ValType,
};

const STACK: u32 = 1 << 20;
const PAGE: u32 = 1 << 16;

/// A program of several modules with one memory and one table.
#[derive(Debug, Default, Serialize)]
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
    pub calls: Vec<(usize, &'static str)>,
}

/// A module.
#[derive(Debug, Serialize)]
pub struct Step {
    /// Its file.
    pub path: PathBuf,
    /// What its imports are, in their order.
    pub imports: Vec<Import>,
}

/// An import and what it is.
#[derive(Debug, Serialize)]
pub struct Import {
    /// Its module.
    pub module: String,
    /// Its name.
    pub name: String,
    /// What to give.
    pub give: Give,
}

/// What an import is.
#[derive(Debug, Serialize)]
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
}

/// A function in the table.
#[derive(Debug, Serialize)]
pub struct Element {
    /// Where.
    pub slot: u32,
    /// Of which module.
    pub step: usize,
    /// By which name.
    pub name: String,
}

/// The steps of a plan.
const SHIM_STEP: usize = 0;
const LIB_STEP: usize = 1;
const MAIN_STEP: usize = 2;

impl Plan {
    /// Plans the modules in a directory of a builds: main alone, or with a
    /// library. What the library imports from main, which is not there yet, is
    /// a shim that calls through the table.
    ///
    /// # Errors
    /// They are not what wasm-ld makes, or import what neither defines.
    pub fn new(directory: &Path) -> Result<Self> {
        let paths = [directory.join(LIB), directory.join(MAIN)];
        if paths[0].exists() {
            return Self::two(paths, directory.join("shim.wasm"));
        }
        let [_, path] = paths;
        let imports = Vec::new();
        Ok(Self {
            steps: vec![Step { path, imports }],
            ..Self::default()
        })
    }

    fn two(paths: [PathBuf; 2], shim: PathBuf) -> Result<Self> {
        let (lib, main) = (Module::read(&paths[0])?, Module::read(&paths[1])?);
        let main_memory = (STACK + lib.memory_size).next_multiple_of(PAGE);
        let end = main_memory + main.memory_size;
        let main_table = 1 + lib.table_size;
        let mut linker = Linker {
            modules: [(&lib, STACK, 1), (&main, main_memory, main_table)],
            next_slot: main_table + main.table_size,
            elements: Vec::new(),
            shim: String::new(),
        };
        let imports = [linker.imports(LIB_STEP)?, linker.imports(MAIN_STEP)?];
        fs::write(&shim, linker.shim()?)?;
        let table = Import {
            module: "env".to_owned(),
            name: "table".to_owned(),
            give: Give::Table,
        };
        let steps = iter::once((shim, vec![table])).chain(paths.into_iter().zip(imports));
        let calls = [(LIB_STEP, &lib), (MAIN_STEP, &main)];
        let calls = calls.into_iter().flat_map(|(step, module)| {
            let names = ["__wasm_apply_data_relocs", "__wasm_call_ctors"];
            let names = names
                .into_iter()
                .filter(|&name| module.functions.contains(name));
            names.map(move |name| (step, name))
        });
        Ok(Self {
            pages: lib.pages.max(main.pages).max(end.div_ceil(PAGE)),
            table: linker.next_slot,
            stack: STACK,
            steps: steps
                .map(|(path, imports)| Step { path, imports })
                .collect(),
            calls: calls.collect(),
            elements: linker.elements,
        })
    }
}

/// Decides what each import is.
struct Linker<'a> {
    /// Library and main, each with the bases of its memory and table.
    modules: [(&'a Module, u32, u32); 2],
    next_slot: u32,
    elements: Vec<Element>,
    shim: String,
}

impl Linker<'_> {
    fn shim(&self) -> Result<Vec<u8>> {
        let (table, functions) = (self.next_slot, &self.shim);
        let import = format!("(import \"env\" \"table\" (table {table} funcref))");
        Ok(wat::parse_str(format!("(module {import} {functions})"))?)
    }

    fn imports(&mut self, step: usize) -> Result<Vec<Import>> {
        let (module, memory_base, table_base) = self.modules[step - LIB_STEP];
        let mut imports = Vec::new();
        for (space, name, kind) in &module.imports {
            let number = |value, mutable| Give::Global { value, mutable };
            let give = match (space.as_str(), name.as_str(), kind) {
                ("env", _, Kind::Memory) => Give::Memory,
                ("env", _, Kind::Table) => Give::Table,
                ("env", "__stack_pointer", _) => Give::Stack,
                ("env", "__memory_base", _) => number(memory_base, false),
                ("env", "__table_base", _) => number(table_base, false),
                ("GOT.mem", ..) => number(self.address(name)?, true),
                ("GOT.func", ..) => number(self.slot(name)?, true),
                ("env", _, Kind::Function(ty)) => self.function(step, name, ty)?,
                _ => bail!("{}: what is import {space}.{name}?", module.path.display()),
            };
            imports.push(Import {
                module: space.clone(),
                name: name.clone(),
                give,
            });
        }
        Ok(imports)
    }

    /// Where a variable is: main's own comes first.
    fn address(&self, name: &str) -> Result<u32> {
        let modules = self.modules.iter().rev();
        let mut found = modules.filter_map(|(module, base, _)| Some(base + module.data.get(name)?));
        found
            .next()
            .with_context(|| format!("no module defines the variable {name}"))
    }

    fn definer(&self, name: &str) -> Result<usize> {
        [MAIN_STEP, LIB_STEP]
            .into_iter()
            .find(|step| self.modules[step - LIB_STEP].0.functions.contains(name))
            .with_context(|| format!("no module defines the function {name}"))
    }

    /// The place of a function in the table.
    fn slot(&mut self, name: &str) -> Result<u32> {
        if let Some(element) = self.elements.iter().find(|e| e.name == name) {
            return Ok(element.slot);
        }
        let (slot, step) = (self.next_slot, self.definer(name)?);
        self.next_slot += 1;
        self.elements.push(Element {
            slot,
            step,
            name: name.to_owned(),
        });
        Ok(slot)
    }

    fn function(&mut self, step: usize, name: &str, ty: &Signature) -> Result<Give> {
        let definer = self.definer(name)?;
        if definer < step {
            return Ok(Give::Function(definer));
        }
        let slot = self.slot(name)?;
        let list = |word: &str, types: &[ValType]| {
            let types: Vec<String> = types.iter().map(ToString::to_string).collect();
            format!("({word} {})", types.join(" "))
        };
        let signature = format!("{} {}", list("param", &ty.0), list("result", &ty.1));
        let gets: String = (0..ty.0.len())
            .map(|i| format!("(local.get {i}) "))
            .collect();
        self.shim += &format!(
            "(func (export \"{name}\") {signature} (call_indirect {signature} {gets} (i32.const {slot})))"
        );
        Ok(Give::Function(SHIM_STEP))
    }
}

/// Parameters and results.
type Signature = (Vec<ValType>, Vec<ValType>);

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
                self.memory_size = info.memory_size;
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
