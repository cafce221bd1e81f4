//! Names a stop of wasm code and its frames, by the objects' maps.

use wasmaot_abi::context::{MEMORY_GUARD, MEMORY_RESERVE, NULL_PAGE};
use wasmaot_abi::maps::find_trap;
use wasmaot_abi::maps::lines::{AddressMap, NO_FUNCTION};
use wasmaot_abi::maps::source::SourceMap;
use wasmaot_abi::object::{SEC_LINES, SEC_SOURCE, SEC_TRAPS};
use wasmaot_abi::prelink::BuildId;
use wasmaot_abi::trap::TrapCode;

use super::call::Site;
use super::stopped::Stopped;
use super::unwind::{Backtrace, walk};
use super::{Frame, HostCause, RawReason, RawTrap, Source, Trap, TrapReason};
use crate::host::HostError;
use crate::sys::interrupt;

/// What a backtrace needs of an object. Addresses are the file's own
/// (`p_vaddr`).
pub(crate) trait CodeImage {
    /// Its name, for people.
    fn name(&self) -> &str;
    /// The bytes of a section, loaded or not.
    fn section(&self, name: &str) -> Option<&[u8]>;
    /// The address of a section.
    fn section_address(&self, name: &str) -> Option<u64>;
    /// Name of the function that an address is in.
    fn symbol_at(&self, vaddr: u64) -> Option<String>;
    /// Build id of a member of the set that it was prelinked in.
    fn member(&self, soname: &str) -> Option<BuildId>;
}

/// What a trap needs to know of a process.
pub(crate) trait CodeMap {
    /// The object whose image holds a code address, and the difference between
    /// addresses in the process and the object's own.
    fn object_at(&self, pc: u64) -> Option<(&dyn CodeImage, u64)>;
    /// The loaded object of a build id.
    fn object_built(&self, id: &BuildId) -> Option<&dyn CodeImage>;
    /// The trap that an access to an address stands for, if the address is in
    /// one of the process's reservations for memories and tables.
    fn fault_kind(&self, addr: u64) -> Option<TrapCode>;
    /// What an address in such a reservation was given to, because nothing
    /// defines it: data, or a function, which is named by its entry in a table.
    fn undefined_at(&self, addr: u64) -> Option<String>;
    /// Whether a trap keeps what a core dump needs.
    fn keeps_state(&self) -> bool {
        false
    }
    /// Name of the tag of an identity.
    fn tag_name(&self, tag: u64) -> Option<String>;
}

/// What an access to the null address can stand for, if the object's map says so.
const TRAPS_AT_NULL: [TrapCode; 4] = [
    TrapCode::NullFunctionReference,
    TrapCode::MemoryOutOfBounds,
    TrapCode::TableOutOfBounds,
    TrapCode::UndefinedElement,
];

/// Names a stop of wasm code and symbolises its frames: those of the one
/// [`call`](super::call) that it ended. Where a host function passes the trap
/// on, those of its caller follow when that call is explained.
pub(crate) fn explain(raw: RawTrap, map: &dyn CodeMap) -> Trap {
    let site = raw.site.as_deref();
    let mut trap = match raw.reason {
        RawReason::Host(HostError::Exit(code)) => Trap::new(TrapReason::Exit(code)),
        RawReason::Host(HostError::EndThread) => Trap::new(TrapReason::ThreadEnded),
        RawReason::Host(HostError::Message(message)) => Trap::new(TrapReason::Host(message)),
        RawReason::Host(HostError::Trap(trap)) => *trap,
        RawReason::Host(HostError::Other(error)) => {
            Trap::new(TrapReason::Error(HostCause::new(error)))
        }
        RawReason::Uncaught { tag } => {
            let mut trap = Trap::new(TrapReason::Code(TrapCode::UncaughtException));
            trap.detail = map.tag_name(tag).map(|name| format!("tag `{name}`"));
            trap
        }
        RawReason::Signal { signal, fault_addr } => fault(signal, fault_addr, raw.pc, site, map),
    };
    if let Some(site) = site
        && !matches!(trap.reason, TrapReason::Exit(_) | TrapReason::ThreadEnded)
    {
        let Backtrace {
            addresses,
            omitted,
            repeat,
        } = walk(site, map);
        let frames = addresses.iter().flat_map(|&pc| frames(pc, map)).collect();
        trap.append(frames, omitted, repeat);
    }
    if let Some(site) = raw.site.filter(|_| map.keeps_state()) {
        Stopped::keep(&mut trap, *site);
    }
    trap
}

/// The trap that a fault of wasm code is.
fn fault(signal: i32, address: u64, pc: u64, site: Option<&Site>, map: &dyn CodeMap) -> Trap {
    let overflow = site.is_some_and(|site| site.overflow);
    let code = match signal {
        _ if overflow => Some(TrapCode::StackOverflow),
        _ if signal == interrupt::signal() => Some(TrapCode::Interrupted),
        libc::SIGILL => trap_at(pc, map),
        libc::SIGFPE => Some(trap_at(pc, map).unwrap_or(TrapCode::IntegerDivideByZero)),
        // An address that no trap stands for is a fault of ours, whatever the
        // map says; of one that does, the instruction knows more.
        _ => match map.fault_kind(address) {
            Some(kind) => Some(trap_at(pc, map).unwrap_or(kind)),
            // A call through a null reference reads a record that is not there;
            // an access out of bounds that code checks is made at address 0.
            None if address < NULL_PAGE => {
                trap_at(pc, map).filter(|code| TRAPS_AT_NULL.contains(code))
            }
            None => None,
        },
    };
    let Some(code) = code else {
        let at = match map.object_at(pc) {
            Some((image, bias)) => format!("{}+{:#x}", image.name(), pc - bias),
            None => format!("{pc:#x}"),
        };
        let mut trap = Trap::new(TrapReason::Code(TrapCode::NativeFault));
        trap.detail = Some(format!(
            "signal {signal} at address {address:#x} in {at}: a bug in wasmaot, or an attack \
             that it let pass; please report it with the module"
        ));
        return trap;
    };
    let mut trap = Trap::new(TrapReason::Code(code));
    if signal == libc::SIGSEGV
        && code == TrapCode::UndefinedElement
        && let Some(function) = map.undefined_at(address)
    {
        trap = Trap::new(TrapReason::Code(TrapCode::UnresolvedSymbol));
        trap.detail = Some(function);
    }
    if code == TrapCode::MemoryOutOfBounds && matches!(signal, libc::SIGSEGV | libc::SIGBUS) {
        // Of another memory than 0 nothing is known here.
        let linear = site.and_then(|site| address.checked_sub(site.registers.base()));
        trap.detail = linear
            .filter(|&linear| linear < MEMORY_RESERVE + MEMORY_GUARD)
            .map(|linear| match map.undefined_at(address) {
                Some(what) => format!("address {linear:#x}; {what}"),
                None => format!("address {linear:#x}"),
            });
    }
    trap
}

/// The trap that an object's map gives for an instruction.
fn trap_at(pc: u64, map: &dyn CodeMap) -> Option<TrapCode> {
    let (image, bias) = map.object_at(pc)?;
    find_trap(image.section(SEC_TRAPS)?, text_offset(image, pc - bias)?)
}

fn text_offset(image: &dyn CodeImage, vaddr: u64) -> Option<u32> {
    let start = image.section_address(".text")?;
    u32::try_from(vaddr.checked_sub(start)?).ok()
}

/// Names the frames at an address: those of inlined functions, the innermost
/// first, and those of the function whose code it is in.
fn frames(pc: u64, map: &dyn CodeMap) -> Vec<Frame> {
    let Some((image, bias)) = map.object_at(pc) else {
        return Vec::new();
    };
    let vaddr = pc - bias;
    let lines = address_map(image);
    let position = lines.zip(text_offset(image, vaddr));
    let position = position.and_then(|(lines, offset)| lines.position(offset));
    let mut places = position.map_or_else(Vec::new, |position| position.frames);
    let own = places.pop();
    let mut frames = Vec::new();
    for (place, lines) in places.iter().zip(lines.iter().cycle()) {
        let name = inlined_name(place.function, image, lines);
        let offset = place.wasm_offset;
        match name.split_once('\0') {
            // Of another object: its name, the function's.
            Some((object, name)) => {
                let of = image.member(object).and_then(|id| map.object_built(&id));
                sources(object, of, name, offset, &mut frames);
            }
            None => sources(image.name(), Some(image), &name, offset, &mut frames),
        }
    }
    let name = image.symbol_at(vaddr).unwrap_or_else(|| match own {
        Some(place) if place.function != NO_FUNCTION => numbered(place.function),
        _ => format!("{vaddr:#x}"),
    });
    let offset = own.and_then(|place| place.wasm_offset);
    sources(image.name(), Some(image), &name, offset, &mut frames);
    frames
}

/// Adds the frames of a place in a wasm function: those of what the module's own
/// compiler inlined there, as far as its object knows, and the function's.
fn sources(
    object: &str,
    image: Option<&dyn CodeImage>,
    function: &str,
    wasm_offset: Option<u32>,
    frames: &mut Vec<Frame>,
) {
    let start = image.and_then(address_map).map(|lines| lines.code_start());
    let code_offset = wasm_offset.zip(start);
    let frame = |function: &str, source| Frame {
        object: object.to_owned(),
        function: function.to_owned(),
        wasm_offset,
        code_offset: code_offset.and_then(|(offset, start)| offset.checked_sub(start)),
        source,
    };
    let section = image.and_then(|image| image.section(SEC_SOURCE));
    let map = section.and_then(SourceMap::new).zip(wasm_offset);
    let places = map.map_or_else(Vec::new, |(map, offset)| map.at(offset));
    frames.extend(places.iter().map(|place| {
        let source = Source {
            file: place.file.to_owned(),
            line: place.line,
            column: place.column,
        };
        frame(place.function.unwrap_or(function), Some(source))
    }));
    if places.is_empty() {
        frames.push(frame(function, None));
    }
}

fn address_map(image: &dyn CodeImage) -> Option<AddressMap<'_>> {
    image.section(SEC_LINES).and_then(AddressMap::new)
}

/// How many frames there are at an address.
pub(super) fn depth(pc: u64, map: &dyn CodeMap) -> usize {
    frames(pc, map).len()
}

/// Name of a function that is inlined: it may have code elsewhere too.
fn inlined_name(function: u32, image: &dyn CodeImage, lines: &AddressMap<'_>) -> String {
    let symbol = || {
        let code = image.section_address(".text")? + u64::from(lines.start(function)?);
        image.symbol_at(code)
    };
    let name = lines.name(function).map(str::to_owned);
    name.or_else(symbol).unwrap_or_else(|| numbered(function))
}

fn numbered(function: u32) -> String {
    format!("func[{function}]")
}
