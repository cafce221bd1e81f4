//! Showing debuggers what is loaded.

use std::fmt::Write as _;

use super::Process;
use crate::arch::BREAKPOINT;
use crate::config::{Category, Debugger};
use crate::object::{Loaded, debug_image};
use crate::sys::{Registered, add_to_perf_map, is_debugger_listening};

impl Process {
    /// Shows debuggers some objects, before any code of them runs. Where none
    /// listens this is the look at one instruction.
    pub(super) fn show_to_debuggers(&mut self, numbers: impl IntoIterator<Item = usize>) {
        let is_wanted = match self.config.debugger {
            Debugger::Listening => is_debugger_listening(BREAKPOINT),
            Debugger::Always => true,
            Debugger::Never => false,
        };
        if !is_wanted {
            return;
        }
        for number in numbers {
            let instance = &mut self.link.instances[number];
            if instance.registered.is_some() {
                continue;
            }
            let at = Loaded {
                image: instance.image.start(),
                memory: self.space.domains[instance.domain].base(),
                memory_base: instance.memory_base,
            };
            match debug_image(&instance.object, at) {
                Some(file) => instance.registered = Some(Registered::new(file)),
                None => self.config.trace(Category::Warning, || {
                    format!(
                        "{}: its debugging sections are damaged: debuggers are not told of it; \
                         build it again",
                        instance.object.path().display()
                    )
                }),
            }
        }
    }

    /// Names code of objects that are in no file, for profilers.
    pub(super) fn name_for_profilers(&self, numbers: impl IntoIterator<Item = usize>) {
        if !self.config.perf_map {
            return;
        }
        let mut lines = String::new();
        for number in numbers {
            let instance = &self.link.instances[number];
            let object = &instance.object;
            let functions = object.native_functions().iter();
            for (at, size, name) in functions.filter(|_| object.is_in_memory()) {
                let start = instance.image.start() + at;
                let _ = writeln!(lines, "{start:x} {size:x} {name}");
            }
        }
        if let Err(error) = add_to_perf_map(&lines) {
            self.config.trace(Category::Warning, || {
                format!("no names for profilers: cannot write /tmp/perf-PID.map: {error}")
            });
        }
    }
}
