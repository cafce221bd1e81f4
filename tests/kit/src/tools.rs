//! The programs that the tests need, and where to get them.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// A program that was found.
#[derive(Debug)]
pub struct Tool {
    /// Its path.
    pub path: PathBuf,
    version: OnceLock<String>,
}

impl Tool {
    /// First line of what `--version` prints: part of every cache key. It is asked for
    /// when it is needed, since some take a third of a second to say it.
    pub fn version(&self) -> &str {
        self.version.get_or_init(|| {
            let output = self.command().arg("--version").output();
            let output =
                output.unwrap_or_else(|e| panic!("cannot run {}: {e}", self.path.display()));
            let text = String::from_utf8_lossy(&output.stdout);
            text.lines().next().unwrap_or_default().to_owned()
        })
    }

    /// A command that runs it.
    pub fn command(&self) -> Command {
        Command::new(&self.path)
    }
}

macro_rules! tools {
    ($($(#[$doc:meta])* $field:ident = $program:literal in $package:literal;)*) => {
        /// Every program that the tests need.
        #[derive(Debug)]
        pub struct Tools {
            $($(#[$doc])* pub $field: Tool,)*
        }

        /// Finds the programs in `PATH`.
        ///
        /// # Panics
        /// If one is missing, with the command that installs all that are.
        pub fn tools() -> &'static Tools {
            static TOOLS: OnceLock<Tools> = OnceLock::new();
            TOOLS.get_or_init(|| {
                let missing: Vec<&str> = [$(($program, $package)),*]
                    .into_iter()
                    .filter(|(program, _)| find(program).is_none())
                    .map(|(_, package)| package)
                    .collect();
                assert!(
                    missing.is_empty(),
                    "tools are missing; install with: apt-get install {}",
                    missing.join(" ")
                );
                Tools { $($field: tool($program),)* }
            })
        }
    };
}

tools! {
    /// The C compiler for wasm.
    clang = "clang-22" in "clang-22";
    /// The wasm linker.
    wasm_ld = "wasm-ld-22" in "lld-22";
    /// Names places in the source of wasm modules.
    symbolizer = "llvm-symbolizer-22" in "llvm-22";
    /// The archiver for wasm objects.
    ar = "llvm-ar-22" in "llvm-22";
    /// A checker of ELF files.
    elflint = "eu-elflint" in "elfutils";
    /// A reader of ELF files.
    readelf = "readelf" in "binutils";
    /// The C compiler for the machine that the tests run on.
    gcc = "gcc" in "gcc libc6-dev";
    /// The debugger.
    gdb = "gdb" in "gdb";
    /// The same for all machines.
    gdb_multiarch = "gdb-multiarch" in "gdb-multiarch";
    /// A judge of what zlib wrote.
    gzip = "gzip" in "gzip";
    /// The C++ compiler for that machine.
    gxx = "g++" in "g++";
    /// Builds projects.
    make = "make" in "make";
    /// Configures projects, and with it comes the program that runs their tests.
    cmake = "cmake" in "cmake";
    /// Unpacks archives of projects.
    bzip2 = "bzip2" in "bzip2";
    /// Fetches published modules and the sysroot.
    npm = "npm" in "nodejs npm";
    /// Fetches and unpacks Python packages.
    python = "python3" in "python3 python3-pip";
    /// Unpacks what such a package holds.
    zstd = "zstd" in "zstd";
    /// Makes a minimal Debian.
    mmdebstrap = "mmdebstrap" in "mmdebstrap";
    /// Unpacks what npm and apt fetched.
    tar = "tar" in "tar";
    /// Makes certificates.
    openssl = "openssl" in "openssl";
    /// A store that machines share.
    redis = "redis-server" in "redis-server";
    /// Another one.
    memcached = "memcached" in "memcached";
    /// A server of WebDAV, which is one too.
    rclone = "rclone" in "rclone";
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|p| p.is_file())
}

fn tool(program: &str) -> Tool {
    Tool {
        path: find(program).expect("checked before"),
        version: OnceLock::new(),
    }
}
