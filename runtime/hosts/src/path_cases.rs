//! Calls with every form of path, for the tests of both hosts: by a host and by the kernel itself, in
//! directories of the same content: error number and effect have to be the same.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timestamps, UTIME_OMIT};
use rustix::time::Timespec;

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Mkdir,
    Rmdir,
    Unlink,
    Rename,
    Link { follow: bool },
    Symlink,
    Readlink,
    Stat { follow: bool },
    Open { flags: u32, follow: bool },
    SetTime { follow: bool },
}

/// What is asked of a host: the call and its paths; a call of one path ignores
/// the other.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) op: Op,
    pub(crate) path: String,
    pub(crate) to: String,
}

/// The time that [`Op::SetTime`] sets, in seconds.
pub(crate) const TIME: u64 = 1_000_000_000;

/// What a call answers: something to compare, or an error number of the kernel.
pub(crate) type Answer = Result<String, i32>;

/// Makes what calls are tried on.
fn prepare(root: &Path) {
    let dir = root.join("t");
    for name in ["dir/sub", "empty"] {
        fs::create_dir_all(dir.join(name)).unwrap();
    }
    for name in ["x", "y", "dir/inner"] {
        fs::write(dir.join(name), name).unwrap();
    }
    for (target, name) in [
        ("dir", "link"),
        ("empty", "empty-link"),
        ("x", "file-link"),
        ("link", "second"),
        ("nothing", "dangling"),
        ("loop", "loop"),
        ("../dir/", "dir/slash"),
    ] {
        symlink(target, dir.join(name)).unwrap();
    }
}

/// All that is there, as text.
fn snapshot(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut todo = vec![root.join("t")];
    while let Some(path) = todo.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = if metadata.is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
            String::new()
        } else if metadata.is_symlink() {
            fs::read_link(&path).unwrap().display().to_string()
        } else {
            fs::read_to_string(&path).unwrap()
        };
        found.insert(format!(
            "{} {:o} {} {} {content:?}",
            path.strip_prefix(root).unwrap().display(),
            metadata.mode(),
            if metadata.is_dir() {
                0
            } else {
                metadata.nlink()
            },
            metadata.mtime().cast_unsigned() == TIME,
        ));
    }
    found
}

/// What the kernel answers.
fn native(root: &impl AsFd, case: &Case) -> Answer {
    let root = root.as_fd();
    let (path, to) = (&*case.path, &*case.to);
    let flags = |follow| match follow {
        true => AtFlags::empty(),
        false => AtFlags::SYMLINK_NOFOLLOW,
    };
    let done = |result: rustix::io::Result<()>| result.map(|()| String::new());
    let answer = match case.op {
        Op::Mkdir => done(rustix::fs::mkdirat(root, path, Mode::from_raw_mode(0o777))),
        Op::Rmdir => done(rustix::fs::unlinkat(root, path, AtFlags::REMOVEDIR)),
        Op::Unlink => done(rustix::fs::unlinkat(root, path, AtFlags::empty())),
        Op::Rename => done(rustix::fs::renameat(root, path, root, to)),
        Op::Link { follow } => {
            let flags = match follow {
                true => AtFlags::SYMLINK_FOLLOW,
                false => AtFlags::empty(),
            };
            done(rustix::fs::linkat(root, path, root, to, flags))
        }
        Op::Symlink => done(rustix::fs::symlinkat("x", root, path)),
        Op::Readlink => rustix::fs::readlinkat(root, path, Vec::new())
            .map(|target| target.into_string().unwrap()),
        Op::Stat { follow } => {
            let stat = rustix::fs::statat(root, path, flags(follow));
            stat.map(|stat| kind_of(stat.st_mode))
        }
        Op::Open { flags, follow } => {
            let mut flags = OFlags::from_bits_retain(flags) | OFlags::CLOEXEC;
            flags.set(OFlags::NOFOLLOW, !follow);
            let opened = rustix::fs::openat(root, path, flags, Mode::from_raw_mode(0o666));
            opened.map(|fd| kind_of(rustix::fs::fstat(fd).unwrap().st_mode))
        }
        Op::SetTime { follow } => {
            let times = Timestamps {
                last_access: Timespec {
                    tv_sec: 0,
                    tv_nsec: UTIME_OMIT,
                },
                last_modification: Timespec {
                    tv_sec: TIME.cast_signed(),
                    tv_nsec: 0,
                },
            };
            done(rustix::fs::utimensat(root, path, &times, flags(follow)))
        }
    };
    answer.map_err(rustix::io::Errno::raw_os_error)
}

/// What kind of file it is.
pub(crate) fn kind_of(mode: u32) -> String {
    match mode >> 12 {
        4 => "directory".to_owned(),
        8 => "file".to_owned(),
        10 => "link".to_owned(),
        other => format!("kind {other}"),
    }
}

/// Names, and what may follow one.
const NAMES: &[&str] = &[
    "x",
    "dir",
    "empty",
    "new",
    "link",
    "empty-link",
    "file-link",
    "second",
    "dangling",
    "loop",
    "dir/inner",
    "dir/new",
    "dir/slash",
    "x/y",
    "new/y",
    "link/inner",
    "link/new",
    "dangling/y",
    "loop/y",
];
const ENDINGS: &[&str] = &["", "/", "//", "/.", "/./", "/..", "/../", "/../x", "/./new"];

fn paths() -> Vec<String> {
    let named = NAMES.iter().flat_map(|name| {
        let ended = ENDINGS
            .iter()
            .map(move |ending| format!("t/{name}{ending}"));
        ended.chain([format!("t/./{name}"), format!("./t//{name}/")])
    });
    let mut paths: Vec<String> = named.collect();
    paths.extend(["", ".", "./", "t", "t/", "t/.", "t/.."].map(str::to_owned));
    paths
}

fn cases() -> Vec<Case> {
    const RDONLY: u32 = libc::O_RDONLY as u32;
    const WRONLY: u32 = libc::O_WRONLY as u32;
    const CREAT: u32 = libc::O_CREAT as u32;
    const EXCL: u32 = libc::O_EXCL as u32;
    const TRUNC: u32 = libc::O_TRUNC as u32;
    const DIRECTORY: u32 = libc::O_DIRECTORY as u32;
    let mut ops = vec![Op::Mkdir, Op::Rmdir, Op::Unlink, Op::Symlink, Op::Readlink];
    for follow in [false, true] {
        ops.extend([Op::Stat { follow }, Op::SetTime { follow }]);
        ops.extend(
            [
                RDONLY,
                WRONLY,
                DIRECTORY,
                CREAT,
                CREAT | WRONLY,
                CREAT | EXCL | WRONLY,
                CREAT | TRUNC | WRONLY,
                TRUNC,
            ]
            .map(|flags| Op::Open { flags, follow }),
        );
    }
    let mut cases = Vec::new();
    for path in paths() {
        let of_one = |op: &Op| Case {
            op: *op,
            path: path.clone(),
            to: String::new(),
        };
        cases.extend(ops.iter().map(of_one));
        for op in [
            Op::Rename,
            Op::Link { follow: false },
            Op::Link { follow: true },
        ] {
            for other in ["t/y", "t/z/", "t/empty/", "t/dir/."] {
                let case = |path: &str, to: &str| Case {
                    op,
                    path: path.to_owned(),
                    to: to.to_owned(),
                };
                cases.extend([case(&path, other), case(other, &path)]);
            }
        }
    }
    cases
}

/// Compares a host with the kernel. The host is given a case and the directory
/// that it has to grant.
pub(crate) fn compare(host: impl Fn(&Path, &Case) -> Answer, expected: impl Fn(i32) -> i32) {
    let (mut differences, mut count) = (Vec::new(), 0);
    let outer = tempfile::tempdir().unwrap();
    let fresh = |name: &str| {
        let root = outer.path().join(name);
        if root.exists() {
            fs::remove_dir_all(&root).unwrap();
        }
        fs::create_dir(&root).unwrap();
        prepare(&root);
        root
    };
    let (mut ours, mut theirs) = (fresh("ours"), fresh("theirs"));
    let untouched = snapshot(&ours);
    for case in cases() {
        count += 1;
        let fd = rustix::fs::openat(CWD, &theirs, OFlags::RDONLY, Mode::empty()).unwrap();
        let right = native(&fd, &case).map_err(&expected);
        let answer = host(&ours, &case);
        let after = snapshot(&ours);
        // The kernel leaves all as it is where it answers an error.
        let wanted = match right {
            Ok(_) => snapshot(&theirs),
            Err(_) => untouched.clone(),
        };
        if answer != right || after != wanted {
            let effects: Vec<_> = after.symmetric_difference(&wanted).collect();
            differences.push(format!("{case:?}: {answer:?}, not {right:?} {effects:?}"));
        }
        if after != untouched || wanted != untouched {
            (ours, theirs) = (fresh("ours"), fresh("theirs"));
        }
    }
    assert!(count > 5000, "{count} cases");
    assert!(
        differences.is_empty(),
        "{} of {count} differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
}
