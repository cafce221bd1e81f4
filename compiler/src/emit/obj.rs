//! Code → a relocatable object (`--emit obj`), by cranelift-object.
//!
//! What a linker knows is a symbol: functions, globals, data and element
//! segments' bytes, function reference records. What only our loader knows,
//! an undefined symbol: the value of `__memory_base` is that symbol's address.
//! Static data, elements and the table of exception handlers are not in it.
//!
//! Thread-local globals are ELF's, in the initial-exec model: all of the module's own
//! are one datum of `.tdata`, and code loads its offset from the GOT.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cranelift_codegen::CodegenError;
use cranelift_codegen::ir::Signature;
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa};
use cranelift_module::{
    DataDescription, DataId, FuncId, Linkage, Module as _, ModuleError, ModuleReloc,
    ModuleRelocTarget, default_libcall_names,
};
use cranelift_object::object::write::{self, Relocation, SymbolId, SymbolSection};
use cranelift_object::object::{RelocationFlags, SymbolFlags, SymbolKind, SymbolScope};
use cranelift_object::{ObjectBuilder, ObjectModule, ObjectProduct};
use wasmaot_abi::builtin::{self, Builtin};
use wasmaot_abi::context::{TABLE_ENTRY_SIZE, funcref, memory_desc, table_desc};
use wasmaot_abi::name;

use crate::code::{Code, CompiledFunction, Reloc, Target};
use crate::error::{Error, Result};
use crate::machine::Backend;
use crate::module::{ExportItem, GlobalInit, GlobalStorage, Item, Items, Module, ThreadStorage};

/// Writes the relocatable object.
pub(crate) fn write(
    module: &Module<'_>,
    code: Code,
    isa: OwnedTargetIsa,
    backend: &'static dyn Backend,
) -> Result<Vec<u8>> {
    let fail = |reason: String| Error::Codegen {
        file: module.source.clone(),
        function: "the relocatable object".into(),
        reason,
    };
    let mut builder = ObjectBuilder::new(isa, module.source.clone(), default_libcall_names())
        .map_err(|e| fail(e.to_string()))?;
    builder.per_function_section(true);
    let mut writer = Writer {
        module,
        code: &code,
        backend,
        object: ObjectModule::new(builder),
        names: HashSet::new(),
        imports: HashMap::new(),
        known: BTreeMap::new(),
        thread_offsets: Vec::new(),
    };
    writer.write().map_err(|e| fail(e.to_string()))?;
    let product = writer.finish().map_err(|e| fail(e.to_string()))?;
    product.emit().map_err(|e| fail(e.to_string()))
}

type Written<T> = std::result::Result<T, Box<ModuleError>>;

struct Writer<'a> {
    module: &'a Module<'a>,
    code: &'a Code,
    backend: &'static dyn Backend,
    object: ObjectModule,
    names: HashSet<String>,
    imports: HashMap<String, Symbol>,
    known: BTreeMap<Target, Symbol>,
    /// Loads of the offsets of thread-local data from the GOT.
    thread_offsets: Vec<ThreadOffset>,
}

/// A place in a function's code where the offset of a thread-local datum is loaded.
struct ThreadOffset {
    function: FuncId,
    offset: u32,
    /// The relocation's number in the file.
    number: u32,
    of: DataId,
    addend: i64,
}

#[derive(Clone, Copy)]
enum Symbol {
    Func(FuncId),
    Data(DataId),
}

impl Writer<'_> {
    /// Imports are named first: a definition of the same name gives way.
    fn write(&mut self) -> Written<()> {
        let functions = self.code.functions.iter();
        let mut targets: BTreeSet<Target> = functions
            .flat_map(|f| f.relocs.iter().map(|r| r.target))
            .collect();
        let imported = self.module.imported_funcs();
        let count = self.module.bodies.len();
        let defined = self.code.present().filter(|&(number, _)| number < count);
        targets.extend(defined.map(|(number, _)| Target::Func(imported + number as u32)));
        targets.extend(self.module.exports.iter().filter_map(|e| match e.item {
            ExportItem::Item(Item::Global(g)) if self.module.thread_storage.offset(g).is_some() => {
                Some(Target::ThreadStorage(0))
            }
            ExportItem::Item(Item::Global(g)) if self.defines(g) => Some(Target::Global(g)),
            _ => None,
        }));
        if self.code.has_init {
            targets.insert(Target::Init(0));
        }
        let (imports, own): (Vec<_>, Vec<_>) = targets
            .into_iter()
            .partition(|&t| self.import_name(t).is_some());
        for target in imports.into_iter().chain(own) {
            self.symbol(target)?;
        }
        for (number, function) in self.code.present() {
            let func = imported + number as u32;
            let target = if (func as usize) < self.module.funcs.len() {
                Target::Func(func)
            } else {
                Target::Init(0)
            };
            self.function(target, function)?;
        }
        Ok(())
    }

    fn defines(&self, global: u32) -> bool {
        matches!(
            self.module.globals[global as usize].storage,
            GlobalStorage::Own(_)
        )
    }

    /// The name of what the module does not define.
    fn import_name(&self, target: Target) -> Option<String> {
        let import = match target {
            Target::Builtin(b) => {
                let builtin = Builtin::ALL.get(b as usize)?;
                return Some(name::import(builtin::MODULE, builtin.name()));
            }
            Target::Func(f) | Target::FuncAddress(f) => self.module.funcs.get(f as usize)?.import?,
            Target::FuncIndex(f) => {
                let import = self.module.funcs.get(f as usize)?.import?;
                let name = self.module.imports[import as usize].name;
                return Some(name::escape(&format!("GOT.func.{name}")).into_owned());
            }
            Target::Table(t) => self.module.tables.get(t as usize)?.import?,
            Target::Memory(m) => self.module.memories.get(m as usize)?.import?,
            Target::Tag(t) => self.module.tags.get(t as usize)?.import?,
            Target::HostBase(_) => return Some("__memory_base.host".to_owned()),
            Target::HostData(g) => {
                let value = self.import_name(Target::LoaderValue(g))?;
                return Some(format!("{value}.host"));
            }
            Target::Global(g) | Target::LoaderValue(g) | Target::ThreadGlobal(g) => {
                match self.module.globals.get(g as usize)?.storage {
                    GlobalStorage::Import(import) | GlobalStorage::Loader(import) => import,
                    _ => return None,
                }
            }
            _ => return None,
        };
        let import = &self.module.imports[import as usize];
        Some(match import.module {
            // A slot's content, not what the slot is about.
            "GOT.mem" | "GOT.func" => {
                name::escape(&format!("{}.{}", import.module, import.name)).into_owned()
            }
            module => name::import(module, import.name),
        })
    }

    /// Declares what a target stands for, with its data.
    fn symbol(&mut self, target: Target) -> Written<Symbol> {
        if let Some(&symbol) = self.known.get(&target) {
            return Ok(symbol);
        }
        let is_func = matches!(
            target,
            Target::Func(_) | Target::FuncAddress(_) | Target::Builtin(_) | Target::Init(_)
        );
        let (text, linkage) = match self.import_name(target) {
            // A module may import one name as several things; a linker knows one.
            Some(text) if self.imports.contains_key(&text) => {
                let symbol = self.imports[&text];
                self.known.insert(target, symbol);
                return Ok(symbol);
            }
            Some(text) => (text, Linkage::Import),
            None => self.own_name(target),
        };
        let symbol = if is_func {
            let signature = Signature::new(CallConv::Tail);
            Symbol::Func(self.object.declare_function(&text, linkage, &signature)?)
        } else {
            let tls = matches!(target, Target::ThreadStorage(_) | Target::ThreadGlobal(_));
            Symbol::Data(self.object.declare_data(&text, linkage, true, tls)?)
        };
        self.known.insert(target, symbol);
        if linkage == Linkage::Import {
            self.names.insert(text.clone());
            self.imports.insert(text, symbol);
        }
        if let (Symbol::Data(id), true) = (symbol, linkage != Linkage::Import) {
            let data = self.data(target)?;
            self.object.define_data(id, &data)?;
        }
        Ok(symbol)
    }

    /// The name of a definition, unlike all others.
    fn own_name(&mut self, target: Target) -> (String, Linkage) {
        let exported = |item| {
            let mut exports = self.module.exports.iter();
            exports
                .find(|e| e.item == ExportItem::Item(item))
                .map(|e| name::escape(&e.name).into_owned())
        };
        let numbered = |what: &str, n: u32, suffix: &str| (None, format!("{what}[{n}]{suffix}"));
        let (export, other) = match target {
            Target::Func(f) => (
                exported(Item::Func(f)),
                name::escape(&self.module.func_name(f)).into_owned(),
            ),
            Target::Global(g) => (exported(Item::Global(g)), format!("global[{g}]")),
            Target::Init(_) => (Some("__wasmaot_init".into()), String::new()),
            Target::Builtin(n) => numbered("builtin", n, ""),
            Target::Funcref(f) => numbered("func", f, ".ref"),
            Target::LoaderValue(n) => numbered("value", n, ""),
            Target::HostBase(n) => numbered("base", n, ".host"),
            Target::HostData(n) => numbered("value", n, ".host"),
            Target::Memory(n) => numbered("memory", n, ""),
            Target::Table(n) => numbered("table", n, ""),
            Target::Tag(t) => (exported(Item::Tag(t)), format!("tag[{t}]")),
            Target::FuncAddress(n) => numbered("func", n, ".address"),
            Target::FuncIndex(n) => numbered("func", n, ".index"),
            Target::Data(n) => numbered("data", n, ""),
            Target::DataLen(n) => numbered("data", n, ".len"),
            Target::Elem(n) => numbered("elem", n, ""),
            Target::ElemLen(n) => numbered("elem", n, ".len"),
            Target::ThreadStorage(_) => (None, "thread_storage".into()),
            Target::ThreadGlobal(g) => numbered("global", g, ".thread"),
        };
        let linkage = match export {
            Some(_) => Linkage::Export,
            None => Linkage::Local,
        };
        let text = export.unwrap_or(other);
        let numbers = (0u32..).map(|n| format!("{text}.{n}"));
        let free = std::iter::once(text.clone())
            .chain(numbers)
            .find(|t| !self.names.contains(t))
            .unwrap_or_default();
        self.names.insert(free.clone());
        (free, linkage)
    }

    /// The content of own data.
    fn data(&mut self, target: Target) -> Written<DataDescription> {
        let module = self.module;
        let mut data = DataDescription::new();
        data.set_align(8);
        let zeros = |data: &mut DataDescription, size| data.define_zeroinit(size);
        match target {
            Target::Funcref(f) => {
                let mut bytes = vec![0; TABLE_ENTRY_SIZE as usize];
                let known = module.funcs.get(f as usize);
                let id = known.map(|_| module.func_type_id(f));
                let at = funcref::TYPE_ID as usize;
                bytes[at..at + 4].copy_from_slice(&id.unwrap_or_default().to_le_bytes());
                data.define(bytes.into());
                if let Symbol::Func(code) = self.symbol(Target::Func(f))? {
                    let code = self.object.declare_func_in_data(code, &mut data);
                    data.write_function_addr(0, code);
                }
            }
            Target::Global(g) => match module.globals.get(g as usize).map(|g| (&g.storage, g.ty)) {
                Some((GlobalStorage::Own(GlobalInit::Const(bytes)), ty)) => {
                    data.set_align(ty.val.bytes().into());
                    data.define(bytes[..ty.val.bytes() as usize].into());
                }
                Some((GlobalStorage::Own(GlobalInit::RefFunc(f)), _)) => {
                    self.records(&mut data, &[Some(*f)])?;
                }
                _ => {
                    data.set_align(16);
                    zeros(&mut data, 16);
                }
            },
            Target::ThreadStorage(0) => self.thread_storage(&mut data)?,
            Target::Table(_) => zeros(&mut data, table_desc::SIZE as usize),
            Target::Memory(_) => zeros(&mut data, memory_desc::SIZE as usize),
            Target::Data(n) => data.define(data_bytes(module, n).into()),
            Target::DataLen(n) => {
                data.define((data_bytes(module, n).len() as u64).to_le_bytes().into());
            }
            Target::Elem(n) => match elements(module, n) {
                Some(Items::Funcs(funcs)) => self.records(&mut data, funcs)?,
                Some(Items::Exprs(exprs)) => zeros(&mut data, 8 * exprs.len()),
                None => zeros(&mut data, 0),
            },
            Target::ElemLen(n) => {
                let len = match elements(module, n) {
                    Some(Items::Funcs(funcs)) => funcs.len() as u64,
                    Some(Items::Exprs(exprs)) => exprs.len() as u64,
                    None => 0,
                };
                data.define(len.to_le_bytes().into());
            }
            // Code refers to them, but the module has not got them.
            _ => zeros(&mut data, 8),
        }
        Ok(data)
    }

    /// The initial image of thread-local storage, the zeros included.
    fn thread_storage(&mut self, data: &mut DataDescription) -> Written<()> {
        let module = self.module;
        data.set_align(ThreadStorage::ALIGN);
        let mut bytes = vec![0; module.thread_storage.size as usize];
        let mut records = Vec::new();
        for (global, offset) in module.thread_storage.globals() {
            let global = &module.globals[global as usize];
            match &global.storage {
                GlobalStorage::Own(GlobalInit::Const(value)) => {
                    let value = &value[..global.ty.val.bytes() as usize];
                    bytes[offset as usize..][..value.len()].copy_from_slice(value);
                }
                GlobalStorage::Own(GlobalInit::RefFunc(func)) => records.push((offset, *func)),
                _ => {}
            }
        }
        data.define(bytes.into());
        for (offset, func) in records {
            if let Symbol::Data(record) = self.symbol(Target::Funcref(func))? {
                let record = self.object.declare_data_in_data(record, data);
                data.write_data_addr(offset as u32, record, 0);
            }
        }
        Ok(())
    }

    /// An array of the addresses of functions' records.
    fn records(&mut self, data: &mut DataDescription, funcs: &[Option<u32>]) -> Written<()> {
        data.define(vec![0; 8 * funcs.len()].into());
        for (i, func) in (0..).zip(funcs) {
            if let Some(f) = func
                && let Symbol::Data(record) = self.symbol(Target::Funcref(*f))?
            {
                let record = self.object.declare_data_in_data(record, data);
                data.write_data_addr(8 * i, record, 0);
            }
        }
        Ok(())
    }

    fn function(&mut self, target: Target, function: &CompiledFunction) -> Written<()> {
        let of_thread =
            |r: &&Reloc| matches!(r.target, Target::ThreadStorage(_) | Target::ThreadGlobal(_));
        let relocs = function.relocs.iter().filter(|r| !of_thread(r));
        let relocs = relocs.map(|r| self.reloc(r));
        let relocs = relocs.collect::<Written<Vec<_>>>()?;
        if let Symbol::Func(id) = self.symbol(target)? {
            for reloc in function.relocs.iter().filter(of_thread) {
                if let Symbol::Data(of) = self.symbol(reloc.target)? {
                    let number = self.backend.object_thread_offset(reloc.kind);
                    self.thread_offsets.push(ThreadOffset {
                        function: id,
                        offset: reloc.offset,
                        number: number.ok_or_else(|| unknown(reloc))?,
                        of,
                        addend: reloc.addend,
                    });
                }
            }
            let align = function.align.into();
            self.object
                .define_function_bytes(id, align, &function.bytes, &relocs)?;
        }
        Ok(())
    }

    fn reloc(&mut self, reloc: &Reloc) -> Written<ModuleReloc> {
        let (name, is_function) = match self.symbol(reloc.target)? {
            Symbol::Func(id) => (ModuleRelocTarget::from(id), true),
            Symbol::Data(id) => (ModuleRelocTarget::from(id), false),
        };
        let kind = self.backend.object_reloc(reloc.kind, is_function);
        Ok(ModuleReloc {
            offset: reloc.offset,
            kind: kind.ok_or_else(|| unknown(reloc))?,
            name,
            addend: reloc.addend,
        })
    }
}

/// A relocation that the machine does not have.
fn unknown(reloc: &Reloc) -> Box<ModuleError> {
    let reason = format!("{:?} to {:?}", reloc.kind, reloc.target);
    Box::new(CodegenError::Unsupported(reason).into())
}

impl Writer<'_> {
    /// Ends the object with what the writer has no words for: relocations to
    /// thread-local data, and the names of those that are exported.
    fn finish(self) -> write::Result<ObjectProduct> {
        let own = self.known.get(&Target::ThreadStorage(0)).copied();
        let mut product = self.object.finish();
        for place in &self.thread_offsets {
            let function = product
                .object
                .symbol(product.function_symbol(place.function));
            if let SymbolSection::Section(section) = function.section {
                let reloc = Relocation {
                    offset: function.value + u64::from(place.offset),
                    symbol: product.data_symbol(place.of),
                    addend: place.addend,
                    flags: RelocationFlags::Elf {
                        r_type: place.number,
                    },
                };
                product.object.add_relocation(section, reloc)?;
            }
        }
        if let Some(Symbol::Data(own)) = own {
            let own = product.data_symbol(own);
            export_thread_locals(self.module, &mut product, own);
        }
        Ok(product)
    }
}

/// Names the exported thread-local globals.
fn export_thread_locals(module: &Module<'_>, product: &mut ObjectProduct, own: SymbolId) {
    let own = product.object.symbol(own);
    let (section, start) = (own.section, own.value);
    for export in &module.exports {
        let ExportItem::Item(Item::Global(global)) = export.item else {
            continue;
        };
        if let Some(offset) = module.thread_storage.offset(global) {
            product.object.add_symbol(write::Symbol {
                name: name::escape(&export.name).into_owned().into_bytes(),
                value: start + offset,
                size: module.globals[global as usize].ty.val.bytes().into(),
                kind: SymbolKind::Tls,
                scope: SymbolScope::Dynamic,
                weak: export.flags.weak(),
                section,
                flags: SymbolFlags::None,
            });
        }
    }
}

fn data_bytes<'a>(module: &Module<'a>, number: u32) -> &'a [u8] {
    let segment = module.data.get(number as usize).filter(|d| d.has_bytes());
    segment.map_or(&[], |d| d.bytes)
}

fn elements<'a>(module: &'a Module<'_>, number: u32) -> Option<&'a Items> {
    let segment = module.elements.get(number as usize)?;
    segment.has_values().then_some(&segment.items)
}

#[cfg(test)]
mod tests {
    use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

    use crate::emit::so::tests::{CORE, CORE_TARGETS, with};
    use crate::{Options, target};

    #[test]
    fn symbols_and_relocations() {
        let options = Options::default();
        let isa = target::isa(&options).unwrap();
        let backend = target::backend(&options).unwrap();
        let file = with(CORE, CORE_TARGETS, |module, code| {
            super::write(module, code, isa, backend).unwrap()
        });
        let object = object::File::parse(file.as_slice()).unwrap();
        let symbol = |name: &str| {
            let found = object.symbols().find(|s| s.name() == Ok(name));
            found.unwrap_or_else(|| panic!("no {name}"))
        };
        for name in ["m.g", "m.t", "m.m.f"] {
            assert!(symbol(name).is_undefined(), "{name}");
        }
        for name in ["a%25", "a", "r", "z", "__wasmaot_init"] {
            assert!(
                symbol(name).is_global() && symbol(name).is_definition(),
                "{name}"
            );
        }
        for name in [
            "data[1]",
            "data[1].len",
            "elem[1]",
            "func[1].ref",
            "memory[1]",
        ] {
            assert!(
                symbol(name).is_local() && symbol(name).is_definition(),
                "{name}"
            );
        }
        let text = object.section_by_index(symbol("a%25").section_index().unwrap());
        assert_eq!(text.unwrap().relocations().count(), CORE_TARGETS[0].len());
    }
}
