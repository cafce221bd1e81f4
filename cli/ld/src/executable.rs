//! A program whose objects are in the loader's own file.

use std::ffi::{OsStr, OsString};

use anyhow::Result;
use wasmaot::EngineConfig;
use wasmaot_abi::executable::{HEAD, Record};
use wasmaot_launch::{Executable, Members, Options, Program, Use, open_all, within};

use crate::start::Segment;
use crate::{object, own_file};

/// Runs the program; answers its exit code.
///
/// # Errors
/// What keeps it from being loaded.
pub fn run(segment: &Segment, name: &OsStr, words: &[OsString]) -> Result<u8> {
    let head = segment.bytes.first_chunk::<HEAD>();
    let record = head.and_then(Record::size).unwrap_or_default() as usize;
    let record = segment.bytes.get(..record).unwrap_or_default();
    let (file, path) = own_file::open(record, segment.offset)?;
    let options = Options::of_environment()?;
    let size = segment.bytes.len() as u64;
    let place = (record, segment.offset, size);
    let executable = Executable::new(file, path.clone(), place, options.verify)?;
    let options = options.over(executable.options()?);
    let config = options.config()?;
    let ran = within(&options, config, |process| {
        let mut finder = options.finder(&path, EngineConfig::new());
        let preload = open_all(&mut finder, &options.preload)?;
        let (main, libraries) = (executable.main()?, executable.libraries()?);
        let host = options.host(name, words)?;
        process.set_finder(Members::new(executable, finder));
        let program = Program::prepare(process, host, main, libraries, Use::Run, None)?;
        let program = program.preload(preload);
        let id = program.load(process)?;
        program.start(process, id, path.display())
    });
    object::advised(ran, &options)
}
