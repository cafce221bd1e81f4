//! The hot loop: of the function that does the work, the innermost loop that
//! calls another object, else the innermost of all; then whatever it calls, one
//! function after the other, of each its own hot loop if it has one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::rc::Rc;

use anyhow::{Result, ensure};
use iced_x86::{
    FlowControl, Formatter as _, GasFormatter, Instruction, OpKind, SymbolResolver, SymbolResult,
};
use serde::{Deserialize, Serialize};

use super::code::{Code, Function};
use super::constants::Constants;
use super::flow::{Flow, Loop};

/// Calls that are followed into one another.
const DEEPEST: usize = 8;
/// Functions that are looked into, at most.
const MOST: usize = 400;

/// The hot loop and what it calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The loop, then what it calls, in the order of the calls.
    pub parts: Vec<Part>,
    /// Instructions in an iteration of the innermost loop of all, those of what
    /// it calls counted at each call.
    pub instructions: usize,
}

/// A piece of code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Name of the function.
    pub function: String,
    /// The object that it is in; empty of none.
    pub object: String,
    /// Whether it is a loop of the function, and not all of it.
    pub is_loop: bool,
    /// The instructions, a line each; lines that end in `:` are labels.
    pub lines: Vec<String>,
}

impl Listing {
    /// Instructions that are printed of one part.
    const SHOWN: usize = 60;

    /// The text of it.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for part in &self.parts {
            let what = if part.is_loop { "loop of " } else { "" };
            let place = match part.object.as_str() {
                "" => String::new(),
                object => format!(" in {object}"),
            };
            let _ = writeln!(out, "{what}{}{place}:", part.function);
            for line in part.lines.iter().take(Self::SHOWN) {
                let indent = if line.ends_with(':') { "  " } else { "    " };
                let _ = writeln!(out, "{indent}{line}");
            }
            if let Some(more) = part.lines.len().checked_sub(Self::SHOWN + 1) {
                let _ = writeln!(out, "    … {} lines more", more + 1);
            }
        }
        out
    }
}

/// Lists the hot loop of a function.
///
/// # Errors
/// There is no code.
pub fn listing(code: &dyn Code, entry: u64) -> Result<Listing> {
    let mut lister = Lister {
        code,
        bodies: BTreeMap::new(),
        depths: BTreeMap::new(),
        costs: BTreeMap::new(),
        parts: Vec::new(),
    };
    ensure!(
        code.function(entry).is_some(),
        "there is no code at {entry:#x}"
    );
    let cost = lister.list(entry, 0);
    Ok(Listing {
        parts: lister.parts,
        instructions: cost.instructions,
    })
}

struct Lister<'c> {
    code: &'c dyn Code,
    bodies: BTreeMap<u64, Option<Rc<Body<'c>>>>,
    /// How deep loops are in a function and in what it calls.
    depths: BTreeMap<u64, usize>,
    costs: BTreeMap<u64, Cost>,
    parts: Vec<Part>,
}

/// What was counted in a function and in what it calls.
#[derive(Clone, Copy, Default)]
struct Cost {
    /// Instructions of the innermost loop, or of the function.
    instructions: usize,
    /// Whether there is a loop.
    is_loop: bool,
}

impl Cost {
    /// With that of what is called from there. A loop in it runs more often
    /// than what is around it, and is what counts.
    const fn with(self, callee: Self) -> Self {
        if callee.is_loop {
            return callee;
        }
        Self {
            instructions: self.instructions + callee.instructions,
            is_loop: self.is_loop,
        }
    }
}

/// A function's code, taken apart.
struct Body<'c> {
    code: &'c dyn Code,
    function: Function,
    flow: Flow,
    constants: Constants<'c>,
}

/// Where control goes from an instruction.
enum Way {
    /// Nowhere special, or in the same function.
    On,
    /// To code at an address, by a call or for good.
    To(u64),
    /// By a call or a jump to what only running it tells.
    Unknown,
}

impl<'c> Body<'c> {
    fn new(code: &'c dyn Code, entry: u64) -> Option<Self> {
        let function = code.function(entry)?;
        let flow = Flow::of(code, &function, entry);
        let constants = Constants::of(code, &flow, entry);
        Some(Self {
            code,
            function,
            flow,
            constants,
        })
    }

    fn way(&self, instruction: &Instruction) -> Way {
        let known = |target: Option<u64>| target.map_or(Way::Unknown, Way::To);
        let through = || known(self.constants.target(&self.flow, instruction));
        match instruction.flow_control() {
            FlowControl::Call => Way::To(instruction.near_branch_target()),
            FlowControl::IndirectCall => through(),
            FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch => {
                let target = instruction.near_branch_target();
                match self.function.range.contains(&target) || self.is_cold_part(target) {
                    true => Way::On,
                    false => Way::To(target),
                }
            }
            FlowControl::IndirectBranch => {
                let block = self.flow.blocks.range(..=instruction.ip()).next_back();
                match block.is_some_and(|(_, b)| !b.next.is_empty()) {
                    // Through a table.
                    true => Way::On,
                    false => through(),
                }
            }
            _ => Way::On,
        }
    }

    /// Whether an address is in the part of the function that gcc has put
    /// elsewhere, since it is never run.
    fn is_cold_part(&self, at: u64) -> bool {
        let found = self.code.function(at);
        found.is_some_and(|f| f.name == format!("{}.cold", self.function.name))
    }

    /// Where an instruction leads out of the function.
    fn target(&self, instruction: &Instruction) -> Option<u64> {
        match self.way(instruction) {
            Way::To(at) => Some(at),
            Way::On | Way::Unknown => None,
        }
    }

    /// Whether an instruction leads into another object, or may.
    fn leaves(&self, instruction: &Instruction) -> bool {
        match self.way(instruction) {
            Way::On => false,
            Way::To(at) => {
                let found = self.code.function(at);
                found.is_none_or(|f| f.object != self.function.object || f.name.ends_with("@plt"))
            }
            Way::Unknown => true,
        }
    }

    /// Instructions of some blocks.
    fn of<'a>(&'a self, blocks: &'a BTreeSet<u64>) -> impl Iterator<Item = &'a Instruction> {
        self.flow.of_blocks(blocks.iter())
    }
}

impl<'c> Lister<'c> {
    fn body(&mut self, entry: u64) -> Option<Rc<Body<'c>>> {
        let code = self.code;
        if self.bodies.len() >= MOST && !self.bodies.contains_key(&entry) {
            return None;
        }
        let body = self.bodies.entry(entry);
        body.or_insert_with(|| Body::new(code, entry).map(Rc::new))
            .clone()
    }

    /// How deep loops are in a function and in what it calls.
    fn depth(&mut self, entry: u64) -> usize {
        if let Some(&known) = self.depths.get(&entry) {
            return known;
        }
        // A function that calls itself is no loop here.
        self.depths.insert(entry, 0);
        let Some(body) = self.body(entry) else {
            return 0;
        };
        let mut deepest = 0;
        for &at in body.flow.blocks.keys() {
            let own = body.flow.depth(at);
            let block = BTreeSet::from([at]);
            let calls: Vec<u64> = body.of(&block).filter_map(|i| body.target(i)).collect();
            let below = calls.into_iter().map(|callee| self.depth(callee)).max();
            deepest = deepest.max(own + below.unwrap_or(0));
        }
        self.depths.insert(entry, deepest);
        deepest
    }

    /// The hot loop of a function: the one with most loops around and below
    /// it, of the innermost ones that call other objects if `outside` asks for
    /// that and there are any; of several the longest.
    fn hot<'b>(&mut self, body: &'b Body<'c>, outside: bool) -> Option<&'b Loop> {
        let loops = || body.flow.loops.iter();
        let away = |l: &&Loop| outside && body.of(&l.blocks).any(|i| body.leaves(i));
        let any = loops().any(|l| away(&l));
        let candidates = loops().filter(|l| !any || away(l));
        let mut scored: Vec<(usize, usize, &Loop)> = Vec::new();
        for candidate in candidates {
            let calls = body.of(&candidate.blocks);
            let calls: Vec<u64> = calls.filter_map(|i| body.target(i)).collect();
            let below = calls.into_iter().map(|callee| self.depth(callee)).max();
            let score = candidate.depth + below.unwrap_or(0);
            scored.push((score, body.of(&candidate.blocks).count(), candidate));
        }
        let best = scored
            .into_iter()
            .max_by_key(|&(score, length, l)| (score, l.depth, length));
        best.map(|(.., l)| l)
    }

    /// Lists a function and what it calls.
    fn list(&mut self, entry: u64, depth: usize) -> Cost {
        if let Some(&listed) = self.costs.get(&entry) {
            return listed;
        }
        self.costs.insert(entry, Cost::default());
        let Some(body) = self.body(entry) else {
            return Cost::default();
        };
        let hot = self.hot(&body, depth == 0);
        let all = body.flow.returning();
        let blocks = hot.map_or(&all, |l| &l.blocks);
        let shown: Vec<Instruction> = body.of(blocks).copied().collect();
        let targets: Vec<Option<u64>> = shown.iter().map(|i| body.target(i)).collect();
        self.parts.push(Part {
            function: body.function.name.clone(),
            object: body.function.object.clone(),
            is_loop: hot.is_some(),
            lines: self.lines(&body.function, &shown, &targets),
        });
        let cost = Cost {
            instructions: shown.len(),
            is_loop: hot.is_some(),
        };
        let mut callees = Vec::new();
        for target in targets.into_iter().flatten() {
            if depth < DEEPEST {
                callees.push((self.list(target, depth + 1), self.depth(target)));
            }
        }
        callees.sort_by_key(|(cost, depth)| (cost.is_loop, *depth, cost.instructions));
        let cost = callees
            .into_iter()
            .map(|(cost, _)| cost)
            .fold(cost, Cost::with);
        self.costs.insert(entry, cost);
        cost
    }

    /// The instructions as lines, with labels, and names of where they lead.
    fn lines(
        &self,
        function: &Function,
        instructions: &[Instruction],
        targets: &[Option<u64>],
    ) -> Vec<String> {
        let inside: BTreeSet<u64> = instructions.iter().map(Instruction::ip).collect();
        let jumps = instructions
            .iter()
            .filter(|i| i.op0_kind() == OpKind::NearBranch64)
            .map(Instruction::near_branch_target);
        let labelled: BTreeSet<u64> = jumps.filter(|t| inside.contains(t)).collect();
        let labels: BTreeMap<u64, String> = labelled
            .into_iter()
            .zip(1..)
            .map(|(at, n)| (at, format!(".L{n}")))
            .collect();
        let names = Names {
            code_names: self.names(function, instructions),
            labels: labels.clone(),
        };
        let mut formatter = GasFormatter::with_options(Some(Box::new(names)), None);
        formatter.options_mut().set_uppercase_hex(false);
        formatter.options_mut().set_hex_prefix("0x");
        formatter
            .options_mut()
            .set_space_after_operand_separator(true);
        formatter.options_mut().set_first_operand_char_index(8);
        formatter.options_mut().set_rip_relative_addresses(true);
        formatter
            .options_mut()
            .set_gas_show_mnemonic_size_suffix(false);
        let mut lines = Vec::new();
        for (instruction, target) in instructions.iter().zip(targets) {
            lines.extend(
                labels
                    .get(&instruction.ip())
                    .map(|label| format!("{label}:")),
            );
            let mut line = String::new();
            formatter.format(instruction, &mut line);
            let direct = instruction.op0_kind() == OpKind::NearBranch64;
            let through = instruction.flow_control() == FlowControl::IndirectCall;
            let leads_to = match target.map(|t| self.code.function(t)) {
                Some(Some(callee)) if !direct => Some(full_name(&callee)),
                Some(None) if !direct => Some("the runtime".to_owned()),
                None if through => Some("wherever the pointer leads".to_owned()),
                _ => None,
            };
            line.extend(leads_to.map(|name| format!("    # {name}")));
            lines.push(line);
        }
        lines
    }

    /// Names of the addresses that instructions mention.
    fn names(&self, function: &Function, instructions: &[Instruction]) -> BTreeMap<u64, String> {
        let mut names = BTreeMap::new();
        for instruction in instructions {
            if instruction.op0_kind() == OpKind::NearBranch64 {
                let target = instruction.near_branch_target();
                let name = match self.code.function(target) {
                    Some(same) if same.range == function.range => {
                        format!("{}+{:#x}", function.name, target - function.range.start)
                    }
                    Some(other) => full_name(&other),
                    None => "the runtime".to_owned(),
                };
                names.insert(target, name);
            }
            if instruction.op_count() == 2 && instruction.op1_kind() == OpKind::Immediate64 {
                // Where this process has something: another one, elsewhere.
                names.insert(instruction.immediate64(), "address".to_owned());
            }
            if instruction.is_ip_rel_memory_operand() {
                let at = instruction.ip_rel_memory_address();
                names.extend(self.code.datum(at).map(|name| (at, name)));
            }
        }
        names
    }
}

fn full_name(function: &Function) -> String {
    match function.object.as_str() {
        "" => function.name.clone(),
        _ if function.name.ends_with("@plt") => function.name.clone(),
        object => format!("{} in {object}", function.name),
    }
}

/// Gives the formatter names for addresses.
struct Names {
    code_names: BTreeMap<u64, String>,
    labels: BTreeMap<u64, String>,
}

impl SymbolResolver for Names {
    fn symbol(
        &mut self,
        _: &Instruction,
        _: u32,
        _: Option<u32>,
        address: u64,
        _: u32,
    ) -> Option<SymbolResult<'_>> {
        let name = self.labels.get(&address);
        let name = name.or_else(|| self.code_names.get(&address))?;
        Some(SymbolResult::with_str(address, name))
    }
}
