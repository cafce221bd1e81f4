//! The loaded objects of a process, by number.
//!
//! The numbers of a group that is loaded together follow each other. A number
//! is used again only after everything from there on is gone; what outlives a
//! load names an instance by its serial number too.

use std::ops::{Index, IndexMut};

use super::instance::Instance;

/// A loaded object of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId {
    number: usize,
    serial: u64,
}

/// The instances, in load order.
#[derive(Debug, Default)]
pub(crate) struct Instances {
    slots: Vec<Option<Box<Instance>>>,
    /// How many there have ever been.
    serial: u64,
}

impl Instances {
    /// The number that the next one gets.
    pub const fn next(&self) -> usize {
        self.slots.len()
    }

    /// How many there have ever been.
    pub const fn loaded(&self) -> u64 {
        self.serial
    }

    /// Adds one, after all others.
    pub fn push(&mut self, mut instance: Instance) {
        self.serial += 1;
        instance.serial = self.serial;
        self.slots.push(Some(Box::new(instance)));
    }

    /// Takes one out.
    pub fn remove(&mut self, number: usize) -> Option<Instance> {
        let instance = self.slots.get_mut(number)?.take()?;
        while self.slots.pop_if(|slot| slot.is_none()).is_some() {}
        Some(*instance)
    }

    pub fn get(&self, number: usize) -> Option<&Instance> {
        self.slots.get(number)?.as_deref()
    }

    /// All with their numbers, in load order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (usize, &Instance)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(number, slot)| Some((number, slot.as_deref()?)))
    }

    /// All, in load order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Instance> {
        self.slots.iter().filter_map(|slot| slot.as_deref())
    }

    /// How to name one from outside.
    pub fn id(&self, number: usize) -> InstanceId {
        InstanceId {
            number,
            serial: self[number].serial,
        }
    }

    /// The number of one that is still there.
    pub fn number(&self, id: InstanceId) -> Option<usize> {
        let instance = self.get(id.number)?;
        (instance.serial == id.serial).then_some(id.number)
    }

    /// The number of the first one that `is` it.
    pub fn find(&self, is: impl Fn(&Instance) -> bool) -> Option<usize> {
        self.iter().find(|(_, i)| is(i)).map(|(n, _)| n)
    }

    /// The number of the one with a serial number, if it is still there.
    pub fn of_serial(&self, serial: u64) -> Option<usize> {
        self.find(|i| i.serial == serial)
    }

    /// The one whose image holds an address.
    pub fn at(&self, address: u64) -> Option<usize> {
        self.find(|i| i.image.range().contains(&address))
    }
}

impl Index<usize> for Instances {
    type Output = Instance;

    fn index(&self, number: usize) -> &Instance {
        self.get(number).expect("an instance that is loaded")
    }
}

impl IndexMut<usize> for Instances {
    fn index_mut(&mut self, number: usize) -> &mut Instance {
        let slot = self.slots.get_mut(number).and_then(Option::as_deref_mut);
        slot.expect("an instance that is loaded")
    }
}
