//! A function's instructions, blocks and loops.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};

use super::code::{Code, Function};

/// Longest function that is looked at, in instructions.
const LONGEST: usize = 200_000;
/// Most entries of a jump table that are read.
const JUMPS: usize = 4096;

/// Targets of jumps through tables, by the address of the jump.
type Tables = BTreeMap<u64, Vec<u64>>;

/// A function's code that can be reached from its start.
pub(super) struct Flow {
    /// Instructions by address.
    pub instructions: BTreeMap<u64, Instruction>,
    /// Blocks by the address of the first instruction.
    pub blocks: BTreeMap<u64, Block>,
    /// Loops, outer ones before those in them.
    pub loops: Vec<Loop>,
}

/// Instructions that run one after the other.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Past the last instruction.
    pub end: u64,
    /// Blocks of this function that may be next.
    pub next: Vec<u64>,
}

/// A loop.
#[derive(Debug)]
pub(super) struct Loop {
    /// Where it begins.
    pub head: u64,
    /// The blocks that belong to it.
    pub blocks: BTreeSet<u64>,
    /// The number of loops around it, itself included.
    pub depth: usize,
}

/// The instruction at an address.
pub(super) fn decode(code: &dyn Code, at: u64) -> Option<Instruction> {
    /// Bytes of the longest instruction.
    const LONGEST: usize = 15;
    let bytes = code.bytes(at, LONGEST);
    let mut decoder = Decoder::with_ip(64, &bytes, at, DecoderOptions::NONE);
    let instruction = decoder.decode();
    (!instruction.is_invalid()).then_some(instruction)
}

/// The slot through which the code at an address jumps, as that of a PLT entry
/// does.
pub(super) fn jump_slot(code: &dyn Code, at: u64) -> Option<u64> {
    let mut at = at;
    // `endbr64` may come first.
    for _ in 0..2 {
        let instruction = decode(code, at)?;
        let through = instruction.flow_control() == FlowControl::IndirectBranch;
        if through && instruction.is_ip_rel_memory_operand() {
            return Some(instruction.ip_rel_memory_address());
        }
        at = instruction.next_ip();
    }
    None
}

impl Flow {
    /// The code of a function that can be reached from an address in it.
    pub fn of(code: &dyn Code, function: &Function, entry: u64) -> Self {
        let mut flow = Self {
            instructions: BTreeMap::new(),
            blocks: BTreeMap::new(),
            loops: Vec::new(),
        };
        let (leaders, tables) = flow.follow(code, function, entry);
        flow.cut(&leaders, &tables);
        flow.find_loops(entry);
        flow
    }

    /// Decodes what can be reached; the addresses that are jumped to, and those
    /// of each jump through a table.
    fn follow(
        &mut self,
        code: &dyn Code,
        function: &Function,
        entry: u64,
    ) -> (BTreeSet<u64>, Tables) {
        let range = &function.range;
        let len = (range.end - range.start) as usize;
        let bytes = code.bytes(range.start, len);
        let mut leaders = BTreeSet::from([entry]);
        let mut tables = Tables::new();
        let mut todo = vec![entry];
        while let Some(start) = todo.pop() {
            let mut at = start;
            while !self.instructions.contains_key(&at) && self.instructions.len() < LONGEST {
                let Some(rest) = at
                    .checked_sub(range.start)
                    .and_then(|from| bytes.get(from as usize..))
                else {
                    break;
                };
                let mut decoder = Decoder::with_ip(64, rest, at, DecoderOptions::NONE);
                let instruction = decoder.decode();
                if instruction.is_invalid() {
                    break;
                }
                self.instructions.insert(at, instruction);
                let jumps = match instruction.flow_control() {
                    FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch => {
                        vec![instruction.near_branch_target()]
                    }
                    FlowControl::IndirectBranch => self.jump_table(code, range, &instruction),
                    _ => Vec::new(),
                };
                for &target in jumps.iter().filter(|t| range.contains(t)) {
                    leaders.insert(target);
                    todo.push(target);
                }
                if instruction.flow_control() == FlowControl::IndirectBranch {
                    tables.insert(at, jumps);
                }
                match instruction.flow_control() {
                    FlowControl::UnconditionalBranch
                    | FlowControl::IndirectBranch
                    | FlowControl::Return
                    | FlowControl::Exception
                    | FlowControl::Interrupt => break,
                    FlowControl::ConditionalBranch => {
                        leaders.insert(instruction.next_ip());
                    }
                    _ => {}
                }
                at = instruction.next_ip();
            }
        }
        (leaders, tables)
    }

    /// Targets of a jump through a table: of distances from the table (`lea
    /// table(%rip), a; movslq (a, i, 4), t; add a, t; jmp *t`), or of addresses
    /// (`jmp *table(, i, 8)`).
    fn jump_table(&self, code: &dyn Code, range: &Range<u64>, jump: &Instruction) -> Vec<u64> {
        if jump.op0_kind() == OpKind::Memory
            && jump.memory_base() == Register::None
            && jump.memory_index_scale() == 8
        {
            let bytes = code.bytes(jump.memory_displacement64(), 8 * JUMPS);
            let targets = bytes
                .as_chunks()
                .0
                .iter()
                .map(|&entry| u64::from_le_bytes(entry));
            return targets.take_while(|t| range.contains(t)).collect();
        }
        let Some(table) = self.table_of_distances(jump.ip()) else {
            return Vec::new();
        };
        let bytes = code.bytes(table, 4 * JUMPS);
        let distances = bytes
            .as_chunks()
            .0
            .iter()
            .map(|&entry| i32::from_le_bytes(entry));
        let targets = distances.map(|d| table.wrapping_add_signed(d.into()));
        // It ends where what follows is no place in the function, but for its
        // cold part, which may be anywhere.
        let near = |t: &u64| t.abs_diff(range.start) < 1 << 20;
        targets
            .take_while(near)
            .filter(|t| range.contains(t))
            .collect()
    }

    /// The table whose entry was just added to its own address.
    fn table_of_distances(&self, jump: u64) -> Option<u64> {
        let before = || self.instructions.range(..jump).rev().map(|(_, i)| i);
        let entry = before()
            .take(8)
            .find(|i| i.mnemonic() == Mnemonic::Movsxd && i.memory_index_scale() == 4)?;
        let table = before().find(|i| {
            let address = i.mnemonic() == Mnemonic::Lea && i.is_ip_rel_memory_operand();
            address && i.op0_register() == entry.memory_base()
        })?;
        Some(table.ip_rel_memory_address())
    }

    /// Cuts the instructions into blocks.
    fn cut(&mut self, leaders: &BTreeSet<u64>, tables: &Tables) {
        let mut block: Option<(u64, Block)> = None;
        for (&at, instruction) in &self.instructions {
            // A gap ends a block too.
            if block
                .as_ref()
                .is_some_and(|(_, b)| b.end != at || leaders.contains(&at))
                && let Some((start, mut done)) = block.take()
            {
                if done.end == at {
                    done.next.push(at);
                }
                self.blocks.insert(start, done);
            }
            let (_, open) = block.get_or_insert_with(|| (at, Block::default()));
            open.end = instruction.next_ip();
            let (ends, falls) = match instruction.flow_control() {
                FlowControl::ConditionalBranch => (true, true),
                FlowControl::UnconditionalBranch
                | FlowControl::IndirectBranch
                | FlowControl::Return
                | FlowControl::Exception
                | FlowControl::Interrupt => (true, false),
                _ => (false, true),
            };
            if !ends {
                continue;
            }
            if instruction.op0_kind() == OpKind::NearBranch64 {
                open.next.push(instruction.near_branch_target());
            }
            open.next.extend(tables.get(&at).into_iter().flatten());
            if falls {
                open.next.push(instruction.next_ip());
            }
            self.blocks.extend(block.take());
        }
        self.blocks.extend(block);
        let known: BTreeSet<u64> = self.blocks.keys().copied().collect();
        for block in self.blocks.values_mut() {
            block.next.retain(|next| known.contains(next));
        }
    }

    /// Finds the loops: an edge back to a block that is being visited, and all
    /// from where it can be reached without its head.
    fn find_loops(&mut self, entry: u64) {
        let mut before: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (&at, block) in &self.blocks {
            for &next in &block.next {
                before.entry(next).or_default().push(at);
            }
        }
        let mut found: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        for (from, head) in self.back_edges(entry) {
            let blocks = found.entry(head).or_insert_with(|| BTreeSet::from([head]));
            let mut todo = vec![from];
            while let Some(at) = todo.pop() {
                if blocks.insert(at) {
                    todo.extend(before.get(&at).into_iter().flatten());
                }
            }
        }
        let depth = |blocks: &BTreeSet<u64>| {
            let around = found.values().filter(|outer| outer.is_superset(blocks));
            around.count()
        };
        self.loops = found
            .iter()
            .map(|(&head, blocks)| Loop {
                head,
                blocks: blocks.clone(),
                depth: depth(blocks),
            })
            .collect();
        self.loops.sort_by_key(|l| (l.depth, l.head));
    }

    /// Edges to a block that is on the way to their start.
    fn back_edges(&self, entry: u64) -> Vec<(u64, u64)> {
        let mut edges = Vec::new();
        let mut seen = BTreeSet::from([entry]);
        let mut on_way = BTreeSet::from([entry]);
        // The way, with the number of successors already visited.
        let mut way: Vec<(u64, usize)> = vec![(entry, 0)];
        while let Some((at, visited)) = way.last_mut() {
            let at = *at;
            let next = self.blocks.get(&at).and_then(|b| b.next.get(*visited));
            *visited += 1;
            match next {
                None => {
                    way.pop();
                    on_way.remove(&at);
                }
                Some(&next) if seen.insert(next) => {
                    way.push((next, 0));
                    on_way.insert(next);
                }
                Some(next) if on_way.contains(next) => edges.push((at, *next)),
                Some(_) => {}
            }
        }
        edges
    }

    /// The blocks from which there is a way out of the function: not those that
    /// only trap.
    pub fn returning(&self) -> BTreeSet<u64> {
        let leaves = |block: &Block| {
            let last = self.instructions.range(..block.end).next_back();
            let last = last.map(|(_, i)| i.flow_control());
            let ends = matches!(
                last,
                Some(FlowControl::Return | FlowControl::IndirectBranch)
            );
            // A jump that leads out of the function is a call at its end.
            ends || last == Some(FlowControl::UnconditionalBranch) && block.next.is_empty()
        };
        let mut found = BTreeSet::new();
        loop {
            let before = found.len();
            let on = |block: &Block| block.next.iter().any(|next| found.contains(next));
            let more = self.blocks.iter().filter(|(_, b)| leaves(b) || on(b));
            let more: Vec<u64> = more.map(|(&at, _)| at).collect();
            found.extend(more);
            if found.len() == before {
                return found;
            }
        }
    }

    /// The number of loops around a block.
    pub fn depth(&self, block: u64) -> usize {
        let around = self.loops.iter().filter(|l| l.blocks.contains(&block));
        around.map(|l| l.depth).max().unwrap_or(0)
    }

    /// The instructions of some blocks, by address.
    pub fn of_blocks<'a>(
        &'a self,
        blocks: impl Iterator<Item = &'a u64>,
    ) -> impl Iterator<Item = &'a Instruction> {
        blocks.flat_map(|start| {
            let end = self.blocks.get(start).map_or(*start, |b| b.end);
            self.instructions.range(*start..end).map(|(_, i)| i)
        })
    }
}
