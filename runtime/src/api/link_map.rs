//! The loaded objects of a process, as its owner sees them.

use std::path::Path;
use std::sync::Arc;

use crate::link::InstanceId;
use crate::object::Object;
use crate::process::Process;

impl Process {
    /// The link map, in load order.
    pub fn link_map(&self) -> impl Iterator<Item = LinkMapEntry<'_>> {
        self.link
            .instances
            .iter()
            .map(|(number, instance)| LinkMapEntry {
                id: self.link.instances.id(number),
                name: &instance.name,
                path: instance.object.path(),
                load_address: instance.image.start(),
                memory_base: instance.memory_base,
                table_base: instance.table_base,
                object: &instance.object,
            })
    }
}

/// An object in the link map.
#[derive(Clone, Copy, Debug)]
pub struct LinkMapEntry<'a> {
    /// Its instance.
    pub id: InstanceId,
    /// Name it was asked for by.
    pub name: &'a str,
    /// Path of its file.
    pub path: &'a Path,
    /// Where it is mapped.
    pub load_address: u64,
    /// Where its data are in linear memory.
    pub memory_base: u64,
    /// Where its functions are in the table.
    pub table_base: u64,
    /// The object.
    pub object: &'a Arc<Object>,
}
