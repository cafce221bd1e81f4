//! What a backtrace needs of the loaded objects of a process.

use std::sync::Arc;

use wasmaot_abi::context::TABLE_ENTRY_SIZE;
use wasmaot_abi::exception::LOADER_TAGS;
use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::prelink::BuildId;
use wasmaot_abi::trap::TrapCode;

use super::Process;
use crate::object::{Object, Symbol};
use crate::sys::Image;
use crate::trap;

impl Process {
    /// The images whose code may run: of the loaded objects, and of those
    /// whose code may still be in use.
    fn images(&self) -> impl Iterator<Item = (&Image, &Arc<Object>)> {
        let loaded = self.link.instances.values().map(|i| (&i.image, &i.object));
        loaded.chain(self.link.retired.iter().map(|r| (&r.image, &r.object)))
    }
}

impl trap::CodeImage for Object {
    fn name(&self) -> &str {
        self.name()
    }

    fn section(&self, name: &str) -> Option<&[u8]> {
        self.section(name)
    }

    fn section_address(&self, name: &str) -> Option<u64> {
        self.section_address(name)
    }

    fn symbol_at(&self, vaddr: u64) -> Option<String> {
        self.symbol_at(vaddr)
    }

    fn member(&self, soname: &str) -> Option<BuildId> {
        let members = &self.prelink()?.members;
        let member = members.iter().find(|member| member.name == soname)?;
        Some(member.build_id)
    }
}

impl trap::CodeMap for Process {
    fn object_at(&self, pc: u64) -> Option<(&dyn trap::CodeImage, u64)> {
        let mut images = self.images();
        let (image, object) = images.find(|(image, _)| image.range().contains(&pc))?;
        Some((&**object, image.start()))
    }

    fn object_built(&self, id: &BuildId) -> Option<&dyn trap::CodeImage> {
        let mut objects = self.images().map(|(_, object)| object);
        let built = objects.find(|object| object.build_id() == id)?;
        Some(&**built)
    }

    fn keeps_state(&self) -> bool {
        self.config.core_dumps
    }

    fn tag_name(&self, tag: u64) -> Option<String> {
        let mut loader = (0..).zip(LOADER_TAGS);
        if let Some((_, name)) = loader.find(|&(n, _)| self.shared.exceptions.tag(n) == tag) {
            return Some(name.to_owned());
        }
        let mut images = self.images();
        let (image, object) = images.find(|(image, _)| image.range().contains(&tag))?;
        let of = |s: &Symbol| s.defines(SymbolKind::Tag) && image.start() + s.value == tag;
        let symbol = object.symbols().find(of)?;
        Some(object.symbol_name(&symbol).to_owned())
    }

    fn undefined_at(&self, addr: u64) -> Option<String> {
        let domain = &self.space.domains[self.link.program.as_ref()?.domain];
        if domain.table_range().contains(&addr) {
            let below = domain.table_range().end - addr;
            return self.link.undefined.named((below - 1) / TABLE_ENTRY_SIZE);
        }
        let linear = addr.checked_sub(domain.base())?;
        self.link.undefined.data_at(linear)
    }

    fn fault_kind(&self, addr: u64) -> Option<TrapCode> {
        for domain in &self.space.domains {
            if domain.memory_range().contains(&addr) {
                return Some(TrapCode::MemoryOutOfBounds);
            }
            if domain.table_range().contains(&addr) {
                return Some(TrapCode::UndefinedElement);
            }
        }
        let mut extra = self.space.tables.iter();
        extra
            .any(|t| t.range().contains(&addr))
            .then_some(TrapCode::UndefinedElement)
    }
}
