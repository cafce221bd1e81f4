//! How a program is run: what it is given, what it may use, where its libraries
//! are searched.
//!
//! Options come from up to three places. The command line of whoever starts a
//! program outranks [`VARIABLE`] in his environment, and that the words that an
//! executable was built with. Of an option that is given in several places the
//! value of the highest one holds; of one that can be given several times, the
//! values of all hold, those of the highest place first. A directory hides one of the
//! same name from a lower place, and a variable does.

use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use wasmaot_hosts::HostEnv;
use wasmaot_runtime::{Bind, Config, DlStubs, Unresolved};

use crate::debug;
use crate::grant::{Grant, grant_all};
use crate::report::usage;
use crate::size::Size;
use crate::timeout::Timeout;

/// The options; what is not given is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Directories that are searched for libraries, before the standard places.
    pub library_path: Vec<PathBuf>,
    /// Objects that are loaded before all libraries.
    pub preload: Vec<PathBuf>,
    /// Whether every byte of objects is checked.
    pub verify: bool,
    /// Directories that the program is granted.
    pub grants: Vec<Grant>,
    /// Variables of its environment: `K=V`, or `K` for the value that it has here.
    pub env: Vec<OsString>,
    /// The program's name for itself.
    pub argv0: Option<OsString>,
    /// Addresses of sockets that it is given.
    pub listen: Vec<String>,
    /// How calls between objects are bound.
    pub bind: Option<Bind>,
    /// Whether libraries are loaded only when something is not found without them.
    pub lazy_load: bool,
    /// What is done about stubs of `dlopen` and its like.
    pub dl_stubs: Option<DlStubs>,
    /// What is done about undefined symbols.
    pub unresolved: Option<Unresolved>,
    /// Bytes that the program may use.
    pub max_memory: Option<Size>,
    /// Bytes of its native stack.
    pub stack_size: Option<Size>,
    /// Threads that it may have at a time.
    pub max_threads: Option<NonZeroU32>,
    /// How long it may run.
    pub timeout: Option<Timeout>,
}

impl Options {
    /// These, and what they leave open as another place has it.
    #[must_use]
    pub fn over(self, mut lower: Self) -> Self {
        // Of two directories of one name a program would see either.
        let names = |grant: &Grant| self.grants.iter().all(|own| own.guest != grant.guest);
        lower.grants.retain(names);
        Self {
            library_path: [self.library_path, lower.library_path].concat(),
            preload: [self.preload, lower.preload].concat(),
            verify: self.verify || lower.verify,
            grants: [self.grants, lower.grants].concat(),
            env: [self.env, lower.env].concat(),
            argv0: self.argv0.or(lower.argv0),
            listen: [self.listen, lower.listen].concat(),
            bind: self.bind.or(lower.bind),
            lazy_load: self.lazy_load || lower.lazy_load,
            dl_stubs: self.dl_stubs.or(lower.dl_stubs),
            unresolved: self.unresolved.or(lower.unresolved),
            max_memory: self.max_memory.or(lower.max_memory),
            stack_size: self.stack_size.or(lower.stack_size),
            max_threads: self.max_threads.or(lower.max_threads),
            timeout: self.timeout.or(lower.timeout),
        }
    }

    /// What the loader is told.
    ///
    /// # Errors
    /// Wrong usage: of these options, or of the variable that asks for a trace.
    pub fn config(&self) -> Result<Config> {
        let bind = self.bind.unwrap_or_default();
        if self.lazy_load && bind != Bind::Lazy {
            return Err(usage("--lazy-load needs --bind lazy"));
        }
        let defaults = Config::default();
        Ok(Config {
            max_memory: self.max_memory.map_or(defaults.max_memory, |size| size.0),
            stack_size: self.stack_size.map_or(defaults.stack_size, |size| size.0),
            max_threads: self
                .max_threads
                .map_or(defaults.max_threads, NonZeroU32::get),
            unresolved: self.unresolved.unwrap_or_default(),
            bind,
            dl_stubs: self.dl_stubs.unwrap_or_default(),
            lazy_load: self.lazy_load,
            check: std::env::var_os("WASMAOT_CHECK").is_some(),
            debugger: debug::debugger()?,
            perf_map: debug::perf_map()?,
            trace: debug::trace()?,
            ..defaults
        })
    }

    /// What a program may see of the host. `name`: what it is called if no option
    /// says it; `words`: its arguments.
    ///
    /// # Errors
    /// What cannot be had: a directory, an address to listen at.
    pub fn host(&self, name: &OsStr, words: &[OsString]) -> Result<HostEnv> {
        let name = self.argv0.as_deref().unwrap_or(name);
        let mut host = HostEnv::new()
            .inherit_stdio()
            .args([name.as_bytes()])
            .args(words.iter().map(|word| word.as_bytes()));
        for (name, value) in self.variables()? {
            host = host.env(name, value);
        }
        for address in &self.listen {
            let listener = socket_address(address).map(TcpListener::bind);
            let listener = listener.with_context(|| {
                format!("--listen {address}: is no address; it is ADDRESS:PORT, or localhost:PORT")
            })?;
            let listener =
                listener.with_context(|| format!("--listen {address}: cannot listen there"))?;
            host = host.listener(listener);
        }
        grant_all(host, &self.grants)
    }

    /// The variables of the program's environment, each once.
    fn variables(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut all: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for variable in &self.env {
            let text = variable.as_bytes();
            let (name, value) = match text.iter().position(|&byte| byte == b'=') {
                Some(0) => {
                    return Err(usage(format!(
                        "--env {}: a variable without a name; it is K=V",
                        variable.display()
                    )));
                }
                Some(at) => (&text[..at], Some(text[at + 1..].to_vec())),
                None => (text, None),
            };
            let passed_on = || std::env::var_os(variable).map(|own| own.as_bytes().to_vec());
            if let Some(value) = value.or_else(passed_on)
                && all.iter().all(|(other, _)| other != name)
            {
                all.push((name.to_vec(), value));
            }
        }
        Ok(all)
    }
}

/// A socket's address. Names but this one take the system's resolver, for which the C
/// library loads code: a static program does not.
fn socket_address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some((Ipv4Addr::LOCALHOST, port.parse().ok()?).into()),
        None => text.parse().ok(),
    }
}
