//! Sections → the raw [`Module`]: every item in its index space, nothing
//! decided yet about where it lives.

use wasmaot_abi::types::{
    FuncType, GlobalType, HeapType, IndexType, MemoryType, TableType, ValType,
};
use wasmaot_dylink::data_symbols::{SECTION_COPY, SECTION_DATA, read_data_symbols};
use wasmaot_dylink::forward::{SECTION_FORWARD, read_forwards};
use wasmaot_dylink::{ImportRole, Linking, SymbolFlags};
use wasmparser::{
    AbstractHeapType, CustomSectionReader, DataKind, ElementItems, ElementKind, ExternalKind,
    KnownCustom, Name, Payload, TableInit, TypeRef,
};

use super::{Failure, constexpr};
use crate::error::{Error, Result};
use crate::module::{
    Body, ConstExpr, ConstOp, Data, DataMode, Element, ElementMode, Export, ExportItem, Func,
    Global, GlobalInit, GlobalStorage, Import, Item, Items, Memory, Module, Table, Tag,
};

/// Collects the sections of a module. Relies on the validator having passed
/// each before it comes here.
pub(super) struct Reader<'a> {
    module: Module<'a>,
    /// Functions, offsets from the start of their bodies, and whether a branch there is
    /// said to be taken.
    hints: Vec<(u32, u32, bool)>,
}

impl<'a> Reader<'a> {
    pub fn new(source: &str) -> Self {
        Self {
            module: Module::empty(source),
            hints: Vec::new(),
        }
    }

    /// The module as read.
    pub fn finish(self) -> Module<'a> {
        let mut module = self.module;
        let imported = module.imported_funcs();
        for (func, offset, taken) in self.hints {
            let number = func.checked_sub(imported);
            let body = number.and_then(|number| module.bodies.get(number as usize));
            if let Some(body) = body {
                let at = body.body.range().start + u64::from(offset);
                module.branch_hints.insert(at, taken);
            }
        }
        module
    }

    /// Takes a section.
    pub fn payload(&mut self, payload: Payload<'a>) -> Result<(), Failure> {
        match payload {
            Payload::TypeSection(types) => {
                for ty in types.into_iter_err_on_gc_types() {
                    let ty = self.func_type(&ty?)?;
                    self.module.type_hashes.push(ty.hash());
                    self.module.types.push(ty);
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    self.import(import?)?;
                }
            }
            Payload::FunctionSection(funcs) => {
                for ty in funcs {
                    self.module.funcs.push(Func {
                        ty: ty?,
                        import: None,
                    });
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    self.table(table?)?;
                }
            }
            Payload::MemorySection(memories) => {
                for ty in memories {
                    let ty = memory_type(ty?);
                    self.module.memories.push(Memory { ty, import: None });
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let global = global?;
                    let ty = self.global_type(global.ty)?;
                    let init = GlobalInit::Computed(self.expr(&global.init_expr)?);
                    let storage = GlobalStorage::Own(init);
                    self.module.globals.push(Global { ty, storage });
                }
            }
            Payload::TagSection(tags) => {
                for tag in tags {
                    let ty = tag?.func_type_idx;
                    self.module.tags.push(Tag { ty, import: None });
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    self.export(export?)?;
                }
            }
            Payload::StartSection { func, .. } => self.module.start = Some(func),
            Payload::ElementSection(elements) => {
                for element in elements {
                    self.element(element?)?;
                }
            }
            Payload::DataSection(segments) => {
                for data in segments {
                    self.data(data?)?;
                }
            }
            Payload::CodeSectionStart {
                unchecked_range, ..
            } => self.module.code_start = unchecked_range.start,
            Payload::CodeSectionEntry(body) => {
                let range = body.range();
                self.module.bodies.push(Body {
                    body,
                    range: range.start as usize..range.end as usize,
                });
            }
            Payload::CustomSection(section) => self.custom(&section)?,
            _ => {}
        }
        Ok(())
    }

    fn unsupported(&self, feature: String) -> Failure {
        let file = self.module.source.clone();
        Failure::Other(Error::Unsupported { file, feature })
    }

    fn val_type(&self, ty: wasmparser::ValType) -> Result<ValType, Failure> {
        Ok(match ty {
            wasmparser::ValType::I32 => ValType::I32,
            wasmparser::ValType::I64 => ValType::I64,
            wasmparser::ValType::F32 => ValType::F32,
            wasmparser::ValType::F64 => ValType::F64,
            wasmparser::ValType::V128 => ValType::V128,
            wasmparser::ValType::FUNCREF => ValType::FuncRef,
            wasmparser::ValType::EXTERNREF => ValType::ExternRef,
            wasmparser::ValType::Ref(ty) => {
                let Some(heap) = self.heap_type(ty.heap_type()) else {
                    return Err(self.unsupported(format!("values of type {ty}")));
                };
                ValType::reference(ty.is_nullable(), heap)
            }
        })
    }

    fn heap_type(&self, ty: wasmparser::HeapType) -> Option<HeapType> {
        match ty {
            wasmparser::HeapType::FUNC => Some(HeapType::Func),
            wasmparser::HeapType::EXTERN => Some(HeapType::Extern),
            wasmparser::HeapType::Abstract {
                ty: AbstractHeapType::Exn,
                ..
            } => Some(HeapType::Exn),
            wasmparser::HeapType::Concrete(index) => {
                // Types refer to earlier ones alone.
                let index = index.as_module_index()? as usize;
                let hash = self.module.type_hashes.get(index)?;
                Some(HeapType::Type(*hash))
            }
            _ => None,
        }
    }

    fn func_type(&self, ty: &wasmparser::FuncType) -> Result<FuncType, Failure> {
        let list = |types: &[wasmparser::ValType]| {
            let types = types.iter().map(|&ty| self.val_type(ty));
            types.collect::<Result<Vec<_>, _>>()
        };
        Ok(FuncType::new(list(ty.params())?, list(ty.results())?))
    }

    fn global_type(&self, ty: wasmparser::GlobalType) -> Result<GlobalType, Failure> {
        Ok(GlobalType {
            val: self.val_type(ty.content_type)?,
            mutable: ty.mutable,
        })
    }

    fn table_type(&self, ty: wasmparser::TableType) -> Result<TableType, Failure> {
        Ok(TableType {
            elem: self.val_type(ty.element_type.into())?,
            min: ty.initial,
            max: ty.maximum,
            index: index_type(ty.table64),
        })
    }

    fn expr(&self, expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr, Failure> {
        let offset = expr.get_binary_reader().original_position();
        constexpr::read(expr)?.ok_or_else(|| {
            self.unsupported(format!("a constant expression's operator (at {offset:#x})"))
        })
    }

    fn import(&mut self, import: wasmparser::Import<'a>) -> Result<(), Failure> {
        let number = Some(self.module.imports.len() as u32);
        let module = &mut self.module;
        let item = match import.ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                module.funcs.push(Func { ty, import: number });
                Item::Func(module.funcs.len() as u32 - 1)
            }
            TypeRef::Table(ty) => {
                let ty = self.table_type(ty)?;
                self.module.tables.push(Table {
                    ty,
                    import: number,
                    primary: false,
                    init: None,
                });
                Item::Table(self.module.tables.len() as u32 - 1)
            }
            TypeRef::Memory(ty) => {
                let ty = memory_type(ty);
                module.memories.push(Memory { ty, import: number });
                Item::Memory(module.memories.len() as u32 - 1)
            }
            TypeRef::Global(ty) => {
                let ty = self.global_type(ty)?;
                let storage = GlobalStorage::Import(self.module.imports.len() as u32);
                self.module.globals.push(Global { ty, storage });
                Item::Global(self.module.globals.len() as u32 - 1)
            }
            TypeRef::Tag(tag) => {
                let ty = tag.func_type_idx;
                module.tags.push(Tag { ty, import: number });
                Item::Tag(module.tags.len() as u32 - 1)
            }
        };
        self.module.imports.push(Import {
            module: import.module,
            name: import.name,
            role: ImportRole::Plain,
            item,
            flags: SymbolFlags::default(),
        });
        Ok(())
    }

    fn table(&mut self, table: wasmparser::Table<'a>) -> Result<(), Failure> {
        let ty = self.table_type(table.ty)?;
        let init = match &table.init {
            TableInit::RefNull => None,
            TableInit::Expr(expr) => {
                // A null initialiser says what holds anyway.
                let expr = self.expr(expr)?;
                (!matches!(expr[..], [ConstOp::RefNull(_)])).then_some(expr)
            }
        };
        self.module.tables.push(Table {
            ty,
            import: None,
            primary: false,
            init,
        });
        Ok(())
    }

    fn export(&mut self, export: wasmparser::Export<'a>) -> Result<(), Failure> {
        let item = match export.kind {
            ExternalKind::Func | ExternalKind::FuncExact => Item::Func(export.index),
            ExternalKind::Table => Item::Table(export.index),
            ExternalKind::Memory => Item::Memory(export.index),
            ExternalKind::Global => Item::Global(export.index),
            ExternalKind::Tag => Item::Tag(export.index),
        };
        self.module.exports.push(Export {
            name: export.name.into(),
            item: ExportItem::Item(item),
            flags: SymbolFlags::default(),
        });
        Ok(())
    }

    fn element(&mut self, element: wasmparser::Element<'a>) -> Result<(), Failure> {
        let items = match element.items {
            ElementItems::Functions(funcs) => {
                let funcs = funcs.into_iter().map(|f| Ok(Some(f?)));
                let funcs = funcs.collect::<Result<Vec<_>, Failure>>()?;
                Items::Funcs(funcs)
            }
            ElementItems::Expressions(ty, exprs) => {
                let exprs = exprs.into_iter().map(|expr| self.expr(&expr?));
                let exprs = exprs.collect::<Result<Vec<_>, Failure>>()?;
                self.val_type(ty.into())?;
                items(exprs)
            }
        };
        let mode = match element.kind {
            ElementKind::Passive => ElementMode::Passive,
            ElementKind::Declared => ElementMode::Declared,
            ElementKind::Active {
                table_index,
                offset_expr,
            } => ElementMode::Active {
                table: table_index.unwrap_or(0),
                offset: self.expr(&offset_expr)?,
            },
        };
        self.module.elements.push(Element { items, mode });
        Ok(())
    }

    fn data(&mut self, data: wasmparser::Data<'a>) -> Result<(), Failure> {
        let mode = match data.kind {
            DataKind::Passive => DataMode::Passive,
            DataKind::Active {
                memory_index,
                offset_expr,
            } => DataMode::Active {
                memory: memory_index,
                offset: self.expr(&offset_expr)?,
            },
        };
        let bytes = data.data;
        self.module.data.push(Data { bytes, mode });
        Ok(())
    }

    fn custom(&mut self, section: &CustomSectionReader<'a>) -> Result<(), Failure> {
        let offset = section.data_offset() as usize;
        let file = self.module.source.clone();
        let fail = |source| Failure::Other(Error::Linking { file, source });
        let data_symbols =
            |name| read_data_symbols(name, section.data(), offset).map_err(fail.clone());
        match section.name() {
            SECTION_COPY => {
                let symbols = data_symbols(SECTION_COPY)?;
                self.module.copies.extend(symbols);
            }
            SECTION_DATA => {
                let symbols = data_symbols(SECTION_DATA)?;
                let named = symbols.into_iter().map(|s| (s.name.clone(), s));
                self.module.sizes.extend(named);
            }
            SECTION_FORWARD => {
                let names = read_forwards(section.data(), offset).map_err(fail.clone())?;
                self.module.forwarded.extend(names);
            }
            _ => {}
        }
        let linking = Linking::read(section.name(), section.data(), offset).map_err(fail)?;
        if let Some(linking) = linking {
            self.module.linking = linking;
        }
        if section.name().starts_with(".debug_") {
            self.module.debug.insert(section.name(), section.data());
        }
        // Names are for people and hints for speed: what cannot be read is left out.
        match section.as_known() {
            KnownCustom::Name(names) => {
                for subsection in names.into_iter().map_while(Result::ok) {
                    if let Name::Function(names) = subsection {
                        let named = names.into_iter().map_while(Result::ok);
                        self.module
                            .names
                            .extend(named.map(|n| (n.index, n.name.into())));
                    }
                }
            }
            KnownCustom::BranchHints(functions) => {
                for function in functions.into_iter().map_while(Result::ok) {
                    let hints = function.hints.into_iter().map_while(Result::ok);
                    self.hints
                        .extend(hints.map(|hint| (function.func, hint.func_offset, hint.taken)));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Functions and nulls where every expression is one.
fn items(exprs: Vec<ConstExpr>) -> Items {
    let funcs = exprs.iter().map(|expr| match expr[..] {
        [ConstOp::RefNull(_)] => Some(None),
        [ConstOp::RefFunc(func)] => Some(Some(func)),
        _ => None,
    });
    match funcs.collect::<Option<Vec<_>>>() {
        Some(funcs) => Items::Funcs(funcs),
        None => Items::Exprs(exprs),
    }
}

fn memory_type(ty: wasmparser::MemoryType) -> MemoryType {
    MemoryType {
        min: ty.initial,
        max: ty.maximum,
        index: index_type(ty.memory64),
        shared: ty.shared,
        page_log2: ty
            .page_size_log2
            .map_or(MemoryType::default().page_log2, |log2| log2 as u8),
    }
}

fn index_type(wide: bool) -> IndexType {
    if wide { IndexType::I64 } else { IndexType::I32 }
}
