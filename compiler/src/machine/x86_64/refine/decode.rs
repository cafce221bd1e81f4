//! Bytes → blocks of instructions.

use std::ops::Range;

use iced_x86::{
    Code, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic,
    OpKind,
};

use super::registers::{self, Uses};
use crate::machine::backend::Draft;

/// The byte between functions and behind what returns.
const FILLER: u8 = 0xcc;

/// A function's code.
pub(super) struct Function {
    /// Its instructions, in the order of its bytes.
    pub ops: Vec<Op>,
    /// Its blocks, in the same order.
    pub blocks: Vec<Block>,
    /// The tables that it jumps through.
    pub tables: Vec<Table>,
    /// Where its constants begin, behind the code.
    pub data: u32,
}

/// Instructions of which each is followed by the next.
pub(super) struct Block {
    /// In [`Function::ops`].
    pub ops: Range<usize>,
    /// The blocks that may be next, each once.
    pub next: Vec<usize>,
    /// Whether the next block is next unless it jumps.
    pub falls: bool,
    /// Whether it is an exception handler.
    pub is_handler: bool,
    /// The table that stands behind it, through which it jumps.
    pub table: Option<usize>,
    /// The block whose instructions stand in the place of the jump to it.
    pub copies: Option<usize>,
}

/// A table of distances from its own start.
pub(super) struct Table {
    pub at: u32,
    pub to: Vec<usize>,
}

/// An instruction.
pub(super) struct Op {
    /// Its offset.
    pub at: u32,
    pub len: u32,
    pub instruction: Instruction,
    pub uses: Uses,
    /// The block that it jumps to.
    pub to: Option<usize>,
    /// Whether it must stay as it is: unwinding counts on it, or link edit fills it.
    pub is_fixed: bool,
    pub state: State,
}

/// What became of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Kept,
    Changed,
    /// What it would write is there already.
    Repeated,
    /// What it would write is not read.
    Dead,
}

impl Op {
    pub fn is_left_out(&self) -> bool {
        matches!(self.state, State::Repeated | State::Dead)
    }

    pub fn is_call(&self) -> bool {
        let flow = self.instruction.flow_control();
        matches!(flow, FlowControl::Call | FlowControl::IndirectCall)
    }
}

impl Function {
    /// The instructions of a block.
    pub fn ops(&self, block: usize) -> &[Op] {
        &self.ops[self.blocks[block].ops.clone()]
    }

    /// What holds at each block, a bit each, where `step` makes of it what holds at the
    /// blocks that `ways` has for it: the least that does not change any more.
    pub fn spread<'a>(
        &self,
        ways: impl Fn(usize) -> &'a [usize],
        step: impl Fn(usize, u128) -> u128,
    ) -> Vec<u128> {
        let mut all = vec![0; self.blocks.len()];
        let mut todo: Vec<usize> = (0..all.len()).collect();
        let mut is_queued = vec![true; all.len()];
        while let Some(block) = todo.pop() {
            is_queued[block] = false;
            let more = step(block, all[block]);
            for &way in ways(block) {
                if all[way] | more != all[way] {
                    all[way] |= more;
                    if !std::mem::replace(&mut is_queued[way], true) {
                        todo.push(way);
                    }
                }
            }
        }
        all
    }

    /// The blocks before each block.
    pub fn before(&self) -> Vec<Vec<usize>> {
        let mut before = vec![Vec::new(); self.blocks.len()];
        for (number, block) in self.blocks.iter().enumerate() {
            for &next in &block.next {
                before[next].push(number);
            }
        }
        before
    }
}

/// What was found by following the code.
struct Found {
    /// By address, at first in the order of discovery.
    instructions: Vec<Instruction>,
    /// Whether a block begins at an offset.
    leads: Vec<bool>,
    /// Ends of the jumps through tables: where the tables are.
    tables: Vec<u32>,
}

/// The blocks of code that is understood in every byte.
pub(super) fn decode(draft: &Draft<'_>) -> Option<Function> {
    let mut found = follow(draft)?;
    found.instructions.sort_unstable_by_key(Instruction::ip);
    found.tables.sort_unstable();
    let (mut function, block_at) = cut(draft, &found)?;
    connect(draft, &found, &mut function, &block_at)?;
    Some(function)
}

/// Decodes what can be reached.
fn follow(draft: &Draft<'_>) -> Option<Found> {
    let bytes = draft.bytes;
    let mut found = Found {
        instructions: Vec::with_capacity(bytes.len() / 4),
        leads: vec![false; bytes.len()],
        tables: Vec::new(),
    };
    let mut seen = vec![false; bytes.len()];
    // Blocks in their order come first, so that the instructions are in order as well.
    let mut todo: Vec<u32> = draft.handlers.iter().map(|h| h.1).collect();
    todo.extend(draft.starts.iter().rev());
    todo.push(0);
    let mut targets = Vec::new();
    for &(call, _) in draft.handlers {
        // Control may leave behind the call, so a block ends there.
        *found.leads.get_mut(call as usize)? = true;
    }
    let mut decoder = Decoder::with_ip(64, bytes, 0, DecoderOptions::NONE);
    while let Some(mut at) = todo.pop().or_else(|| targets.pop()) {
        // A block that is empty may end the code.
        match found.leads.get_mut(at as usize) {
            Some(leads) => *leads = true,
            None => continue,
        }
        while !std::mem::replace(seen.get_mut(at as usize)?, true) {
            decoder.set_position(at as usize).ok()?;
            decoder.set_ip(at.into());
            let instruction = decoder.decode();
            if instruction.is_invalid() {
                return None;
            }
            let next = instruction.next_ip() as u32;
            let has_target = instruction.op0_kind() == OpKind::NearBranch64;
            let is_relocated = draft.is_relocated(at, next);
            found.instructions.push(instruction);
            match instruction.flow_control() {
                FlowControl::Next => {}
                FlowControl::Call | FlowControl::IndirectCall
                    if instruction.mnemonic() == Mnemonic::Call => {}
                FlowControl::UnconditionalBranch if is_relocated => break,
                FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch
                    if has_target && !is_relocated =>
                {
                    targets.push(u32::try_from(instruction.near_branch_target()).ok()?);
                    if instruction.flow_control() == FlowControl::UnconditionalBranch {
                        break;
                    }
                    *found.leads.get_mut(next as usize)? = true;
                }
                FlowControl::IndirectBranch => {
                    if jumps_through_table(&found.instructions) {
                        found.tables.push(next);
                    }
                    break;
                }
                FlowControl::Return | FlowControl::Exception | FlowControl::Interrupt => break,
                _ => return None,
            }
            at = next;
        }
    }
    Some(found)
}

/// `lea table(%rip), a; movslq (a, i, 4), t; add t, a; jmp *a`, as the code generator
/// writes it, with the table behind it.
fn jumps_through_table(instructions: &[Instruction]) -> bool {
    let [.., lea, entry, add, jump] = instructions else {
        return false;
    };
    lea.code() == Code::Lea_r64_m
        && lea.is_ip_rel_memory_operand()
        && lea.ip_rel_memory_address() == jump.next_ip()
        && entry.mnemonic() == Mnemonic::Movsxd
        && entry.memory_base() == lea.op0_register()
        && entry.memory_index_scale() == 4
        && add.mnemonic() == Mnemonic::Add
        && add.op0_register() == lea.op0_register()
        && jump.op0_kind() == OpKind::Register
        && jump.op0_register() == lea.op0_register()
}

/// Cuts instructions into blocks; also the block that begins at each offset.
fn cut(draft: &Draft<'_>, found: &Found) -> Option<(Function, Vec<Option<u32>>)> {
    let mut info = InstructionInfoFactory::new();
    let mut function = Function {
        ops: Vec::with_capacity(found.instructions.len()),
        blocks: Vec::new(),
        tables: Vec::new(),
        data: 0,
    };
    let results = registers::results(draft.int_results);
    let mut block_at = vec![None; draft.bytes.len()];
    let mut ends_block = true;
    let mut end = 0;
    for &instruction in &found.instructions {
        let at = instruction.ip() as u32;
        let falls = function.blocks.last().is_some_and(|block| block.falls);
        if at != end {
            let between = draft.bytes.get(end as usize..at as usize)?;
            let is_filler = between.iter().all(|&byte| byte == FILLER);
            if falls || !is_filler && found.tables.binary_search(&end).is_err() {
                return None;
            }
        }
        let number = function.ops.len();
        if ends_block || found.leads[at as usize] {
            block_at[at as usize] = Some(function.blocks.len() as u32);
            function.blocks.push(Block {
                ops: number..number,
                next: Vec::new(),
                falls: true,
                is_handler: false,
                table: None,
                copies: None,
            });
        }
        end = instruction.next_ip() as u32;
        let is_relocated = draft.is_relocated(at, end);
        let mut uses = registers::uses(&mut info, &instruction, is_relocated);
        if instruction.flow_control() == FlowControl::Return {
            uses.reads |= results;
        }
        if uses.writes >> registers::BASE & 1 == 1 {
            return None;
        }
        let block = function.blocks.last_mut()?;
        block.ops.end = number + 1;
        (ends_block, block.falls) = match instruction.flow_control() {
            FlowControl::Next | FlowControl::Call | FlowControl::IndirectCall => (false, true),
            FlowControl::ConditionalBranch => (true, true),
            _ => (true, false),
        };
        function.ops.push(Op {
            at,
            len: end - at,
            instruction,
            uses,
            to: None,
            is_fixed: at < draft.prologue || is_relocated,
            state: match instruction.mnemonic() {
                // It stands where the frame record was.
                Mnemonic::Nop if at >= draft.prologue => State::Repeated,
                _ => State::Kept,
            },
        });
    }
    function.data = end;
    let is_whole = !function.blocks.last()?.falls && found.tables.last() != Some(&end);
    is_whole.then_some((function, block_at))
}

/// Finds where control goes.
fn connect(
    draft: &Draft<'_>,
    found: &Found,
    function: &mut Function,
    block_at: &[Option<u32>],
) -> Option<()> {
    let find = |at: u32| Some((*block_at.get(at as usize)?)? as usize);
    for number in 0..function.blocks.len() {
        let following = function.blocks.get(number + 1).map(|b| b.ops.start);
        let following = following.map(|op| function.ops[op].at);
        let block = &mut function.blocks[number];
        let last = function.ops.get_mut(block.ops.end.checked_sub(1)?)?;
        let end = last.at + last.len;
        match last.instruction.flow_control() {
            FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch
                if !draft.is_relocated(last.at, end) =>
            {
                let to = find(last.instruction.near_branch_target() as u32)?;
                last.to = Some(to);
                block.next.push(to);
            }
            FlowControl::IndirectBranch if found.tables.binary_search(&end).is_ok() => {
                let entries = draft.bytes.get(end as usize..following? as usize)?;
                let (entries, rest) = entries.as_chunks::<4>();
                let target = |&entry| find(end.wrapping_add_signed(i32::from_le_bytes(entry)));
                let to = entries.iter().map(target).collect::<Option<Vec<_>>>()?;
                if !rest.is_empty() || to.is_empty() {
                    return None;
                }
                last.uses.reads = registers::bit(last.instruction.op0_register());
                block.next.clone_from(&to);
                block.table = Some(function.tables.len());
                function.tables.push(Table { at: end, to });
            }
            _ => {}
        }
        if block.falls {
            block.next.push(number + 1);
        }
        let first = draft.handlers.partition_point(|h| h.0 < end);
        let handlers = draft.handlers[first..].iter().take_while(|h| h.0 == end);
        for &(_, handler) in handlers {
            block.next.push(find(handler)?);
        }
        block.next.sort_unstable();
        block.next.dedup();
    }
    for &(_, handler) in draft.handlers {
        function.blocks[find(handler)?].is_handler = true;
    }
    Some(())
}
