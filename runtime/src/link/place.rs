//! Phase 3: domains, and room in linear memories and tables.
//!
//! ```text
//! main relocatable:  0 │ null guard │ shadow stack │ main │ libraries … │ heap
//! main at fixed addresses:   0 │ main, its stack │ libraries … │ heap
//! ```
//!
//! The objects of the tool-conventions ABIs share one domain, the program's.
//! A core module has a domain of its own, or that of the memory it imports.
//! What a running program opens goes where its own allocator says.

use wasmaot_abi::context::{MEMORY_LIMIT, MEMORY_RESERVE, WASM_PAGE};
use wasmaot_abi::info::{ImportKind, LinkingAbi};
use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::types::{MemoryType, TableType};

use super::group::{Group, Member};
use super::linker::{Linker, View};
use super::reserve::{STACK_ALIGN, file, no_memory_of_its_own, pc_room};
use super::state::{Bindings, Program, Room, Target, undefined};
use super::wanted::{Wanted, own_memory, own_table};
use crate::arch::IMAGE_ALIGN;
use crate::config::Category;
use crate::error::{Error, Result};
use crate::ranges::Ranges;
use crate::space::DomainLayout;

/// Where an object goes.
#[derive(Clone, Debug, Default)]
pub(super) struct ObjectPlacement {
    pub domain: usize,
    pub memory_base: u64,
    pub table_base: u64,
    pub pc_base: u64,
    /// What is given back with the object.
    pub room: Option<Room>,
}

/// Places a group; makes the domains it needs.
pub(super) fn place(
    linker: &mut Linker<'_>,
    group: &Group,
    bindings: &[Bindings],
    rooms: &[Room],
) -> Result<Vec<ObjectPlacement>> {
    if let (Some(program), true) = (&linker.state.program, group.purpose.is_opened()) {
        let place = |room: &Room| ObjectPlacement {
            domain: program.domain,
            memory_base: room.memory.as_ref().map_or(0, |block| block.at),
            table_base: room.table.start,
            pc_base: room.codes.start,
            room: Some(room.clone()),
        };
        return Ok(rooms.iter().map(place).collect());
    }
    let members = &group.members[..];
    let mut places = vec![ObjectPlacement::default(); members.len()];
    let dynamic = |m: &Member| m.object.info().abi != LinkingAbi::Core;
    if members.iter().any(dynamic) {
        program(linker, members, &mut places)?;
    }
    let all = (group.first..).zip(members).zip(bindings).zip(&mut places);
    for (((number, member), bindings), place) in all.filter(|(((_, m), _), _)| !dynamic(m)) {
        place.domain = core(linker, number, member, bindings)?;
    }
    Ok(places)
}

/// The domain of a core module.
fn core(
    linker: &mut Linker<'_>,
    number: usize,
    member: &Member,
    bindings: &Bindings,
) -> Result<usize> {
    let info = member.object.info();
    let unsupported = |what: &str| Error::Unsupported {
        file: file(member),
        what: what.to_owned(),
    };
    let mut imports = member.object.imports().zip(&bindings.imports);
    let imported = imports.find_map(|(import, &target)| match import.kind {
        ImportKind::Memory(ty) => Some((ty, target)),
        _ => None,
    });
    let (memory, table) = match imported {
        None => (own_memory(info), own_table(info)),
        Some((ty, target)) if target == Target::ThreadsMemory(number) => {
            (Some(ty), own_table(info))
        }
        Some((_, target)) => {
            let domain = linker.view().memory_domain_number(target);
            let domain = domain.ok_or_else(|| unsupported("a memory that is not loaded yet"))?;
            if own_table(info).is_some() {
                return Err(unsupported("a primary table beside an imported memory"));
            }
            if info.stack_pointer.is_some() {
                claim_stack_pointer(linker, domain, member)?;
            }
            return Ok(domain);
        }
    };
    let domain = linker.space.new_domain(DomainLayout {
        table: table.is_some(),
        memory: memory.map(|ty| memory_limit(linker.view(), ty)),
    })?;
    if let Some(ty) = memory {
        create_memory(linker, domain, &file(member), ty)?;
    }
    if let Some(ty) = table {
        create_table(linker, domain, &file(member), ty, ty.min)?;
    }
    if info.stack_pointer.is_some() {
        claim_stack_pointer(linker, domain, member)?;
    }
    Ok(domain)
}

fn claim_stack_pointer(linker: &mut Linker<'_>, domain: usize, member: &Member) -> Result<()> {
    let value = member.object.info().stack_pointer.unwrap_or(0);
    let second = |place: &str| Error::Unsupported {
        file: file(member),
        what: format!("a second `__stack_pointer` in one {place}; link it with -shared or -pie"),
    };
    if member.object.info().threads {
        if linker.space.locals.stack_pointer_if_any().is_some() {
            return Err(second("process for threads"));
        }
        linker.space.locals.give_stack_pointer(Some(value));
        return Ok(());
    }
    let domain = &mut linker.space.domains[domain];
    if domain.has_stack_pointer {
        return Err(second("memory"));
    }
    domain.has_stack_pointer = true;
    domain.update(|context| context.stack_pointer = value);
    Ok(())
}

/// Bytes that a memory of a type may come to.
pub(super) fn memory_limit(view: View<'_>, ty: MemoryType) -> u64 {
    let limit = process_limit(view, ty);
    ty.max_bytes().unwrap_or(limit).min(limit)
}

/// Bytes that the process allows a memory of such addresses.
fn process_limit(view: View<'_>, ty: MemoryType) -> u64 {
    let limit = view.config.max_memory;
    if ty.index.is_wide() {
        limit
    } else if ty.is_guarded() || ty.page() != WASM_PAGE {
        limit.min(MEMORY_LIMIT)
    } else {
        limit.min(MEMORY_RESERVE)
    }
}

pub(super) fn create_memory(
    linker: &mut Linker<'_>,
    domain: usize,
    file: &str,
    ty: MemoryType,
) -> Result<()> {
    let (limit, min) = (process_limit(linker.view(), ty), ty.min_bytes());
    let too_large = || Error::MemoryLimit {
        file: file.to_owned(),
        what: format!(
            "needs a memory of {} pages of 64 KiB, the limit is {}",
            min.div_ceil(WASM_PAGE),
            limit / WASM_PAGE
        ),
    };
    if min > limit {
        return Err(too_large());
    }
    let max = memory_limit(linker.view(), ty).max(min);
    let made = linker.space.domains[domain].create_memory(ty, max);
    made.then_some(()).ok_or_else(|| Error::MemoryLimit {
        file: file.to_owned(),
        what: format!(
            "needs a memory of {min} bytes, and {} of the {} that the process may use are in use",
            linker.space.budget.used(),
            linker.space.budget.limit()
        ),
    })
}

/// The largest length of a table of a type.
pub(super) fn table_max(view: View<'_>, file: &str, ty: TableType, len: u64) -> Result<u64> {
    // No reservation holds more, nor can an index name it.
    let limit = view.config.max_table.min(undefined::FUNCTIONS);
    if len > limit {
        return Err(Error::Limit {
            file: file.to_owned(),
            what: format!("needs a table of {len} entries, the limit is {limit}"),
            remedy: "raise the limit of the process",
        });
    }
    Ok(ty.max.unwrap_or(limit).min(limit).max(len))
}

/// The error of a table that is not to be had.
pub(super) fn no_table(file: &str, len: u64) -> Error {
    Error::MemoryLimit {
        file: file.to_owned(),
        what: format!("no memory for a table of {len} entries"),
    }
}

fn create_table(
    linker: &mut Linker<'_>,
    domain: usize,
    file: &str,
    ty: TableType,
    len: u64,
) -> Result<()> {
    let max = table_max(linker.view(), file, ty, len)?;
    let made = linker.space.domains[domain].create_table(ty, len, max);
    made.then_some(()).ok_or_else(|| no_table(file, len))
}

/// Places the objects that share the program's domain.
fn program(
    linker: &mut Linker<'_>,
    members: &[Member],
    places: &mut [ObjectPlacement],
) -> Result<()> {
    let file = file(&members[0]);
    if linker.state.program.is_some() {
        return Err(Error::Unsupported {
            file,
            what: "a second dynamically linked program in one process; make another process"
                .to_owned(),
        });
    }
    let domain = linker.space.new_domain(DomainLayout {
        table: true,
        memory: Some(MEMORY_LIMIT),
    })?;
    let shared = |m: &&Member| m.object.info().abi != LinkingAbi::Core;
    let layout = Layout::new(members, linker.config.shadow_stack)?;
    let mut memory = Wanted::default();
    for info in members.iter().filter(shared).map(|m| m.object.info()) {
        memory.of(info);
    }
    let ty = shared_memory(linker.view(), &file, layout.heap_base, &memory)?;
    create_memory(linker, domain, &file, ty)?;
    let table = memory.table(0);
    create_table(
        linker,
        domain,
        &file,
        table,
        layout.table_end.max(memory.table_min),
    )?;
    give_stack_pointer(linker, domain, members, layout.stack.end)?;
    for (place, &(memory_base, table_base)) in places.iter_mut().zip(&layout.bases) {
        *place = ObjectPlacement {
            domain,
            memory_base,
            table_base,
            ..ObjectPlacement::default()
        };
    }
    linker.state.program = Some(Program {
        domain,
        main: linker.state.instances.next(),
        flat: false,
        heap: layout.heap_base..ty.min_bytes(),
        stack: layout.stack,
        indices: None,
        spare_entries: Ranges::default(),
        spare_codes: Ranges::from_range(IMAGE_ALIGN..1 << 32),
    });
    for (place, member) in places.iter_mut().zip(members) {
        place.pc_base = pc_room(linker, member)?.start;
    }
    Ok(())
}

/// The memory that a program's objects share, whose heap begins at `heap_base`.
fn shared_memory(
    view: View<'_>,
    file: &str,
    heap_base: u64,
    wanted: &Wanted,
) -> Result<MemoryType> {
    let limit = view.config.max_memory / WASM_PAGE;
    let limit = limit.min(wanted.max.unwrap_or(u64::MAX));
    let pages = memory_pages(heap_base, wanted.min, limit);
    if pages > MEMORY_LIMIT / WASM_PAGE {
        return Err(Error::Limit {
            file: file.to_owned(),
            what: format!(
                "needs a memory of {pages} pages with its libraries and stack; one that \
                 modules share has at most {}",
                MEMORY_LIMIT / WASM_PAGE
            ),
            remedy: "declare a smaller memory",
        });
    }
    if let Some(max) = wanted.max.filter(|&max| max < pages) {
        view.config.trace(Category::Warning, || {
            format!("{file}: declares a memory of at most {max} pages; with its libraries and stack it has {pages}")
        });
    }
    Ok(MemoryType {
        min: pages,
        max: wanted.max,
        shared: wanted.shared,
        ..MemoryType::default()
    })
}

/// Gives a program's domain the stack pointer of the member that has one of its
/// own, else that of the loader's shadow stack.
fn give_stack_pointer(
    linker: &mut Linker<'_>,
    domain: usize,
    members: &[Member],
    stack_end: u64,
) -> Result<()> {
    let owns = |m: &&Member| {
        let info = m.object.info();
        info.abi != LinkingAbi::Core && info.stack_pointer.is_some()
    };
    match members.iter().find(owns) {
        Some(owner) => claim_stack_pointer(linker, domain, owner),
        None => {
            if members.iter().any(|member| member.object.shares_memory()) {
                linker.space.locals.give_stack_pointer(Some(stack_end));
            }
            let domain = &mut linker.space.domains[domain];
            domain.has_stack_pointer = true;
            domain.update(|context| context.stack_pointer = stack_end);
            Ok(())
        }
    }
}

/// Pages of the memory of a flat program.
const FLAT_PAGES: u64 = (16 << 20) / WASM_PAGE;

/// Makes the domain of a flat program.
pub(crate) fn flat_program(linker: &mut Linker<'_>) -> Result<()> {
    let domain = linker.space.new_domain(DomainLayout {
        table: true,
        memory: Some(MEMORY_LIMIT),
    })?;
    let ty = MemoryType {
        min: FLAT_PAGES,
        ..MemoryType::default()
    };
    create_memory(linker, domain, "the program", ty)?;
    linker.state.program = Some(Program {
        domain,
        main: 0,
        flat: true,
        heap: 0..FLAT_PAGES * WASM_PAGE,
        stack: 0..0,
        indices: None,
        spare_entries: Ranges::default(),
        spare_codes: Ranges::default(),
    });
    Ok(())
}

/// Takes the memory of a module of a flat program for that of the program from
/// now on, if the module has exported its own; keeps the heap off its data.
pub(crate) fn adopt(linker: &mut Linker<'_>, number: usize) {
    let instance = &linker.state.instances[number];
    let (info, domain) = (instance.object.info(), instance.domain);
    let exported = linker
        .view()
        .export(number, "memory", SymbolKind::Memory)
        .is_some();
    let own = own_memory(info).is_some() && exported;
    let data = info.data.iter().map(|(at, len)| at.saturating_add(*len));
    let end = data.max().unwrap_or(0).min(MEMORY_LIMIT);
    // Without that symbol, all that its own memory begins with may be in use.
    let marks = !info.memories.is_empty() || instance.object.find("__heap_base").is_some();
    let marked = if marks { info.static_end } else { 0 };
    if let Some(program) = &mut linker.state.program {
        if own {
            program.domain = domain;
            program.heap.start = 0;
        }
        program.heap.start = program.heap.start.max(end).max(marked);
    }
}

/// Pages of a memory whose heap begins at `heap_base`: as many as asked for,
/// and one for the heap unless the limit forbids.
fn memory_pages(heap_base: u64, wanted: u64, limit: u64) -> u64 {
    let needed = heap_base.div_ceil(WASM_PAGE);
    let comfortable = (heap_base + WASM_PAGE).div_ceil(WASM_PAGE).min(limit);
    wanted.max(needed).max(comfortable)
}

/// Addresses in the program's memory and indices in its table.
#[derive(Debug, PartialEq, Eq)]
struct Layout {
    /// (memory base, table base) by member.
    bases: Vec<(u64, u64)>,
    stack: std::ops::Range<u64>,
    heap_base: u64,
    table_end: u64,
}

impl Layout {
    fn new(members: &[Member], shadow_stack: u64) -> Result<Self> {
        let main = members[0].object.info();
        let fixed = main.abi != LinkingAbi::Core && main.placement.is_none();
        let mut cursor = IMAGE_ALIGN;
        let mut table_end = 1;
        if fixed {
            cursor = main.static_end;
            let mut main_table = Wanted::default();
            main_table.of(main);
            table_end = main_table.table_min.max(1);
        }
        let mut stack = 0..main.stack_pointer.unwrap_or(0);
        if !members
            .iter()
            .any(|m| m.object.info().stack_pointer.is_some())
        {
            let low = cursor.max(IMAGE_ALIGN).next_multiple_of(STACK_ALIGN);
            stack = low..(low + shadow_stack).next_multiple_of(STACK_ALIGN);
            cursor = stack.end;
        }
        let mut bases = Vec::new();
        for (number, member) in members.iter().enumerate() {
            let info = member.object.info();
            let Some(room) = info.placement else {
                if info.abi != LinkingAbi::Core && number != 0 {
                    return Err(Error::Unsupported {
                        file: file(member),
                        what: "a library at fixed addresses; link it with -shared".to_owned(),
                    });
                }
                bases.push((0, 0));
                continue;
            };
            if number != 0 {
                no_memory_of_its_own(member)?;
            }
            // Nothing lies at address 0, whoever has the memory.
            cursor = cursor.max(IMAGE_ALIGN);
            let base = cursor.next_multiple_of(IMAGE_ALIGN.max(1 << room.memory_align));
            cursor = base + member.object.image_end().max(room.memory_size.into());
            let table_base = table_end.next_multiple_of(1 << room.table_align);
            table_end = table_base + u64::from(room.table_size);
            bases.push((base, table_base));
        }
        Ok(Self {
            bases,
            stack,
            heap_base: cursor.next_multiple_of(STACK_ALIGN),
            table_end,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_holds_all_and_a_page_of_heap() {
        let page = WASM_PAGE;
        assert_eq!(memory_pages(1, 0, 100), 2);
        assert_eq!(memory_pages(page, 0, 100), 2);
        assert_eq!(memory_pages(page + 1, 5, 100), 5);
        assert_eq!(memory_pages(page + 1, 0, 2), 2, "no heap beyond the limit");
        assert_eq!(memory_pages(page + 1, 0, 1), 2, "an error later");
    }
}
