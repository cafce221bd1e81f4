//! Walks the wasm stack: by `.eh_frame` in objects, by frame records in stubs.

use std::collections::{HashMap, VecDeque};

use gimli::{
    BaseAddresses, CfaRule, CieOrFde, EhFrame, EhFrameOffset, EndianSlice, LittleEndian, Register,
    RegisterRule, UnwindContext, UnwindSection,
};

use super::Trap;
use super::call::Site;
use super::explain::{CodeImage, CodeMap};
use crate::arch::{
    DWARF_REGISTERS, Opcode, RETURN_ADDRESS, Registers, unwind_frameless, unwind_stub,
};
use crate::backtrace::CYCLE;

/// A backtrace as addresses in code: each of the faulting instruction or of
/// the last byte of a call.
#[derive(Debug, Default)]
pub(super) struct Backtrace {
    /// The innermost frames, at most [`Trap::KEPT`], then the outermost.
    pub addresses: Vec<u64>,
    /// Number of frames left out between them, inlined ones included.
    pub omitted: usize,
    /// Whether those are all at addresses of the last frames before them.
    pub repeat: bool,
}

/// Walks from where wasm code stopped to its entry.
pub(super) fn walk(site: &Site, map: &dyn CodeMap) -> Backtrace {
    let mut backtrace = Backtrace::default();
    let mut outermost = VecDeque::new();
    let mut depths = HashMap::new();
    for address in addresses(site, map) {
        if backtrace.addresses.len() < Trap::KEPT {
            backtrace.addresses.push(address);
            continue;
        }
        if outermost.len() == Trap::KEPT
            && let Some(omitted) = outermost.pop_front()
        {
            let count = || super::explain::depth(omitted, map);
            backtrace.omitted += *depths.entry(omitted).or_insert_with(count);
        }
        outermost.push_back(address);
    }
    let before = Trap::KEPT.saturating_sub(CYCLE)..;
    let before = backtrace.addresses.get(before).unwrap_or_default();
    backtrace.repeat = depths.keys().all(|address| before.contains(address));
    backtrace.addresses.extend(outermost);
    backtrace
}

/// The addresses in code of objects from where wasm code stopped to its entry: each of
/// the faulting instruction or of the last byte of a call.
pub(crate) fn addresses<'a>(
    site: &'a Site,
    map: &'a dyn CodeMap,
) -> impl Iterator<Item = u64> + use<'a> {
    let mut walker = Walker {
        site,
        map,
        tables: HashMap::new(),
        steps: HashMap::new(),
        context: UnwindContext::new(),
    };
    let mut next = Some((site.registers, site.exact));
    let visit = move || {
        let (registers, exact) = next.take()?;
        let pc = registers.pc();
        let address = if exact { pc } else { pc.wrapping_sub(1) };
        let in_code = site.code.contains(&address);
        if !in_code && !exact {
            return None;
        }
        let step = walker.step_at(address);
        let opcode = site.opcode.filter(|_| exact);
        let caller = match &step.rules {
            Some(rules) => rules.apply(&registers, site),
            // Code outside that has no frame of its own: the part of a built-in
            // function that copies memory.
            None if exact && !in_code && leads_to_code(&registers, site) => {
                unwind_frameless(&registers).caller(&registers, |at| site.word(at))
            }
            None => by_record(&registers, step.is_object, opcode, site),
        };
        // Every frame is above the one before, or the stack is damaged. A
        // function may stop before it has moved the stack pointer at all.
        next = caller
            .filter(|caller| caller.is_caller_of(&registers, exact))
            .map(|caller| (caller, false));
        Some(step.is_object.then_some(address))
    };
    std::iter::from_fn(visit).flatten()
}

/// The caller's registers, of code that no unwind information describes.
fn by_record(
    registers: &Registers,
    is_object: bool,
    opcode: Option<Opcode>,
    site: &Site,
) -> Option<Registers> {
    let unwind = match opcode {
        // In an object, code without unwind information that stopped itself
        // is a PLT entry, which has no frame.
        Some(_) if is_object => unwind_frameless(registers),
        _ => unwind_stub(registers, opcode),
    };
    unwind.caller(registers, |at| site.word(at))
}

/// Whether code without a frame, if that is what it is, was called by code of
/// the process.
fn leads_to_code(registers: &Registers, site: &Site) -> bool {
    let caller = unwind_frameless(registers).caller(registers, |at| site.word(at));
    caller.is_some_and(|caller| site.code.contains(&caller.pc()))
}

impl Site {
    /// The word at an address of the stack.
    fn word(&self, address: u64) -> Option<u64> {
        let offset = address.checked_sub(self.stack_start)?;
        (offset % 8 == 0).then_some(())?;
        self.stack.get((offset / 8) as usize).copied()
    }
}

/// What is known of a code address.
struct Step {
    is_object: bool,
    rules: Option<Rules>,
}

/// How to find the caller's registers.
struct Rules {
    /// The canonical frame address: a register plus a constant.
    cfa: (usize, i64),
    saved: Vec<(usize, RegisterRule<usize>)>,
}

impl Rules {
    fn apply(&self, registers: &Registers, site: &Site) -> Option<Registers> {
        let (register, offset) = self.cfa;
        let cfa = registers.0[register].wrapping_add_signed(offset);
        let mut caller = Registers::default();
        for (i, value) in registers.0.iter().enumerate() {
            if Registers::is_preserved(i) {
                caller.0[i] = *value;
            }
        }
        caller.set_sp(cfa);
        for &(register, ref rule) in &self.saved {
            caller.0[register] = match *rule {
                RegisterRule::Offset(offset) => site.word(cfa.wrapping_add_signed(offset))?,
                RegisterRule::ValOffset(offset) => cfa.wrapping_add_signed(offset),
                RegisterRule::Register(Register(other)) => *registers.0.get(usize::from(other))?,
                RegisterRule::SameValue => registers.0[register],
                _ => 0,
            };
        }
        caller.returned();
        Some(caller)
    }
}

/// Unwind information of an object.
struct Table<'a> {
    eh_frame: EhFrame<EndianSlice<'a, LittleEndian>>,
    bases: BaseAddresses,
    /// (first address, address past the end, entry), ascending.
    entries: Vec<(u64, u64, EhFrameOffset)>,
}

/// One walk. Recursion visits an address many times: what is known of it is
/// looked up once.
struct Walker<'a> {
    site: &'a Site,
    map: &'a dyn CodeMap,
    tables: HashMap<u64, Option<Table<'a>>>,
    steps: HashMap<u64, Step>,
    context: UnwindContext<usize>,
}

impl Walker<'_> {
    fn step_at(&mut self, address: u64) -> &Step {
        if !self.steps.contains_key(&address) {
            let step = self.find_step(address);
            self.steps.insert(address, step);
        }
        &self.steps[&address]
    }

    fn find_step(&mut self, address: u64) -> Step {
        let inside = self.site.code.contains(&address);
        let Some((image, bias)) = self.map.object_at(address).filter(|_| inside) else {
            return Step {
                is_object: false,
                rules: None,
            };
        };
        let table = self.tables.entry(bias).or_insert_with(|| Table::of(image));
        let rules = table
            .as_ref()
            .and_then(|table| table.rules(address - bias, &mut self.context));
        Step {
            is_object: true,
            rules,
        }
    }
}

impl<'a> Table<'a> {
    fn of(image: &'a dyn CodeImage) -> Option<Self> {
        let data = image.section(".eh_frame")?;
        let mut eh_frame = EhFrame::new(data, LittleEndian);
        eh_frame.set_address_size(8);
        let bases = BaseAddresses::default()
            .set_eh_frame(image.section_address(".eh_frame")?)
            .set_text(image.section_address(".text").unwrap_or(0));
        let mut entries = Vec::new();
        let mut all = eh_frame.entries(&bases);
        while let Ok(Some(entry)) = all.next() {
            let CieOrFde::Fde(partial) = entry else {
                continue;
            };
            let offset = EhFrameOffset(partial.offset());
            if let Ok(fde) = partial.parse(EhFrame::cie_from_offset) {
                entries.push((fde.initial_address(), fde.end_address(), offset));
            }
        }
        entries.sort_unstable_by_key(|entry| entry.0);
        Some(Self {
            eh_frame,
            bases,
            entries,
        })
    }

    fn rules(&self, address: u64, context: &mut UnwindContext<usize>) -> Option<Rules> {
        let after = self.entries.partition_point(|entry| entry.0 <= address);
        let &(_, end, offset) = self.entries.get(after.checked_sub(1)?)?;
        (address < end).then_some(())?;
        let (section, bases) = (&self.eh_frame, &self.bases);
        let fde = section.fde_from_offset(bases, offset, EhFrame::cie_from_offset);
        let fde = fde.ok()?;
        let row = fde.unwind_info_for_address(section, bases, context, address);
        let row = row.ok()?;
        let CfaRule::RegisterAndOffset { register, offset } = *row.cfa() else {
            return None;
        };
        let known = |register: Register| {
            Some(usize::from(register.0)).filter(|&register| register < DWARF_REGISTERS)
        };
        let saved: Vec<_> = row
            .registers()
            .filter_map(|(register, rule)| Some((known(*register)?, rule.clone())))
            .collect();
        let has_return_address = Registers::is_preserved(RETURN_ADDRESS)
            || saved
                .iter()
                .any(|(register, _)| *register == RETURN_ADDRESS);
        has_return_address.then_some(Rules {
            cfa: (known(register)?, offset),
            saved,
        })
    }
}
