//! Frames of native code as frames of the modules' functions: inlined calls are calls.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Range;

use wasmaot_abi::maps::lines::{AddressMap, NO_FUNCTION, Position};
use wasmaot_abi::maps::module::ModuleMap;
use wasmaot_abi::object::{SEC_LINES, SEC_MODULE};

use super::Process;
use crate::object::Object;
use crate::trap::{self, CodeImage as _, Site};

/// Frames of a thread that are told at most, from the innermost.
const MAX_FRAMES: usize = 100_000;

/// A frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// The instance's place among those that are loaded.
    pub instance: u32,
    /// Number of the function in the module's index space.
    pub function: u32,
    /// Distance of the instruction from the start of the function's body in the module; 0
    /// where it is not known.
    pub offset: u32,
}

/// What is known of the code of a process.
pub(super) struct Frames<'p> {
    process: &'p Process,
    images: Vec<CodeOf<'p>>,
}

/// An instance's code.
struct CodeOf<'p> {
    range: Range<u64>,
    object: &'p Object,
    text: u64,
    lines: Option<AddressMap<'p>>,
    map: ModuleMap,
    /// Functions by their names, as other objects name them.
    named: OnceCell<HashMap<&'p str, u32>>,
}

impl<'p> CodeOf<'p> {
    /// What the address map says of an address in the object's file.
    fn position(&self, vaddr: u64) -> Option<Position> {
        let offset = u32::try_from(vaddr.checked_sub(self.text)?).ok()?;
        self.lines?.position(offset)
    }

    /// The number of a function with code.
    fn named(&self, function: &str) -> Option<u32> {
        let named = self.named.get_or_init(|| {
            let functions = self.object.native_functions().iter();
            let number = |vaddr| Some(self.position(vaddr)?.frames.last()?.function);
            functions
                .filter_map(|(vaddr, _, name)| Some((&**name, number(*vaddr)?)))
                .collect()
        });
        named.get(function).copied()
    }
}

impl<'p> Frames<'p> {
    pub fn new(process: &'p Process) -> Self {
        let instances = process.link.instances.values();
        let images = instances.map(|instance| {
            let object = &*instance.object;
            let text = object.section_address(".text").unwrap_or(0);
            let lines = object.section(SEC_LINES).and_then(AddressMap::new);
            CodeOf {
                range: instance.image.range(),
                object,
                text,
                lines,
                map: object
                    .section(SEC_MODULE)
                    .and_then(ModuleMap::decode)
                    .unwrap_or_default(),
                named: OnceCell::new(),
            }
        });
        Self {
            images: images.collect(),
            process,
        }
    }

    /// The frames of a thread, the innermost first. One whose function has no number is left
    /// out: those of the loader's stubs, and of objects without an address map.
    pub fn of<'s>(&self, entries: impl IntoIterator<Item = &'s Site>) -> Vec<Frame> {
        let mut frames = Vec::new();
        let entries = entries.into_iter();
        for address in entries.flat_map(|site| trap::addresses(site, self.process)) {
            self.of_address(address, &mut frames);
            if frames.len() >= MAX_FRAMES {
                frames.truncate(MAX_FRAMES);
                break;
            }
        }
        frames
    }

    fn of_address(&self, address: u64, frames: &mut Vec<Frame>) {
        let holds = |code: &&CodeOf<'_>| code.range.contains(&address);
        let Some(code) = self.images.iter().find(holds) else {
            return;
        };
        let position = code.position(address - code.range.start);
        for place in position.map_or_else(Vec::new, |position| position.frames) {
            let (of, function) = match code.lines.and_then(|lines| lines.name(place.function)) {
                Some(name) if name.contains('\0') => match self.of_another(code, name) {
                    Some(found) => found,
                    None => continue,
                },
                _ => (code, place.function),
            };
            if function == NO_FUNCTION {
                continue;
            }
            let start = of.map.body(function);
            let offset = place.wasm_offset.zip(start);
            frames.push(Frame {
                instance: self.number(of),
                function,
                offset: offset.map_or(0, |(at, start)| at.saturating_sub(start)),
            });
        }
    }

    fn number(&self, code: &CodeOf<'_>) -> u32 {
        let mut images = (0..).zip(&self.images);
        let found = images.find(|(_, other)| other.range == code.range);
        found.map_or(0, |(number, _)| number)
    }

    /// The function of another object whose code has been inlined here, by that object's name
    /// and its own.
    fn of_another(&self, code: &CodeOf<'p>, name: &str) -> Option<(&CodeOf<'p>, u32)> {
        let (object, function) = name.split_once('\0')?;
        let id = code.object.member(object)?;
        let is_it = |other: &&CodeOf<'_>| other.object.build_id() == id;
        let other = self.images.iter().find(is_it)?;
        Some((other, other.named(function)?))
    }
}
