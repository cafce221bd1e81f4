//! Which value each local of a function has where, for debuggers.
//!
//! Only the outermost function is watched, and only in modules with DWARF; nothing
//! of the translation depends on it. What is noted is certain: a local has a value
//! from where it is written or read up to its next write, or to where ways of
//! control meet; and a local that is written once, in no inner block, has that
//! value from there to the function's end.

use std::collections::HashMap;
use std::ops::Range;

use cranelift_codegen::ir::{Function, Value, ValueLabel, ValueLabelAssignments, ValueLabelStart};

use super::local::Local;

/// What a local is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Known {
    Value(Value),
    /// At this offset of the locals' stack slot, of so many bytes.
    Slot(i32, u8),
}

/// A local in a stretch of the function.
#[derive(Clone, Debug)]
pub(crate) struct KnownLocal {
    pub local: u32,
    /// Offsets in the module of the operators before which it holds.
    pub wasm: Range<u32>,
    pub known: Known,
}

/// All of a function.
pub(super) const EVERYWHERE: Range<u32> = 0..u32::MAX;

/// The locals of the function that is being translated.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Whether anything is noted.
    pub on: bool,
    /// Offset of the operator that is being translated.
    pub at: u32,
    /// Offset of the last operator where ways of control met.
    since: u32,
    locals: Vec<Watched>,
    /// The locals whose value is known at the moment.
    open: Vec<u32>,
    pub known: Vec<KnownLocal>,
}

/// A local that is watched.
#[derive(Clone, Copy, Debug, Default)]
struct Watched {
    /// Its value, and from where it has that.
    current: Option<(u32, Value)>,
    /// The first write of it, if that is in no inner block.
    first: Option<(u32, Value)>,
    writes: u32,
}

impl Watch {
    /// Forgets the last function.
    pub fn start(&mut self, on: bool) {
        *self = Self {
            on,
            ..Self::default()
        };
    }

    /// The next local of the outermost function, with what it starts with.
    pub fn declare(&mut self, value: Value) {
        if self.on {
            self.open.push(self.locals.len() as u32);
            self.locals.push(Watched {
                current: Some((0, value)),
                ..Watched::default()
            });
        }
    }

    /// A local has been read.
    pub fn read(&mut self, local: usize, value: Value) {
        if let Some(watched) = self.locals.get_mut(local)
            && watched.current.is_none()
        {
            watched.current = Some((self.since, value));
            self.open.push(local as u32);
        }
    }

    /// A local is written; `outermost`: in no inner block.
    pub fn write(&mut self, local: usize, value: Value, outermost: bool) {
        let after = self.at.saturating_add(1);
        self.close(local as u32, after);
        let Some(watched) = self.locals.get_mut(local) else {
            return;
        };
        watched.writes = watched.writes.saturating_add(1);
        if watched.writes == 1 && outermost {
            watched.first = Some((after, value));
        }
        watched.current = Some((after, value));
        self.open.push(local as u32);
    }

    /// Ways of control meet.
    pub fn merge(&mut self) {
        for local in std::mem::take(&mut self.open) {
            self.close(local, self.at);
        }
        self.since = self.at;
    }

    fn close(&mut self, local: u32, at: u32) {
        let watched = self.locals.get_mut(local as usize);
        if let Some((from, value)) = watched.and_then(|watched| watched.current.take())
            && from < at
        {
            self.known.push(KnownLocal {
                local,
                wasm: from..at,
                known: Known::Value(value),
            });
        }
    }

    /// The function ends, with these locals.
    pub(super) fn finish(&mut self, locals: &[Local]) {
        self.at = u32::MAX;
        self.merge();
        for (number, watched) in self.locals.iter().enumerate() {
            let whole = match (locals.get(number), watched.first) {
                (Some(&Local::Value(value)), _) => (EVERYWHERE, Known::Value(value)),
                (Some(Local::FrameSlot(slot)), _) => {
                    (EVERYWHERE, Known::Slot(slot.offset, slot.ty.bytes() as u8))
                }
                (_, Some((from, value))) if watched.writes == 1 => {
                    (from..u32::MAX, Known::Value(value))
                }
                _ => continue,
            };
            // What else is known of it says the same.
            self.known.push(KnownLocal {
                local: number as u32,
                wasm: whole.0,
                known: whole.1,
            });
        }
    }

    /// Names each value as the function does that is it by another name.
    pub(super) fn resolve(&mut self, func: &Function) {
        for known in &mut self.known {
            if let Known::Value(value) = &mut known.known {
                *value = func.dfg.resolve_aliases(*value);
            }
        }
    }

    /// Has the code generator say where the values are: by labels, with these
    /// numbers.
    pub fn label(&mut self, func: &mut Function) -> HashMap<Value, u32> {
        let mut labels = HashMap::new();
        self.resolve(func);
        func.dfg.collect_debug_info();
        for known in &self.known {
            if let Known::Value(value) = known.known {
                let next = labels.len() as u32;
                labels.entry(value).or_insert(next);
            }
        }
        if let Some(all) = &mut func.dfg.values_labels {
            all.extend(labels.iter().map(|(&value, &label)| {
                let start = ValueLabelStart {
                    from: Default::default(),
                    label: ValueLabel::from_u32(label),
                };
                (value, ValueLabelAssignments::Starts(vec![start]))
            }));
        }
        labels
    }
}
