//! Decides what each item is at run time: which imports the loader or the
//! context stands for, which segments need no code to be applied, which
//! functions need a record.

use std::collections::HashMap;

use wasmaot_abi::info::LinkingAbi;
use wasmaot_abi::name::ENV;
use wasmaot_abi::types::{FuncType, GlobalType, ValType};
use wasmaot_dylink::{Class, ImportRole, SymbolFlags};
use wasmparser::{FunctionBody, Operator};

use super::constexpr::{Known, evaluate};
use crate::limits;
use crate::module::{
    ConstExpr, ConstOp, DataMode, ElementMode, Export, ExportItem, GlobalInit, GlobalStorage,
    IMAGE_GAP, Item, Items, Module, ThreadStorage,
};

const STACK_POINTER: &str = "__stack_pointer";
const MEMORY_BASE: &str = "__memory_base";
const TLS_BASE: &str = "__tls_base";
const TLS_RELOCS: &str = "__wasm_apply_tls_relocs";

/// Runs the phases in order: each relies on those before it. `align`: of the pieces
/// of a memory image.
pub(super) fn classify(module: &mut Module<'_>, align: u64) {
    placement(module);
    imports(module);
    globals(module);
    module.thread_storage = ThreadStorage::of(module);
    tables(module);
    thread_relocs(module);
    exports(module);
    thread_data(module);
    forwards(module);
    elements(module);
    data(module, align);
    module.funcrefs = funcrefs(module);
    name_functions(module);
}

/// A module that has its own memory has fixed addresses, whatever its linking
/// section says, unless it asks where its data are.
fn placement(module: &mut Module<'_>) {
    let imports_memory = module.memories.first().is_some_and(|m| m.import.is_some());
    let mut imports = module.imports.iter();
    let asks = imports.any(|i| i.module == ENV && i.name == MEMORY_BASE);
    // One that `dyninfo` describes has none of its own, if any.
    if !imports_memory && !asks && module.linking.abi != LinkingAbi::Dyninfo {
        module.linking.placement = None;
    }
}

fn imports(module: &mut Module<'_>) {
    for import in &mut module.imports {
        let class = match import.item {
            Item::Func(_) => Class::Func,
            Item::Table(_) => Class::Table,
            Item::Memory(_) => Class::Memory,
            Item::Tag(_) => Class::Tag,
            Item::Global(global) if module.globals[global as usize].ty.val == ValType::I32 => {
                Class::GlobalI32
            }
            Item::Global(_) => Class::Global,
        };
        import.role = module.linking.role(import.module, import.name, class);
        if !module.linking.imports.is_empty() {
            import.flags = module.linking.import_flags(import.module, import.name);
        }
    }
    for export in &mut module.exports {
        let flags = module.linking.exports.get(&*export.name);
        export.flags = flags.copied().unwrap_or_default();
    }
}

fn globals(module: &mut Module<'_>) {
    let stack_pointer = exported_stack_pointer(module);
    for index in 0..module.globals.len() {
        let storage = match &module.globals[index].storage {
            GlobalStorage::Import(import) => imported_storage(*import, module),
            GlobalStorage::Own(GlobalInit::Computed(expr)) => {
                let known = evaluate(expr, module);
                match known {
                    Some(Known::I32(value)) if stack_pointer == Some(index as u32) => {
                        Some(GlobalStorage::StackPointer {
                            init: Some(u64::from(value as u32)),
                        })
                    }
                    _ => known.and_then(Known::into_init).map(GlobalStorage::Own),
                }
            }
            _ => None,
        };
        if let Some(storage) = storage {
            module.globals[index].storage = storage;
        }
    }
}

fn imported_storage(import: u32, module: &Module<'_>) -> Option<GlobalStorage> {
    match module.imports[import as usize].role {
        ImportRole::Plain => None,
        ImportRole::StackPointer => Some(GlobalStorage::StackPointer { init: None }),
        ImportRole::MemoryBase
        | ImportRole::TableBase
        | ImportRole::GotMem
        | ImportRole::GotFunc
        | ImportRole::CodeBase => Some(GlobalStorage::Loader(import)),
    }
}

/// The global that a dynamic program defines as the domain's stack pointer.
fn exported_stack_pointer(module: &Module<'_>) -> Option<u32> {
    let wanted = GlobalType {
        val: ValType::I32,
        mutable: true,
    };
    let export = module.exports.iter().find(|e| e.name == STACK_POINTER)?;
    match export.item {
        ExportItem::Item(Item::Global(global)) if module.linking.is_dynamic() => {
            let found = &module.globals[global as usize];
            let own = matches!(found.storage, GlobalStorage::Own(_));
            (own && found.ty == wanted).then_some(global)
        }
        _ => None,
    }
}

/// Table 0 of funcref type is primary if the module's domain is surely one
/// where it is.
fn tables(module: &mut Module<'_>) {
    let own_memory = module.memories.first().is_none_or(|m| m.import.is_none());
    let Some(table) = module.tables.first() else {
        return;
    };
    let primary = match table.import {
        Some(import) => {
            let import = &module.imports[import as usize];
            let abi = module.linking.abi;
            abi.is_shared_table(import.module, import.name)
        }
        None => module.linking.is_dynamic() || own_memory,
    };
    // `call_indirect` relies on the room of every 32-bit index.
    let primary = primary && table.ty.elem == ValType::FuncRef && !table.ty.index.is_wide();
    module.tables[0].primary = primary;
}

/// Exports the function that relocates thread-local data: the loader calls it,
/// and linkers make it but, unless they are told to, do not export it.
fn thread_relocs(module: &mut Module<'_>) {
    let known = module.exports.iter().any(|e| e.name == TLS_RELOCS);
    if known || !module.is_relocatable() {
        return;
    }
    let defined =
        |func: u32| func >= module.imported_funcs() && (func as usize) < module.funcs.len();
    let is_it = |func: u32| defined(func) && *module.func_type(func) == FuncType::default();
    let named = module.names.iter().filter(|(_, name)| *name == TLS_RELOCS);
    if let Some(func) = named.map(|(&func, _)| func).filter(|&f| is_it(f)).min() {
        module.exports.push(Export {
            name: TLS_RELOCS.into(),
            item: ExportItem::Item(Item::Func(func)),
            flags: SymbolFlags::default(),
        });
    }
}

fn exports(module: &mut Module<'_>) {
    if !module.linking.exports_data_addresses() {
        return;
    }
    for export in &mut module.exports {
        let ExportItem::Item(Item::Global(global)) = export.item else {
            continue;
        };
        let global = &module.globals[global as usize];
        if let (false, ValType::I32, GlobalStorage::Own(GlobalInit::Const(bytes))) =
            (global.ty.mutable, global.ty.val, &global.storage)
        {
            let [a, b, c, d, ..] = *bytes;
            export.item = ExportItem::Data(u32::from_le_bytes([a, b, c, d]));
        }
    }
}

/// Finds the `GOT.mem` imports that name data of the module's own of which each thread
/// has a copy: their addresses are not the same in all threads.
fn thread_data(module: &mut Module<'_>) {
    if !module.has_shared_memory() {
        return;
    }
    let mut base = None;
    let mut offsets = HashMap::new();
    for export in &module.exports {
        match export.item {
            ExportItem::Item(Item::Global(global)) if export.name == TLS_BASE => {
                let is_i32 = module.globals[global as usize].ty.val == ValType::I32;
                base = Some(global).filter(|&g| is_i32 && module.is_thread_local(g));
            }
            ExportItem::Data(offset) if export.flags.tls() => {
                offsets.insert(&*export.name, offset);
            }
            _ => {}
        }
    }
    let Some(base) = base else {
        return;
    };
    for global in &mut module.globals {
        let GlobalStorage::Loader(import) = global.storage else {
            continue;
        };
        let found = &module.imports[import as usize];
        let own = found.role == ImportRole::GotMem;
        if let Some(&offset) = offsets.get(found.name).filter(|_| own) {
            global.storage = GlobalStorage::ThreadData {
                import,
                base,
                offset,
            };
        }
    }
}

/// Finds the functions that stand for imported ones, and puts those in their
/// place in element segments: the table then has the function itself, not one
/// more pointer to it.
fn forwards(module: &mut Module<'_>) {
    if !module.linking.is_dynamic() || module.forwarded.is_empty() {
        return;
    }
    let first = module.imported_funcs();
    let bodies = (first..).zip(&module.bodies);
    let found =
        bodies.filter_map(|(func, body)| Some((func, forwarded(func, &body.body, module)?)));
    module.forwards = found.collect();
    for element in &mut module.elements {
        let Items::Funcs(funcs) = &mut element.items else {
            continue;
        };
        for func in funcs.iter_mut().flatten() {
            *func = module.forwards.get(func).copied().unwrap_or(*func);
        }
    }
}

/// The imported function that a function merely forwards to: one of those listed, of
/// the same type, and all that it does is to call it with its parameters.
fn forwarded(func: u32, body: &FunctionBody<'_>, module: &Module<'_>) -> Option<u32> {
    if body.get_locals_reader().ok()?.get_count() > 0 {
        return None;
    }
    let mut operators = body.get_operators_reader().ok()?;
    for param in 0..module.func_type(func).params.len() as u32 {
        match operators.read().ok()? {
            Operator::LocalGet { local_index } if local_index == param => {}
            _ => return None,
        }
    }
    let Operator::Call { function_index: to } = operators.read().ok()? else {
        return None;
    };
    if !matches!(operators.read().ok()?, Operator::End) {
        return None;
    }
    let import = &module.imports[module.funcs[to as usize].import? as usize];
    let listed = import.module == ENV && module.forwarded.contains(import.name);
    (listed && module.func_type(to) == module.func_type(func)).then_some(to)
}

/// Element segments that surely fit, before any that might not.
fn elements(module: &mut Module<'_>) {
    let mut before_static = true;
    for index in 0..module.elements.len() {
        let ElementMode::Active { table, offset } = &module.elements[index].mode else {
            continue;
        };
        let fits = before_static
            .then(|| static_element(*table, offset, &module.elements[index].items, module))
            .flatten();
        match fits {
            Some(offset) => module.elements[index].mode = ElementMode::Static { offset },
            None => before_static = false,
        }
    }
}

fn static_element(
    table: u32,
    offset: &ConstExpr,
    items: &Items,
    module: &Module<'_>,
) -> Option<u32> {
    let Items::Funcs(funcs) = items else {
        return None;
    };
    let table = &module.tables[table as usize];
    if !table.primary || table.init.is_some() {
        return None;
    }
    let (offset, room) = match (evaluate(offset, module)?, module.linking.placement) {
        (Known::I32(offset), None) if table.import.is_none() => (offset as u32, table.ty.min),
        (Known::TableBase(offset), Some(placement)) => (offset as u32, placement.table_size.into()),
        _ => return None,
    };
    let end = u64::from(offset) + funcs.len() as u64;
    (end <= room).then_some(offset)
}

/// Data segments that surely fit, before any that might not; none where an image
/// would be out of proportion to what is in them.
fn data(module: &mut Module<'_>, align: u64) {
    let mut offsets = static_offsets(module, align);
    if is_sparse(module, &offsets, align) {
        offsets.clear();
    }
    for (index, offset) in offsets {
        module.data[index].mode = DataMode::Static { offset };
    }
}

/// The segments that can be in an image, with their offsets.
fn static_offsets(module: &Module<'_>, align: u64) -> Vec<(usize, u32)> {
    let mut found = Vec::new();
    for (index, data) in module.data.iter().enumerate() {
        let DataMode::Active { memory, offset } = &data.mode else {
            continue;
        };
        let offset = match memory {
            0 => static_data(offset, data.bytes.len() as u64, module, align),
            _ => None,
        };
        match offset {
            Some(offset) => found.push((index, offset)),
            None => break,
        }
    }
    found
}

/// Whether an image of these segments would be large for what is in them: each
/// piece of it takes whole pages.
fn is_sparse(module: &Module<'_>, segments: &[(usize, u32)], align: u64) -> bool {
    let range = |&(index, offset): &(usize, u32)| {
        let (start, len) = (u64::from(offset), module.data[index].bytes.len() as u64);
        start / align..(start + len).div_ceil(align)
    };
    let mut ranges: Vec<_> = segments.iter().map(range).collect();
    ranges.sort_unstable_by_key(|range| range.start);
    let (mut pages, mut end) = (0, 0);
    for range in ranges {
        let near = range.start.saturating_sub(end) * align < IMAGE_GAP;
        let start = if near { end } else { range.start };
        pages += range.end.saturating_sub(start);
        end = end.max(range.end);
    }
    let bytes: usize = segments
        .iter()
        .map(|&(i, _)| module.data[i].bytes.len())
        .sum();
    let most = limits::IMAGE + limits::IMAGE_PER_BYTE * bytes as u64;
    pages * align > most
}

fn static_data(offset: &ConstExpr, len: u64, module: &Module<'_>, align: u64) -> Option<u32> {
    let memory = module.memories.first()?;
    // The image is made of pages, and so must the memory be.
    let own = memory.import.is_none() && memory.ty.page().is_multiple_of(align);
    let (offset, room) = match (evaluate(offset, module)?, module.linking.placement) {
        (Known::I32(offset), None) if own => (offset as u32, memory.ty.min_bytes()),
        (Known::I64(offset), None) if own => (u32::try_from(offset).ok()?, memory.ty.min_bytes()),
        (Known::MemoryBase(offset), Some(placement)) => {
            (offset as u32, placement.memory_size.into())
        }
        _ => return None,
    };
    (u64::from(offset) + len <= room).then_some(offset)
}

/// Functions that something can refer to, ascending: imports come first.
fn funcrefs(module: &Module<'_>) -> Vec<u32> {
    let mut named = vec![false; module.funcs.len()];
    for export in &module.exports {
        if let ExportItem::Item(Item::Func(func)) = export.item {
            named[func as usize] = true;
        }
    }
    let mut in_expr = |expr: &[ConstOp]| {
        for op in expr {
            if let ConstOp::RefFunc(func) = op {
                named[*func as usize] = true;
            }
        }
    };
    for global in &module.globals {
        match &global.storage {
            GlobalStorage::Own(GlobalInit::RefFunc(func)) => in_expr(&[ConstOp::RefFunc(*func)]),
            GlobalStorage::Own(GlobalInit::Computed(expr)) => in_expr(expr),
            _ => {}
        }
    }
    for init in module.tables.iter().filter_map(|t| t.init.as_ref()) {
        in_expr(init);
    }
    for element in &module.elements {
        match &element.items {
            Items::Exprs(exprs) => exprs.iter().for_each(|expr| in_expr(expr)),
            Items::Funcs(funcs) => {
                for func in funcs.iter().flatten() {
                    in_expr(&[ConstOp::RefFunc(*func)]);
                }
            }
        }
    }
    (0..module.funcs.len() as u32)
        .filter(|&func| named[func as usize])
        .collect()
}

/// Names functions after exports and imports where the name section does not.
fn name_functions(module: &mut Module<'_>) {
    for export in &module.exports {
        if let ExportItem::Item(Item::Func(func)) = export.item {
            let name = || export.name.clone();
            module.names.entry(func).or_insert_with(name);
        }
    }
    for import in &module.imports {
        if let Item::Func(func) = import.item {
            module.names.entry(func).or_insert(import.name.into());
        }
    }
    let known = module.funcs.len();
    module.names.retain(|&func, _| (func as usize) < known);
}
