//! A module that counts its branches: before each of them it calls a function of its
//! own, which counts in a memory of its own and hands on the condition. All that is
//! new stands behind what is there, so that no number in the module changes.

use wasm_encoder::{
    Encode as _, ExportKind, Function, Instruction, MemArg, MemArgTarget, MemoryType, Module,
    RawSection, SectionId, ValType,
};
use wasmaot_abi::info::ModuleHash;
use wasmparser::{BinaryReader, BinaryReaderError, FunctionBody, Parser, Payload, TypeRef};

use super::{COUNTS, MEMORY, hex, places};

/// What the sections before the code say.
#[derive(Default)]
struct Outline {
    types: u32,
    imported: u32,
    defined: u32,
    memories: u32,
    /// Whether memory 0 is shared.
    shared: bool,
    branches: u32,
}

/// Adds the counting; `wasm` is valid. A module without branches, or without a memory,
/// stays as it is: its first memory is what it is linked with.
pub(crate) fn count(wasm: &[u8], hash: &ModuleHash) -> Result<Vec<u8>, BinaryReaderError> {
    let outline = outline(wasm)?;
    if outline.branches == 0 || outline.memories == 0 {
        return Ok(wasm.to_vec());
    }
    let bytes = u64::from(outline.branches) * COUNTS as u64;
    let pages = bytes.div_ceil(1 << 16);
    let memory = MemoryType {
        minimum: pages,
        maximum: Some(pages),
        memory64: false,
        shared: outline.shared,
        page_size_log2: None,
    };
    let mut counting = Counting {
        name: format!("{MEMORY}{}", hex(hash)),
        outline,
        memory,
        has_memory: false,
        has_exports: false,
        next: 0,
    };
    let mut module = Module::new();
    let mut bodies = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::CodeSectionEntry(body) => {
                bodies.push(counting.body(wasm, &body));
                if bodies.len() as u32 == counting.outline.defined {
                    bodies.push(counting.counter());
                    raw(&mut module, SectionId::Code as u8, &code(&bodies));
                }
            }
            Payload::CodeSectionStart { .. } => {
                counting.missing(&mut module, SectionId::Code as u8)
            }
            // Places in the code are others now.
            Payload::CustomSection(section) if section.name().starts_with(".debug_") => {}
            payload => {
                if let Some((id, range)) = payload.as_section() {
                    counting.missing(&mut module, id);
                    let data = &wasm[range.start as usize..range.end as usize];
                    let longer = counting.longer(id, data);
                    raw(&mut module, id, longer.as_deref().unwrap_or(data));
                }
            }
        }
    }
    Ok(module.finish())
}

fn outline(wasm: &[u8]) -> Result<Outline, BinaryReaderError> {
    let mut outline = Outline::default();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::TypeSection(types) => outline.types = types.count(),
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    match import?.ty {
                        TypeRef::Func(_) => outline.imported += 1,
                        TypeRef::Memory(ty) => outline.memory(ty.shared),
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(functions) => outline.defined = functions.count(),
            Payload::MemorySection(memories) => {
                for memory in memories {
                    outline.memory(memory?.shared);
                }
            }
            Payload::CodeSectionEntry(body) => outline.branches += places(&body).count() as u32,
            _ => {}
        }
    }
    Ok(outline)
}

impl Outline {
    fn memory(&mut self, shared: bool) {
        self.shared |= self.memories == 0 && shared;
        self.memories += 1;
    }
}

struct Counting {
    name: String,
    outline: Outline,
    memory: MemoryType,
    has_memory: bool,
    has_exports: bool,
    /// The number of the next branch.
    next: u32,
}

impl Counting {
    /// The number of the function that counts.
    fn counter_number(&self) -> u32 {
        self.outline.imported + self.outline.defined
    }

    /// Writes the sections that the module has not and that stand before this one.
    fn missing(&mut self, module: &mut Module, id: u8) {
        let at = place(id);
        if !self.has_memory && at > place(SectionId::Memory as u8) {
            raw(
                module,
                SectionId::Memory as u8,
                &[&[1], &*self.memory_entry()].concat(),
            );
            self.has_memory = true;
        }
        if !self.has_exports && at > place(SectionId::Export as u8) {
            raw(
                module,
                SectionId::Export as u8,
                &[&[1], &*self.export()].concat(),
            );
            self.has_exports = true;
        }
    }

    /// A section with one entry more; none if it stays as it is.
    fn longer(&mut self, id: u8, data: &[u8]) -> Option<Vec<u8>> {
        const TYPE: u8 = SectionId::Type as u8;
        const FUNCTION: u8 = SectionId::Function as u8;
        const MEMORY: u8 = SectionId::Memory as u8;
        const EXPORT: u8 = SectionId::Export as u8;
        let entry = match id {
            // (i32, i32) -> i32
            TYPE => vec![0x60, 2, 0x7f, 0x7f, 1, 0x7f],
            FUNCTION => encoded(self.outline.types),
            MEMORY => {
                self.has_memory = true;
                self.memory_entry()
            }
            EXPORT => {
                self.has_exports = true;
                self.export()
            }
            _ => return None,
        };
        let mut reader = BinaryReader::new(data, 0);
        let count = reader.read_var_u32().ok()?;
        let rest = &data[reader.original_position() as usize..];
        Some([&encoded(count + 1), rest, &entry].concat())
    }

    fn memory_entry(&self) -> Vec<u8> {
        let mut entry = Vec::new();
        self.memory.encode(&mut entry);
        entry
    }

    fn export(&self) -> Vec<u8> {
        let mut entry = Vec::new();
        self.name.as_str().encode(&mut entry);
        ExportKind::Memory.encode(&mut entry);
        self.outline.memories.encode(&mut entry);
        entry
    }

    /// A body with a call before each branch.
    fn body(&mut self, wasm: &[u8], body: &FunctionBody<'_>) -> Vec<u8> {
        let range = body.range();
        let (mut from, end) = (range.start as usize, range.end as usize);
        let mut longer = Vec::with_capacity(end - from);
        for at in places(body) {
            longer.extend_from_slice(&wasm[from..at as usize]);
            Instruction::I32Const(self.next.cast_signed()).encode(&mut longer);
            Instruction::Call(self.counter_number()).encode(&mut longer);
            from = at as usize;
            self.next += 1;
        }
        longer.extend_from_slice(&wasm[from..end]);
        longer
    }

    /// The function that counts: of a condition and the number of a branch, it answers
    /// the condition.
    fn counter(&self) -> Vec<u8> {
        const CONDITION: u32 = 0;
        const NUMBER: u32 = 1;
        const AT: u32 = 2;
        let word = |offset| MemArg {
            offset,
            align: 3,
            target: MemArgTarget::Memory(self.outline.memories),
            ordering: None,
        };
        let mut function = Function::new([(1, ValType::I32)]);
        for instruction in [
            Instruction::LocalGet(NUMBER),
            Instruction::I32Const(COUNTS as i32),
            Instruction::I32Mul,
            Instruction::LocalTee(AT),
            Instruction::LocalGet(AT),
            Instruction::I64Load(word(0)),
            Instruction::I64Const(1),
            Instruction::I64Add,
            Instruction::I64Store(word(0)),
            Instruction::LocalGet(AT),
            Instruction::LocalGet(AT),
            Instruction::I64Load(word(8)),
            Instruction::LocalGet(CONDITION),
            Instruction::I32Const(0),
            Instruction::I32Ne,
            Instruction::I64ExtendI32U,
            Instruction::I64Add,
            Instruction::I64Store(word(8)),
            Instruction::LocalGet(CONDITION),
            Instruction::End,
        ] {
            function.instruction(&instruction);
        }
        function.into_raw_body()
    }
}

/// The content of a code section.
fn code(bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut data = encoded(bodies.len() as u32);
    for body in bodies {
        body.as_slice().encode(&mut data);
    }
    data
}

/// Where a section stands among the others; custom ones stand anywhere.
fn place(id: u8) -> usize {
    const ORDER: [SectionId; 14] = [
        SectionId::Custom,
        SectionId::Type,
        SectionId::Import,
        SectionId::Function,
        SectionId::Table,
        SectionId::Memory,
        SectionId::Tag,
        SectionId::Global,
        SectionId::Export,
        SectionId::Start,
        SectionId::Element,
        SectionId::DataCount,
        SectionId::Code,
        SectionId::Data,
    ];
    let place = ORDER.iter().position(|&known| known as u8 == id);
    place.unwrap_or_default()
}

fn encoded(number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    number.encode(&mut bytes);
    bytes
}

fn raw(module: &mut Module, id: u8, data: &[u8]) {
    module.section(&RawSection { id, data });
}
