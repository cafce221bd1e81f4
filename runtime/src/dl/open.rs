//! Opening libraries.

use std::sync::Arc;

use wasmaot_abi::info::LinkingAbi;
use wasmaot_abi::object::SymbolKind;

use super::{DlError, deferred};
use crate::config::Category;
use crate::error::Error;
use crate::link::InstanceId;
use crate::link::{self, Purpose, Ready, breadth_first, is_named};
use crate::object::Object;
use crate::process::{Process, can_be_opened};

/// How a library is opened: the `RTLD_` flags of `<dlfcn.h>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenFlags {
    /// Its definitions are for what is loaded later, too (`RTLD_GLOBAL`).
    pub global: bool,
    /// It is not loaded if it is not there (`RTLD_NOLOAD`).
    pub no_load: bool,
    /// It stays when it is closed (`RTLD_NODELETE`).
    pub no_delete: bool,
    /// It prefers its own definitions to global ones (`RTLD_DEEPBIND`).
    pub deepbind: bool,
    /// Its functions are bound at once (`RTLD_NOW`), where the process binds
    /// lazily.
    pub now: bool,
}

impl OpenFlags {
    const LAZY: u32 = 1;
    const NOW: u32 = 2;
    const NOLOAD: u32 = 4;
    /// `RTLD_LOCAL` of wasi-libc, which says what holds anyway. Linux has
    /// `RTLD_DEEPBIND` there, so that has another number here.
    const LOCAL: u32 = 8;
    const GLOBAL: u32 = 0x100;
    const NODELETE: u32 = 0x1000;
    const DEEPBIND: u32 = 0x4000;

    /// Of the mode that `dlopen` is given.
    ///
    /// # Errors
    /// [`DlError::Mode`]: neither `RTLD_LAZY` nor `RTLD_NOW`, or unknown bits.
    pub fn from_mode(mode: u32) -> Result<Self, DlError> {
        const KNOWN: u32 = OpenFlags::LAZY
            | OpenFlags::NOW
            | OpenFlags::NOLOAD
            | OpenFlags::LOCAL
            | OpenFlags::GLOBAL
            | OpenFlags::NODELETE
            | OpenFlags::DEEPBIND;
        if mode & (Self::LAZY | Self::NOW) == 0 || mode & !KNOWN != 0 {
            return Err(DlError::Mode(mode));
        }
        Ok(Self {
            global: mode & Self::GLOBAL != 0,
            no_load: mode & Self::NOLOAD != 0,
            no_delete: mode & Self::NODELETE != 0,
            deepbind: mode & Self::DEEPBIND != 0,
            now: mode & Self::NOW != 0,
        })
    }
}

/// What a library is that is to be opened.
enum Found {
    /// Loaded already.
    There(usize),
    /// Loaded just now, and nothing of it has run.
    Loaded(Ready),
    /// Not loaded, as another thread finalises some of these that it needs.
    Ending(Vec<usize>),
}

impl Process {
    /// Opens a library by name, as `dlopen`: loads it with all that it needs,
    /// unless it is there already, and runs its constructors.
    ///
    /// # Errors
    /// [`DlError`]; nothing of it is left then, unless its constructors ran.
    pub fn open(&mut self, name: &str, flags: OpenFlags) -> Result<InstanceId, DlError> {
        let main = self.main()?;
        self.open_for(main, name, flags)
    }

    /// Opens a library that the host has found itself, as [`Process::open`] does
    /// one that it finds.
    ///
    /// # Errors
    /// [`DlError`]; nothing of it is left then, unless its constructors ran.
    pub fn open_object(
        &mut self,
        object: Arc<Object>,
        flags: OpenFlags,
    ) -> Result<InstanceId, DlError> {
        self.main()?;
        let name = object.path().display().to_string();
        self.open_found(flags, |process| {
            process.load_library(&name, Arc::clone(&object), flags)
        })
    }

    /// Whether there is a program, for libraries to be opened in.
    pub fn has_program(&self) -> bool {
        self.main().is_ok()
    }

    /// The program's main object.
    pub(super) fn main(&self) -> Result<usize, DlError> {
        let main = self.link.program.as_ref().map(|p| p.main);
        main.filter(|&n| self.link.instances.get(n).is_some())
            .ok_or(DlError::NoProgram)
    }

    /// Opens a library for an instance, whose search path counts.
    pub(crate) fn open_for(
        &mut self,
        by: usize,
        name: &str,
        flags: OpenFlags,
    ) -> Result<InstanceId, DlError> {
        let by = self.link.instances.id(by);
        self.open_found(flags, |process| {
            let by = process
                .link
                .instances
                .number(by)
                .ok_or(DlError::NoProgram)?;
            let name = &*process.library_path(name);
            let known = process.link.instances.find(|i| is_named(i, name));
            if let Some(number) = known {
                return Ok(Found::There(number));
            }
            let by = Arc::clone(&process.link.instances[by].object);
            process.find_ahead(name, &by);
            let found = process.with_finder(|view, finder| link::find(view, finder, name, &by));
            let loaded = found
                .map_err(DlError::Load)
                .and_then(|object| process.load_library(name, object, flags));
            process.forget_found();
            loaded
        })
    }

    /// Opens what `find` finds or loads, and runs its constructors.
    fn open_found(
        &mut self,
        flags: OpenFlags,
        find: impl Fn(&mut Self) -> Result<Found, DlError>,
    ) -> Result<InstanceId, DlError> {
        self.with_dl(|process| {
            if process.dl.busy {
                return Err(DlError::Busy);
            }
            deferred::load_all(process)?;
            loop {
                match find(process)? {
                    Found::Ending(needed) => {
                        process.wait_until_ended(&needed)?;
                    }
                    Found::There(number) if process.wait_until_ended(&[number])? => {}
                    Found::There(number) => {
                        let id = process.link.instances.id(number);
                        // With a handle it stays while its constructors are waited for,
                        // unless it is closed once too often.
                        process.add_handle(number, flags)?;
                        process.wait_until_started(number)?;
                        return Ok(id);
                    }
                    Found::Loaded(ready) => {
                        process.start_library(&ready)?;
                        process.add_handle(ready.first(), flags)?;
                        return Ok(process.link.instances.id(ready.first()));
                    }
                }
            }
        })?
    }

    /// Runs the initialisers of an opened group, when those of what it needs have run.
    fn start_library(&mut self, ready: &Ready) -> Result<(), DlError> {
        let numbers = ready.group.numbers();
        // The constructors may do anything, but not take the library away.
        self.mark_starting(numbers.clone(), true);
        self.wait_until_started(ready.first())?;
        let ran = self.initialise(ready, true);
        self.mark_starting(numbers, false);
        Ok(ran?)
    }

    /// Counts a handle of a loaded library.
    fn add_handle(&mut self, number: usize, flags: OpenFlags) -> Result<(), DlError> {
        let refs = &mut self.link.instances[number].refs;
        refs.opened = refs.opened.saturating_add(1);
        refs.always |= flags.no_delete;
        if flags.global {
            let all = breadth_first(number, |n| &self.link.instances[n].needs);
            self.link.join_global(&all);
            link::dyninfo::retry(&mut self.linker())?;
        }
        self.config.trace(Category::Files, || {
            let instance = &self.link.instances[number];
            let (name, count) = (instance.object.name(), instance.refs.opened);
            format!("opened {name}; {count} handles")
        });
        Ok(())
    }

    /// Loads a library that is not there under that name, unless it is there
    /// under another.
    fn load_library(
        &mut self,
        name: &str,
        object: Arc<Object>,
        flags: OpenFlags,
    ) -> Result<Found, DlError> {
        let loaded = self.link.instances.find(|i| i.object.id() == object.id());
        let main = self.link.program.as_ref().map(|program| program.main);
        if let Some(number) = loaded
            && !(loaded == main && is_main(&object))
        {
            return Ok(Found::There(number));
        }
        if flags.no_load && loaded.is_none() {
            return Err(DlError::NotLoaded(name.to_owned()));
        }
        if is_main(&object) {
            return Err(DlError::Load(Error::Unsupported {
                file: object.path().display().to_string(),
                what: "being opened as a library: it is a program, with a `_start`".to_owned(),
            }));
        }
        self.reclaim();
        if self.link.is_flat() {
            if !can_be_opened(&object) {
                return Err(DlError::Load(Error::Unsupported {
                    file: object.path().display().to_string(),
                    what:
                        "being opened by a flat program with a memory of its own; import env.memory"
                            .to_owned(),
                }));
            }
            let number = self.load_one_flat(name.to_owned(), object)?;
            self.link.instances[number].refs.always = false;
            return Ok(Found::There(number));
        }
        let purpose = Purpose::Opened {
            deepbind: flags.deepbind,
            global: flags.global,
            now: flags.now,
        };
        let group =
            self.with_finder(|view, finder| link::opened(view, name, object, purpose, finder))?;
        let new = group.numbers();
        let needed = group.local.iter().copied().filter(|n| !new.contains(n));
        let needed: Vec<usize> = needed.collect();
        if self.is_ending(&needed) {
            return Ok(Found::Ending(needed));
        }
        Ok(Found::Loaded(self.load(group)?))
    }
}

/// Whether an object is made to be the main one, as a PIE is to `ld.so`.
fn is_main(object: &Object) -> bool {
    let start = object.find("_start").map(|number| object.symbol(number));
    object.info().abi != LinkingAbi::Dyninfo
        && start.is_some_and(|start| start.defines(SymbolKind::Function))
}
