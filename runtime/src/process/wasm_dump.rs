//! Core dumps in WebAssembly's own terms: a module whose custom sections `core`,
//! `coremodules`, `coreinstances` and `corestack` say what ran, and whose memories, data and
//! globals are those of the process, as WebAssembly's tool conventions have it.
//!
//! Locals and operands are not in it: native code keeps them where it likes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::iter;

use wasm_encoder::{
    AbstractHeapType, ConstExpr, CoreDumpInstancesSection, CoreDumpModulesSection, CoreDumpSection,
    CoreDumpStackSection, Encode as _, GlobalSection, GlobalType, HeapType, MemorySection,
    MemoryType, Module, SectionId, ValType,
};
use wasmaot_abi::info::ImportKind;
use wasmaot_abi::maps::module::{GlobalPlace, ModuleMap};
use wasmaot_abi::object::{SEC_MODULE, SymbolRecord};
use wasmaot_abi::types;

use super::Process;
use super::threads::MAIN;
use super::wasm_frames::Frames;
use crate::link::{Instance, Target};
use crate::space::Domain;
use crate::sys::PAGE;
use crate::trap::{Site, Stopped, Trap};
use crate::value::Val;

/// What stands for a memory or global of an instance that the dump does not have.
const ABSENT: u32 = u32::MAX;
/// Data segments that readers take at least.
const MAX_SEGMENTS: u64 = 100_000;
/// Bytes of the section's head: its number, and its size in a fixed width.
const HEAD: u64 = 1 + SIZE;
const SIZE: u64 = 5;

impl Process {
    /// Writes a core dump of the process as a trap has left it, in the format of WebAssembly's
    /// tool conventions. Of memories it has what is not zero.
    ///
    /// # Errors
    /// Those of the file. [`io::ErrorKind::Unsupported`]: the trap does not say where the thread
    /// was; [`Config::core_dumps`](crate::Config::core_dumps) was not set, or no code ran.
    /// [`io::ErrorKind::FileTooLarge`]: more than 4 GiB of memory are not zero.
    pub fn write_wasm_core_dump(&self, trap: &Trap, file: &mut File) -> io::Result<()> {
        let stopped = Stopped::of(trap).ok_or(io::ErrorKind::Unsupported)?;
        let with_memory = |domain: &&Domain| domain.memory.is_some();
        let domains: Vec<_> = self.space.domains.iter().filter(with_memory).collect();
        let globals = Globals {
            process: self,
            is_first_thread: trap.thread.is_none(),
            numbers: HashMap::new(),
            section: GlobalSection::new(),
        };
        let head = self.head(stopped, trap, &domains, globals);
        file.write_all(&head)?;
        write_data(file, head.len() as u64, &domains)
    }

    /// All but the data.
    fn head(
        &self,
        stopped: &Stopped,
        trap: &Trap,
        domains: &[&Domain],
        mut globals: Globals<'_>,
    ) -> Vec<u8> {
        let mut modules = CoreDumpModulesSection::new();
        let mut instances = CoreDumpInstancesSection::new();
        for (index, (number, instance)) in (0..).zip(self.link.instances.iter()) {
            modules.module(instance.object.name());
            let memories = self.memories_of(number, instance, domains);
            instances.instance(index, memories, globals.of(number, instance));
        }
        let main = self.link.program.as_ref().map(|program| program.main);
        let main = main.and_then(|main| self.link.instances.get(main));
        let main = main.or_else(|| self.link.instances.values().next());
        let name = main.map_or(String::new(), |main| {
            main.object.path().display().to_string()
        });
        let mut module = Module::new();
        module
            .section(&CoreDumpSection::new(name))
            .section(&modules)
            .section(&instances);
        let frames = Frames::new(self);
        let thread = trap.thread.unwrap_or(MAIN);
        module.section(&stack(thread, &frames, &stopped.entries));
        for (thread, site) in &stopped.others {
            module.section(&stack(*thread, &frames, iter::once(&**site)));
        }
        let mut memories = MemorySection::new();
        for domain in domains {
            memories.memory(memory_type(domain));
        }
        module.section(&memories).section(&globals.section);
        module.finish()
    }

    /// The memories of an instance, as the dump numbers them.
    fn memories_of(&self, number: usize, instance: &Instance, domains: &[&Domain]) -> Vec<u32> {
        let in_dump = |domain: Option<usize>| {
            let base = domain.and_then(|domain| Some(self.space.domains.get(domain)?.base()));
            let found = domains
                .iter()
                .position(|domain| Some(domain.base()) == base);
            found.map_or(ABSENT, |found| found as u32)
        };
        let imports = (0..).zip(instance.object.imports());
        let imported = imports.filter_map(|(n, import): (usize, _)| {
            let is_memory = matches!(import.kind, ImportKind::Memory(_));
            let target = is_memory.then(|| instance.bindings.imports.get(n))?;
            Some(in_dump(match target {
                Some(&target) => self.view().memory_domain_number(target),
                None => self.link.instances.get(number).map(|own| own.domain),
            }))
        });
        let own = instance.object.info().memories.iter();
        let own = own.map(|memory| {
            in_dump(match memory.desc {
                None => Some(instance.domain),
                Some(desc) => {
                    let desc = instance.address(desc);
                    self.space.memories.get(&desc).copied()
                }
            })
        });
        imported.chain(own).collect()
    }
}

fn stack<'s>(
    thread: u32,
    frames: &Frames<'_>,
    entries: impl IntoIterator<Item = &'s Site>,
) -> CoreDumpStackSection {
    let name = match thread {
        MAIN => "main".to_owned(),
        number => format!("thread {number}"),
    };
    let mut stack = CoreDumpStackSection::new(name);
    for frame in frames.of(entries) {
        stack.frame(frame.instance, frame.function, frame.offset, [], []);
    }
    stack
}

fn memory_type(domain: &Domain) -> MemoryType {
    let ty = domain.memory.unwrap_or_default();
    MemoryType {
        minimum: domain.view().len() / ty.page(),
        // What a module that shares it must say.
        maximum: ty.max,
        memory64: ty.index.is_wide(),
        shared: ty.shared && ty.max.is_some(),
        page_size_log2: match ty.page_log2 {
            16 => None,
            other => Some(other.into()),
        },
    }
}

/// The globals of the process.
struct Globals<'p> {
    process: &'p Process,
    /// Whether it is the first thread whose values are to be had.
    is_first_thread: bool,
    /// Those that are in the section, by where they are: several instances may have one.
    numbers: HashMap<Place, u32>,
    section: GlobalSection,
}

/// Where a global is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    /// In an instance's image.
    Image {
        instance: usize,
        vaddr: u64,
    },
    /// At an offset from the thread pointer.
    Thread(u64),
    /// The stack pointer of a domain, of a thread.
    DomainStack(usize),
    ThreadStack,
}

impl Globals<'_> {
    /// The globals of an instance, as the section numbers them.
    fn of(&mut self, number: usize, instance: &Instance) -> Vec<u32> {
        let map = instance.object.section(SEC_MODULE);
        let map = map.and_then(ModuleMap::decode).unwrap_or_default();
        let one = |(ty, place)| self.add(number, instance, ty, place).unwrap_or(ABSENT);
        map.globals.into_iter().map(one).collect()
    }

    fn add(
        &mut self,
        number: usize,
        instance: &Instance,
        ty: types::ValType,
        place: GlobalPlace,
    ) -> Option<u32> {
        if let GlobalPlace::Constant(bits) = place {
            return Some(self.push(Val::from_bits(ty, bits)));
        }
        let place = self.place(number, instance, place)?;
        if let Some(&known) = self.numbers.get(&place) {
            return Some(known);
        }
        let bits = self.read(place, ty.bytes())?;
        let known = self.push(Val::from_bits(ty, bits));
        self.numbers.insert(place, known);
        Some(known)
    }

    fn push(&mut self, value: Val) -> u32 {
        let number = self.section.len();
        let (ty, value) = constant(value);
        let ty = GlobalType {
            val_type: ty,
            mutable: false,
            shared: false,
        };
        self.section.global(ty, &value);
        number
    }

    /// Where a global is in the process.
    fn place(&self, number: usize, instance: &Instance, place: GlobalPlace) -> Option<Place> {
        let section = |name, offset: u64| {
            let start = instance.object.section_address(name)?;
            let vaddr = start.checked_add(offset)?;
            let instance = number;
            Some(Place::Image { instance, vaddr })
        };
        match place {
            GlobalPlace::Data(offset) => section(".data", offset),
            GlobalPlace::Got(offset) => section(".got", offset),
            GlobalPlace::ThreadLocal(offset) => {
                Some(Place::Thread(instance.locals?.checked_add(offset)?))
            }
            GlobalPlace::StackPointer => Some(stack_of(instance)),
            GlobalPlace::Symbol(symbol) => {
                let target = instance.bindings.symbol(symbol)?;
                let Target::Symbol { instance, symbol } = target else {
                    return None;
                };
                let definer = self.process.link.instances.get(instance)?;
                let symbol = definer.object.symbol(symbol);
                if symbol.record.flags & SymbolRecord::STACK_POINTER != 0 {
                    return Some(stack_of(definer));
                }
                Some(match self.process.view().thread_offset_of(target) {
                    Some(offset) => Place::Thread(offset),
                    None => Place::Image {
                        instance,
                        vaddr: symbol.value,
                    },
                })
            }
            GlobalPlace::Unknown | GlobalPlace::Constant(_) => None,
        }
    }

    /// The value at a place, of so many bytes.
    fn read(&self, place: Place, bytes: u32) -> Option<u128> {
        let process = self.process;
        match place {
            Place::Image { instance, vaddr } => {
                let image = &process.link.instances.get(instance)?.image;
                let mut value = [0; 16];
                let read = image.read_vec(vaddr, bytes.into()).ok()?;
                value.get_mut(..read.len())?.copy_from_slice(&read);
                Some(u128::from_le_bytes(value))
            }
            Place::DomainStack(domain) => {
                let context = process.space.domains.get(domain)?.context();
                Some(context.stack_pointer.into())
            }
            // Those of a thread that has ended are gone with it.
            Place::Thread(offset) if self.is_first_thread => {
                process.space.locals.read(offset, bytes)
            }
            Place::ThreadStack if self.is_first_thread => {
                Some(process.space.locals.stack_pointer().into())
            }
            Place::Thread(_) | Place::ThreadStack => None,
        }
    }
}

/// Where the stack pointer is that an instance has.
fn stack_of(instance: &Instance) -> Place {
    match instance.object.info().threads {
        true => Place::ThreadStack,
        false => Place::DomainStack(instance.domain),
    }
}

/// A value as a constant. What references refer to has no meaning in a dump: they are null.
fn constant(value: Val) -> (ValType, ConstExpr) {
    match value {
        Val::I32(value) => (ValType::I32, ConstExpr::i32_const(value)),
        Val::I64(value) => (ValType::I64, ConstExpr::i64_const(value)),
        Val::F32(bits) => (
            ValType::F32,
            ConstExpr::f32_const(f32::from_bits(bits).into()),
        ),
        Val::F64(bits) => (
            ValType::F64,
            ConstExpr::f64_const(f64::from_bits(bits).into()),
        ),
        Val::V128(bits) => (ValType::V128, ConstExpr::v128_const(bits as i128)),
        Val::FuncRef(_) => (ValType::FUNCREF, ConstExpr::ref_null(HeapType::FUNC)),
        Val::ExternRef(_) => (ValType::EXTERNREF, ConstExpr::ref_null(HeapType::EXTERN)),
        Val::ExnRef(_) => (
            ValType::EXNREF,
            ConstExpr::ref_null(HeapType::Abstract {
                shared: false,
                ty: AbstractHeapType::Exn,
            }),
        ),
    }
}

/// Writes the data section, which begins at an offset of the file: pieces of memories, as many
/// as readers take, each without zeros at its ends. The section's head comes last.
fn write_data(file: &mut File, start: u64, domains: &[&Domain]) -> io::Result<()> {
    let total: u64 = domains.iter().map(|domain| domain.view().len()).sum();
    let pieces = MAX_SEGMENTS.saturating_sub(domains.len() as u64).max(1);
    let piece = total.div_ceil(pieces).max(PAGE).next_power_of_two();
    let count_at = start + HEAD;
    let mut segments = 0u64;
    let mut out = io::BufWriter::new(&mut *file);
    out.seek(SeekFrom::Start(count_at + SIZE))?;
    for (number, domain) in (0u32..).zip(domains) {
        let memory = domain.view();
        let is_wide = domain.memory.is_some_and(|ty| ty.index.is_wide());
        for at in (0..memory.len()).step_by(piece as usize) {
            let bytes = piece.min(memory.len() - at);
            let Ok(content) = memory.read_vec(at, bytes) else {
                continue;
            };
            let is_data = |&byte: &u8| byte != 0;
            let (Some(first), Some(last)) = (
                content.iter().position(is_data),
                content.iter().rposition(is_data),
            ) else {
                continue;
            };
            let at = at + first as u64;
            let offset = match is_wide {
                true => ConstExpr::i64_const(at as i64),
                false => ConstExpr::i32_const(at as i32),
            };
            // Active; of another memory than the first by its number. Not all readers know that.
            let mut head = Vec::with_capacity(24);
            match number {
                0 => head.push(0),
                other => {
                    head.push(2);
                    other.encode(&mut head);
                }
            }
            offset.encode(&mut head);
            (last - first + 1).encode(&mut head);
            out.write_all(&head)?;
            out.write_all(&content[first..=last])?;
            segments += 1;
        }
    }
    let end = out.stream_position()?;
    let size = end - count_at;
    if size > u64::from(u32::MAX) {
        let text = format!("{size} bytes of memory are not zero, more than a section's 4 GiB");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    out.seek(SeekFrom::Start(start))?;
    out.write_all(&[SectionId::Data as u8])?;
    out.write_all(&wide_leb(size as u32))?;
    out.write_all(&wide_leb(segments as u32))?;
    out.flush()
}

/// A number in as many bytes as the largest has.
fn wide_leb(number: u32) -> [u8; SIZE as usize] {
    let mut out = [0; SIZE as usize];
    for (n, byte) in out.iter_mut().enumerate() {
        *byte = (number >> (7 * n)) as u8 & 0x7f | 0x80;
    }
    out[SIZE as usize - 1] &= 0x7f;
    out
}
