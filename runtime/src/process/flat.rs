//! Programs of the `flat` ABI: plain modules that share one name space, `env`,
//! and one memory, as in the musl experiment of 2016 (`abi/flat.md`).
//!
//! Modules are loaded last to first, main at the end. What a module imports
//! from `env` is what those before it export, the latest first, and then the
//! host's own C library, which `wasmaot-hosts` has.

use std::sync::Arc;

use wasmaot_abi::info::LinkingAbi;
use wasmaot_abi::name::ENV;
use wasmaot_abi::types::ValType;

use super::Process;
use crate::config::Category;
use crate::error::{CallError, Result};
use crate::link;
use crate::link::InstanceId;
use crate::object::Object;
use crate::value::Val;

/// `main` without and with parameters, as clang names it.
const MAIN: [&str; 2] = ["main", "__main_argc_argv"];
const START: &str = "_start";

/// Whether a module is a flat program: a plain one that exports `main` and no
/// `_start`, and imports from `env` alone.
pub fn is_program(object: &Object) -> bool {
    let exports = |name| object.find(name).is_some();
    is_flat(object) && MAIN.into_iter().any(exports) && !exports(START)
}

/// Whether a module may be part of one.
fn is_flat(object: &Object) -> bool {
    object.info().abi == LinkingAbi::Core && object.imports().all(|i| i.module == ENV)
}

/// Whether a module, which a flat program opens, takes its memory from `env`.
pub(crate) fn can_be_opened(object: &Object) -> bool {
    let info = object.info();
    let own = info.memories.iter().any(|m| m.desc.is_none());
    is_flat(object) && !own
}

impl Process {
    /// Loads a flat program: the libraries last to first, then main.
    ///
    /// # Errors
    /// [`Error`](crate::Error); what was loaded before stays.
    pub fn load_flat(
        &mut self,
        main: Arc<Object>,
        libraries: &[Arc<Object>],
    ) -> Result<InstanceId> {
        link::flat_program(&mut self.linker())?;
        let mut last = None;
        for object in libraries.iter().rev().chain([&main]) {
            last = Some(self.load_one_flat(object.name().to_owned(), Arc::clone(object))?);
        }
        let main = last.unwrap_or_default();
        if let Some(program) = &mut self.link.program {
            program.main = main;
        }
        Ok(self.link.instances.id(main))
    }

    /// Loads one module of a flat program; its number.
    pub(crate) fn load_one_flat(&mut self, name: String, object: Arc<Object>) -> Result<usize> {
        self.report_overlaps(&object);
        let is_main = is_program(&object);
        let group = link::flat(self.view(), name, object);
        let ready = self.load(group)?;
        let number = ready.first();
        link::adopt(&mut self.linker(), number);
        self.link.scope.insert(0, number);
        // Main's constructors run before `main`, not here.
        self.initialise(&ready, !is_main)?;
        Ok(number)
    }

    /// Calls `main` of a flat program, after its constructors: its value.
    ///
    /// # Errors
    /// [`CallError`]: no such function, or it stops.
    pub fn start_flat(&mut self, main: InstanceId) -> Result<i32, CallError> {
        const CONSTRUCTORS: &str = "__wasm_call_ctors";
        if self.func_type(main, CONSTRUCTORS).is_some() {
            self.invoke(main, CONSTRUCTORS, &[])?;
        }
        let name = MAIN
            .into_iter()
            .find(|name| self.func_type(main, name).is_some());
        let name = name.unwrap_or(MAIN[0]);
        let params = self.func_type(main, name).map_or(0, |ty| ty.params.len());
        let zeros = vec![Val::I32(0); params];
        let results = self.invoke(main, name, &zeros)?;
        Ok(match results[..] {
            [Val::I32(value)] => value,
            _ => 0,
        })
    }

    /// Says where a module's data lie over those of others.
    fn report_overlaps(&self, object: &Object) {
        for other in self.link.instances.values() {
            for &(at, len) in &object.info().data {
                let mut others = other.object.info().data.iter();
                let over = |&&(start, bytes): &&(u64, u64)| {
                    at.max(start) < at.saturating_add(len).min(start.saturating_add(bytes))
                };
                if let Some((start, bytes)) = others.find(over) {
                    self.config.trace(Category::Warning, || {
                        format!(
                            "{}: its {len} bytes of data at {at:#x} overlap the {bytes} of {} at \
                             {start:#x}; link one of them with another value of wasm-ld's --global-base",
                            object.path().display(),
                            other.object.name()
                        )
                    });
                }
            }
        }
    }

    /// The index of a function in the table of a module of a flat program,
    /// which each has for itself.
    pub(crate) fn flat_index(&mut self, caller: usize, target: link::Target) -> Result<u64> {
        let instance = &self.link.instances[caller];
        let tables = &instance.object.info().tables;
        let own = tables.iter().find(|t| t.ty.elem == ValType::FuncRef);
        let desc = match own {
            Some(table) => match table.desc {
                Some(vaddr) => instance.address(vaddr),
                None => self.space.domains[instance.domain].table_desc(),
            },
            // Without one it cannot call through pointers.
            None => return Ok(0),
        };
        link::index_in(&mut self.linker(), desc, target)
    }
}
