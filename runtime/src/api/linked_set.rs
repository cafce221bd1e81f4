//! The prelinker: links a program as it would be at its start, says what its
//! functions are bound to, and writes that into the objects of a set.

use std::sync::Arc;

use wasmaot_abi::context::CODE_RESERVE;
use wasmaot_abi::info::ImportKind;
use wasmaot_abi::prelink::{Member, Prelink, SetAddress};

use crate::error::{Error, Result};
use crate::link::{self, Target};
use crate::object::{Object, bad};
use crate::process::Process;

/// The function that an imported one of a set's member is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Number of the import among all of its object.
    pub import: usize,
    /// Number of the member that defines it.
    pub member: usize,
    /// The symbol there.
    pub symbol: String,
}

impl Process {
    /// Links a program of which some objects, main first, are compiled as one
    /// set; runs nothing. What main does not need of them is loaded as if it
    /// did, and what is needed beside them comes from the finder.
    ///
    /// # Errors
    /// Of linking; or [`Error::Object`] for an object that is not of the set.
    pub fn link_set(&mut self, set: &[Arc<Object>]) -> Result<LinkedSet<'_>> {
        let members = members(set)?;
        let main = set.first().ok_or_else(|| bad("the set", "is empty"))?;
        let needed = self.program_group(Arc::clone(main), &[])?;
        let is_needed = |object: &Arc<Object>| {
            let mut members = needed.members.iter();
            members.any(|m| Arc::ptr_eq(&m.object, object))
        };
        let others = set.iter().filter(|object| !is_needed(object)).cloned();
        let others: Vec<_> = others.collect();
        self.link.libraries.extend(others);
        self.link_program(Arc::clone(main), &[])?;
        self.check_functions()?;
        let instance = |object: &Arc<Object>| {
            let mut instances = self.link.instances.iter();
            let found = instances.find(|(_, i)| Arc::ptr_eq(&i.object, object));
            found.map(|(number, _)| number).ok_or_else(|| {
                let reason = "is loaded twice, or not with the program";
                bad(object.path().display().to_string(), reason)
            })
        };
        let instances = set.iter().map(instance).collect::<Result<_>>()?;
        Ok(LinkedSet {
            process: self,
            members,
            instances,
        })
    }
}

impl Process {
    /// Refuses functions whose definitions are of other types than their
    /// imports: a set that was built so would never be right.
    fn check_functions(&self) -> Result<()> {
        for (number, instance) in self.link.instances.iter() {
            let imports = instance.object.imports().zip(&instance.bindings.imports);
            for (import, &target) in imports {
                let (Target::Host(host), ImportKind::Func(_)) = (target, import.kind) else {
                    continue;
                };
                if let Some((definer, found, wanted)) = self.other_type(host, number, import.name) {
                    return Err(Error::Mismatch {
                        symbol: import.name.to_owned(),
                        importer: instance.object.path().display().to_string(),
                        wanted,
                        definer: definer.path().display().to_string(),
                        found,
                    });
                }
            }
        }
        Ok(())
    }
}

/// A set whose symbols are bound.
#[derive(Debug)]
pub struct LinkedSet<'p> {
    process: &'p Process,
    members: Vec<Member>,
    /// By member.
    instances: Vec<usize>,
}

impl LinkedSet<'_> {
    /// What imported functions are bound to in the set, by member.
    pub fn bound(&self) -> Vec<Vec<Bound>> {
        let all = self.instances.iter().map(|&id| {
            let instance = &self.process.link.instances[id];
            let imports = instance.object.imports();
            let imports = imports.zip(&instance.bindings.imports).enumerate();
            let functions = imports.filter(|(_, (i, _))| matches!(i.kind, ImportKind::Func(_)));
            let bound = functions.filter_map(|(import, (_, &target))| {
                let (member, symbol) = self.definition(target)?;
                let object = &self.process.link.instances[self.instances[member]].object;
                let symbol = object.symbol(symbol);
                let symbol = object.symbol_name(&symbol);
                Some(Bound {
                    import,
                    member,
                    symbol: symbol.to_owned(),
                })
            });
            bound.collect()
        });
        all.collect()
    }

    /// The member and the number of the symbol that define a target.
    fn definition(&self, target: Target) -> Option<(usize, u32)> {
        let Target::Symbol { instance, symbol } = target else {
            return None;
        };
        // Records are of a program's objects.
        self.process.link.program.as_ref()?;
        let member = self.instances.iter().position(|&id| id == instance)?;
        Some((member, symbol))
    }

    /// The content of the prelinked objects.
    ///
    /// # Errors
    /// [`Error::Object`](crate::Error::Object) for one that was not compiled for it.
    pub fn objects(&self) -> Result<Vec<Vec<u8>>> {
        self.instances.iter().map(|&id| self.object(id)).collect()
    }

    fn object(&self, id: usize) -> Result<Vec<u8>> {
        let instance = &self.process.link.instances[id];
        let object = &instance.object;
        let mut record = Prelink {
            members: self.members.clone(),
            ..object.prelink().cloned().unwrap_or_default()
        };
        for (call, slot) in record.calls.iter_mut().zip(object.plt_slots()) {
            let target = link::target(self.process.view(), id, slot.symbol);
            let Some((member, symbol)) = self.definition(target) else {
                continue;
            };
            let definer = &self.process.link.instances[self.instances[member]];
            let value = definer.object.symbol(symbol).value;
            let bound = u64::from_le_bytes(instance.read(slot.offset)?);
            // Not if a thunk stands between.
            let straight = bound == definer.address(value);
            call.to = straight.then_some(SetAddress {
                member: member as u32,
                address: value as u32,
            });
        }
        let edits = straight_calls(object, &mut record)?;
        object.rewritten(&record, &edits)
    }
}

/// The fields of the calls that lead where the record says, by address. What one of an
/// entry's calls does not reach is called by the entry.
fn straight_calls(object: &Object, record: &mut Prelink) -> Result<Vec<(u64, [u8; 4])>> {
    let branches = object.branches();
    let calls = object.calls()?;
    let mut edits = Vec::with_capacity(calls.len());
    for call in &calls {
        let (entry, place) = (call.entry as usize, u64::from(call.place));
        let Some(to) = record.calls[entry].to else {
            continue;
        };
        let target = record.address(to).zip(object.code(place));
        match target.and_then(|(to, field)| (branches.field)(field, place, to)) {
            Some(field) => edits.push((entry, place, field)),
            None => record.calls[entry].to = None,
        }
    }
    let reached = edits
        .into_iter()
        .filter(|&(entry, ..)| record.calls[entry].to.is_some());
    Ok(reached.map(|(_, place, field)| (place, field)).collect())
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
        let size = object.layout().end.max(1);
        end += size.next_multiple_of(object.machine().image_align);
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
