//! Dynamic linking while the program runs: opening and closing libraries, and
//! `<dlfcn.h>` for the program.
//!
//! | file | |
//! |---|---|
//! | `open` | libraries are opened, found again, promoted |
//! | `path` | where a program's paths begin |
//! | `bind`, `deferred` | what waits for the first call that needs it |
//! | `forward` | functions of `dyninfo` modules that wait for their library |
//! | `symbol` | `dlsym`: the scopes, `RTLD_NEXT` |
//! | `stubs` | definitions of the program's libraries that only fail |
//! | `close`, `reclaim` | what nobody holds any more is finalised and unloaded; its pages are given back |
//! | `exit` | handlers of `atexit` that go with their library |
//! | `info` | `dladdr`, `dl_iterate_phdr` |
//! | `functions` | all of it as host functions with the C ABI |
//! | `thinthin` | those of `dyninfo` programs |

mod bind;
mod caller;
mod close;
mod deferred;
mod exit;
mod forward;
mod functions;
mod info;
mod open;
mod path;
mod reclaim;
mod stubs;
mod symbol;
pub(crate) mod thinthin;

use wasmaot_abi::name;

use crate::link::Overrides;

pub use crate::error::DlError;
pub use open::OpenFlags;

pub(crate) use bind::bind_lazily;
pub(crate) use forward::function as forward;
pub(crate) use functions::functions;
pub use stubs::loader_provides;

/// Import module of the functions that libraries get in the place of others.
const MODULE: &str = "wasmaot:dl";

/// Which of these functions come before definitions of a program's objects.
pub(crate) const OVERRIDES: Overrides = Overrides {
    opened: &exit::TAKEN_OVER,
    opened_module: MODULE,
    loaders: &stubs::LOADERS,
    ways: &stubs::WAYS,
    way_modules: &[name::ENV, name::GOT_FUNC, thinthin::MODULE],
    provides: loader_provides,
};
