//! Tests with hand-written machine code in the place of objects: that of x86-64.

#![cfg(target_arch = "x86_64")]

mod calls;
mod lazy;
mod traps;

use std::ops::Range;
use std::ptr;
use std::sync::Arc;

use gimli::write::{
    Address, CallFrameInstruction, CommonInformationEntry, EhFrame, EndianVec,
    FrameDescriptionEntry, FrameTable,
};
use gimli::{Encoding, Format, LittleEndian, X86_64};
use wasmaot_abi::context::{CONTEXT_SIZE, Context, MemoryDesc};
use wasmaot_abi::maps::encode_traps;
use wasmaot_abi::maps::lines::{FunctionLines, Line, encode_lines, encode_stream};
use wasmaot_abi::object::{SEC_LINES, SEC_TRAPS};
use wasmaot_abi::prelink::BuildId;
use wasmaot_abi::trap::TrapCode;
use wasmaot_abi::types::FuncType;

use super::{Callee, CodeImage, CodeMap, RawTrap, ThreadSpace, Trap, call, explain};
use crate::arch::host_stub;
use crate::config::Config;
use crate::host::HostFunction;
use crate::host::Slot;
use crate::process::Shared;
use crate::sys::live::ThreadHead;
use crate::sys::{Budget, Window};
use crate::value::Val;

/// The bytes of a piece of position-independent code.
macro_rules! code {
    ($($line:expr),+ $(,)?) => {{
        #[unsafe(naked)]
        extern "C" fn blob() {
            std::arch::naked_asm!(".quad 93f - 92f", "92:", $($line),+, "93:")
        }
        // SAFETY: the function is data, its length first; never called.
        unsafe {
            let start = blob as *const u8;
            let length = start.cast::<u64>().read_unaligned() as usize;
            std::slice::from_raw_parts(start.add(8), length).to_vec()
        }
    }};
}
pub(super) use code;

/// Stands in the code of a test for an address that [`patch`] puts there.
pub(super) const PLACEHOLDER: u64 = 0x1122_3344_5566_7788;

/// Replaces the first placeholder.
pub(super) fn patch(mut code: Vec<u8>, address: u64) -> Vec<u8> {
    let bytes = PLACEHOLDER.to_le_bytes();
    let at = code
        .windows(8)
        .position(|w| w == bytes)
        .expect("a placeholder");
    code[at..at + 8].copy_from_slice(&address.to_le_bytes());
    code
}

const PAGE: u64 = 4096;
const CODE_BYTES: u64 = 64 << 10;
const STACK_BYTES: u64 = 64 << 10;
const MEMORY_BYTES: u64 = 64 << 10;

/// A process without loader: a code area, a stack, one domain.
pub(super) struct Process {
    /// It begins the window.
    pub head: *mut ThreadHead,
    _window: Window,
    pub space: ThreadSpace,
    pub base: u64,
    pub object: TestObject,
    next: u64,
    mapping: Range<u64>,
    functions: Vec<*mut Slot>,
}

// SAFETY: everything in it is the process's own.
unsafe impl Send for Process {}

impl Process {
    pub fn new() -> Self {
        // code │ context │ memory │ guard
        let size = CODE_BYTES + CONTEXT_SIZE + MEMORY_BYTES + PAGE;
        let start = map(size);
        let code = start..start + CODE_BYTES;
        let base = code.end + CONTEXT_SIZE;
        protect(&(base + MEMORY_BYTES..start + size), libc::PROT_NONE);
        let window = Window::new(STACK_BYTES).expect("a window");
        let shared = Shared::new(
            code.clone(),
            Arc::new(Budget::new(1 << 20)),
            &Config::default(),
        );
        let process = Self {
            head: window.block() as *mut ThreadHead,
            next: code.start,
            object: TestObject::new(code.start, base + MEMORY_BYTES..start + size),
            space: ThreadSpace {
                interrupt: Arc::clone(shared.interrupter.state()),
                entry: shared.interrupter.state().add(),
                shared,
                number: 1,
                head: window.block(),
                stack: window.usable(),
                stack_guard: window.guard(),
            },
            base,
            mapping: start..start + size,
            functions: Vec::new(),
            _window: window,
        };
        process.make_context(base);
        process
    }

    /// Writes a context for a domain right below `base`.
    pub fn make_context(&self, base: u64) {
        let context = Context {
            memory: MemoryDesc {
                base: self.base,
                bytes: MEMORY_BYTES,
                max_bytes: MEMORY_BYTES,
            },
            ..Context::default()
        };
        // SAFETY: the bytes below a base are writable in a test.
        unsafe { *(base as *mut Context).sub(1) = context };
    }

    /// Address where the next piece of code will stand.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Places code that belongs to no object.
    pub fn place(&mut self, code: &[u8]) -> u64 {
        let at = self.next;
        assert!(at + code.len() as u64 <= self.space.shared.code.end);
        protect(&self.space.shared.code, libc::PROT_READ | libc::PROT_WRITE);
        // SAFETY: in the code area, which is writable now.
        unsafe { ptr::copy_nonoverlapping(code.as_ptr(), at as *mut u8, code.len()) };
        protect(&self.space.shared.code, libc::PROT_READ | libc::PROT_EXEC);
        self.next = (at + code.len() as u64).next_multiple_of(16);
        at
    }

    /// Places a function of the object, with `push rbp; mov rbp, rsp` before
    /// its code. Its number is the count of those before, its lines one wasm
    /// offset for each byte of code.
    pub fn function(&mut self, name: &str, body: &[u8]) -> u64 {
        let at = self.place(&[&[0x55, 0x48, 0x89, 0xe5], body].concat());
        let offset = (at - self.space.shared.code.start) as u32;
        let size = body.len() as u32 + 4;
        self.object.functions.push((name.to_string(), offset, size));
        self.object.end = at + u64::from(size);
        self.object.finish();
        at
    }

    /// Places a stub of a host function.
    pub fn host(&mut self, function: HostFunction) -> u64 {
        let ty = function.ty().clone();
        let function = Box::into_raw(Box::new(Slot::from(function)));
        self.functions.push(function);
        let stub = host_stub(function as u64, &ty);
        self.place(&stub)
    }

    pub fn call_raw(&self, code: u64, ty: &FuncType, args: &[Val]) -> Result<Vec<Val>, RawTrap> {
        let callee = Callee {
            space: &self.space,
            process: None,
            base: self.base,
            code,
        };
        // SAFETY: the code is the test's.
        unsafe { call(callee, ty, args) }
    }

    pub fn call(&self, code: u64, ty: &FuncType, args: &[Val]) -> Result<Vec<Val>, Trap> {
        self.call_raw(code, ty, args)
            .map_err(|raw| explain(raw, &self.object))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SAFETY: made by the process, which is not running any more.
        unsafe {
            let size = self.mapping.end - self.mapping.start;
            libc::munmap(self.mapping.start as *mut _, size as usize);
            for function in &self.functions {
                drop(Box::from_raw(*function));
            }
        }
    }
}

/// Maps so many bytes, readable and writable.
pub(super) fn map(bytes: u64) -> u64 {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping.
    let start = unsafe { libc::mmap(ptr::null_mut(), bytes as usize, protection, flags, -1, 0) };
    assert_ne!(start, libc::MAP_FAILED);
    start as u64
}

pub(super) fn protect(range: &Range<u64>, protection: i32) {
    let bytes = (range.end - range.start) as usize;
    // SAFETY: the range is the test's own.
    let failed = unsafe { libc::mprotect(range.start as *mut _, bytes, protection) };
    assert_eq!(failed, 0);
}

/// The object of a [`Process`]: its code begins at vaddr 0x1000.
pub(super) struct TestObject {
    start: u64,
    end: u64,
    guard: Range<u64>,
    /// Name, text offset, size.
    functions: Vec<(String, u32, u32)>,
    /// Sites of the trap map.
    pub traps: Vec<(u32, TrapCode)>,
    /// Whether it has a symbol table.
    pub symbols: bool,
    sections: [Vec<u8>; 3],
}

const TEXT: u64 = 0x1000;
const EH_FRAME: u64 = 0x10_0000;

impl TestObject {
    fn new(start: u64, guard: Range<u64>) -> Self {
        Self {
            start,
            end: start,
            guard,
            functions: Vec::new(),
            traps: Vec::new(),
            symbols: true,
            sections: Default::default(),
        }
    }

    /// Records the trap of an instruction at an address in the process.
    pub fn trap(&mut self, at: u64, code: TrapCode) {
        self.traps.push(((at - self.start) as u32, code));
        self.finish();
    }

    fn finish(&mut self) {
        let line = |code, function| Line {
            code,
            wasm: 1000 * (function + 1) + code,
            site: 0,
        };
        let stream = |((_, _, size), function): (&(_, _, u32), u32)| {
            let lines: Vec<_> = (0..*size).map(|code| line(code, function)).collect();
            encode_stream(&lines, &[])
        };
        let streams: Vec<_> = self.functions.iter().zip(0..).map(stream).collect();
        let lines = self.functions.iter().zip(&streams).zip(0..);
        let lines = lines.map(
            |(((_, text_offset, size), stream), function)| FunctionLines {
                text_offset: *text_offset,
                size: *size,
                function,
                stream,
            },
        );
        let lines: Vec<_> = lines.collect();
        self.sections = [
            eh_frame(&self.functions),
            encode_traps(&self.traps),
            encode_lines(&lines, &[], 100),
        ];
    }
}

/// Unwind information of functions that begin with `push rbp; mov rbp, rsp`.
fn eh_frame(functions: &[(String, u32, u32)]) -> Vec<u8> {
    let encoding = Encoding {
        format: Format::Dwarf32,
        version: 1,
        address_size: 8,
    };
    let mut cie = CommonInformationEntry::new(encoding, 1, -8, X86_64::RA);
    cie.fde_address_encoding = gimli::DW_EH_PE_pcrel;
    cie.add_instruction(CallFrameInstruction::Cfa(X86_64::RSP, 8));
    cie.add_instruction(CallFrameInstruction::Offset(X86_64::RA, -8));
    let mut table = FrameTable::default();
    let cie = table.add_cie(cie);
    for (_, offset, size) in functions {
        let start = Address::Constant(TEXT + u64::from(*offset));
        let mut fde = FrameDescriptionEntry::new(start, *size);
        fde.add_instruction(1, CallFrameInstruction::CfaOffset(16));
        fde.add_instruction(1, CallFrameInstruction::Offset(X86_64::RBP, -16));
        fde.add_instruction(4, CallFrameInstruction::CfaRegister(X86_64::RBP));
        table.add_fde(cie, fde);
    }
    let mut section = EhFrame::from(Relative(EndianVec::new(LittleEndian)));
    table
        .write_eh_frame(&mut section)
        .expect("writing unwind information");
    section.0.0.into_vec()
}

/// Resolves relative pointers against [`EH_FRAME`].
#[derive(Clone)]
struct Relative(EndianVec<LittleEndian>);

impl gimli::write::Writer for Relative {
    type Endian = LittleEndian;
    fn endian(&self) -> LittleEndian {
        LittleEndian
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn write(&mut self, bytes: &[u8]) -> gimli::write::Result<()> {
        self.0.write(bytes)
    }
    fn write_at(&mut self, offset: usize, bytes: &[u8]) -> gimli::write::Result<()> {
        self.0.write_at(offset, bytes)
    }
    fn write_eh_pointer(
        &mut self,
        address: Address,
        encoding: gimli::DwEhPe,
        size: u8,
    ) -> gimli::write::Result<()> {
        let Address::Constant(value) = address else {
            return Err(gimli::write::Error::InvalidAddress);
        };
        let relative = encoding.application() == gimli::DW_EH_PE_pcrel;
        let here = if relative {
            EH_FRAME + self.len() as u64
        } else {
            0
        };
        self.write_eh_pointer_data(value.wrapping_sub(here), encoding.format(), size)
    }
}

impl CodeImage for TestObject {
    fn name(&self) -> &str {
        "test.so"
    }

    fn section(&self, name: &str) -> Option<&[u8]> {
        let sections = [".eh_frame", SEC_TRAPS, SEC_LINES];
        let at = sections.iter().position(|section| *section == name)?;
        Some(&self.sections[at])
    }

    fn section_address(&self, name: &str) -> Option<u64> {
        match name {
            ".text" => Some(TEXT),
            ".eh_frame" => Some(EH_FRAME),
            _ => None,
        }
    }

    fn symbol_at(&self, vaddr: u64) -> Option<String> {
        let offset = (vaddr - TEXT) as u32;
        let of = |f: &&(String, u32, u32)| (f.1..f.1 + f.2).contains(&offset);
        let function = self.functions.iter().find(of)?;
        self.symbols.then(|| function.0.clone())
    }

    fn member(&self, _: &str) -> Option<BuildId> {
        None
    }
}

impl CodeMap for TestObject {
    fn object_at(&self, pc: u64) -> Option<(&dyn CodeImage, u64)> {
        let offset = pc.checked_sub(self.start)? as u32;
        let of = |f: &&(String, u32, u32)| (f.1..f.1 + f.2).contains(&offset);
        self.functions.iter().find(of)?;
        Some((self, self.start - TEXT))
    }

    fn object_built(&self, _: &BuildId) -> Option<&dyn CodeImage> {
        None
    }

    fn fault_kind(&self, addr: u64) -> Option<TrapCode> {
        self.guard
            .contains(&addr)
            .then_some(TrapCode::MemoryOutOfBounds)
    }

    fn undefined_at(&self, _: u64) -> Option<String> {
        None
    }

    fn tag_name(&self, _: u64) -> Option<String> {
        None
    }
}
