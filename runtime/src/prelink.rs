//! The prelinker: links a program as it would be at its start, and writes into
//! the objects of a set where their calls of each other lead then.

use std::sync::Arc;

use wasmaot_abi::context::CODE_RESERVE;
use wasmaot_abi::prelink::{Member, Place, Prelink};

use crate::arch;
use crate::error::{Error, Result};
use crate::loader::{self, Target};
use crate::object::{Object, bad};
use crate::process::Process;
use crate::sys::page_up;

impl Process {
    /// Links a program, main and libraries that all were compiled as one set,
    /// in its order; runs nothing. What main does not need is loaded as if it
    /// did, and what it needs beside the set comes from the finder. Answers the
    /// content of the prelinked objects.
    ///
    /// # Errors
    /// [`Error`](crate::Error): of linking, or [`Error::Object`] for an object that was
    /// not compiled as one of this set.
    pub fn prelink(&mut self, set: &[Arc<Object>]) -> Result<Vec<Vec<u8>>> {
        let Some(main) = set.first() else {
            return Ok(Vec::new());
        };
        let needed = loader::program(self, Arc::clone(main), &[])?;
        let is_needed = |object: &Arc<Object>| {
            let mut members = needed.members.iter();
            members.any(|m| Arc::ptr_eq(&m.object, object))
        };
        let others = set.iter().filter(|object| !is_needed(object)).cloned();
        let others: Vec<_> = others.collect();
        self.link_program(Arc::clone(main), &others)?;
        let members = members(set)?;
        let numbers: Vec<_> = set.iter().map(|object| self.instance_of(object)).collect();
        (0..set.len())
            .map(|number| self.prelinked_bytes(number, &members, &numbers))
            .collect()
    }

    fn instance_of(&self, object: &Arc<Object>) -> Option<usize> {
        let mut instances = self.instances.iter();
        let (number, _) = instances.find(|(_, i)| Arc::ptr_eq(&i.object, object))?;
        Some(number)
    }

    /// The content of an object of the set. `instances` are by member.
    fn prelinked_bytes(
        &self,
        number: usize,
        members: &[Member],
        instances: &[Option<usize>],
    ) -> Result<Vec<u8>> {
        let instance = instances[number].map(|id| &self.instances[id]);
        let instance = instance.ok_or_else(|| {
            let why = "is not loaded with the program";
            bad(members[number].name.clone(), why)
        })?;
        let object = &instance.object;
        let mut record = Prelink {
            members: members.to_vec(),
            ..object.prelink().cloned().unwrap_or_default()
        };
        for (call, slot) in record.calls.iter_mut().zip(object.plt_slots()) {
            let symbols = &instance.bindings.symbols;
            let Some(&Target::Symbol {
                instance: definer,
                symbol,
            }) = symbols.get(slot.symbol as usize)
            else {
                continue;
            };
            let member = instances.iter().position(|&id| id == Some(definer));
            let definer = &self.instances[definer];
            let value = definer.object.symbols()[symbol as usize].value;
            let bound = u64::from_le_bytes(instance.read(slot.offset)?);
            // Not if a thunk stands between.
            let straight = bound == definer.address(value);
            call.to = member.filter(|_| straight).map(|member| Place {
                member: member as u32,
                address: value as u32,
            });
        }
        let calls = object.calls()?;
        let edits = calls.iter().filter_map(|call| {
            let to = record.calls[call.entry as usize].to?;
            let place = u64::from(call.place);
            let bytes = arch::branch_displacement(place, record.address(to)?)?;
            Some((place, bytes))
        });
        object.rewritten(&record, &edits.collect::<Vec<_>>())
    }
}

/// The members of a set, one image after another.
fn members(set: &[Arc<Object>]) -> Result<Vec<Member>> {
    let mut end = 0;
    let mut members = Vec::with_capacity(set.len());
    for (number, object) in set.iter().enumerate() {
        let file = || object.path().display().to_string();
        let record = object.prelink().filter(|record| {
            let same = record.members.len() == set.len() && record.number as usize == number;
            same && object.number_in(record) == Some(number)
        });
        let member = record.and_then(|record| record.members.get(number));
        let member = member.ok_or_else(|| bad(file(), "not compiled as one of this set"))?;
        members.push(Member {
            offset: end as u32,
            ..member.clone()
        });
        end += page_up(object.layout().end.max(1)).unwrap_or(CODE_RESERVE);
        if end >= CODE_RESERVE {
            return Err(Error::Limit {
                file: file(),
                what: "with those before it, exceeds the 2 GiB for code of a process".to_owned(),
                remedy: "prelink fewer libraries",
            });
        }
    }
    Ok(members)
}
