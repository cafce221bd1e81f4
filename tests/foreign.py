#!/usr/bin/env -S python3 -IS
"""Stands for `wasmaot` in tests of another machine (`tests/run --target`).

What a test has the command run are modules. Here they are built first by the command of
this machine, for the other one, and the other one's command, which has no compiler, is
given the objects: in directories of the same content as the files' own, in which each
module is an object of the same name. It is started for each run of a program: what it
imports is little, and what only builds need is imported there.

WASMAOT_FOREIGN_TARGET  the target's triple
WASMAOT_FOREIGN_HOST    the command of this machine
WASMAOT_FOREIGN_RUN     the other one's, with what runs it
WASMAOT_FOREIGN_OBJECTS where the directories of objects are made
"""

import os
import sys

TARGET = os.environ["WASMAOT_FOREIGN_TARGET"]
HOST = os.environ["WASMAOT_FOREIGN_HOST"]
RUN = os.environ["WASMAOT_FOREIGN_RUN"].split()
OBJECTS = os.environ["WASMAOT_FOREIGN_OBJECTS"]
# Options of `run` that say how modules are built, and so are not its own without a
# compiler: those with a word of their own, and those in one word.
BUILD_WORDS = ("-O", "-j", "--jobs", "--max-code", "--profile", "--cpu")
BUILD_STARTS = ("-O", "-f", "-j", "--cpu=", "--max-code=", "--profile=")


def is_module(path):
    """Whether a file is a module, as text or in its own format."""
    if path.endswith(".wat"):
        return True
    with open(path, "rb") as file:
        return file.read(8) == b"\0asm\1\0\0\0"


def is_newer(target, source):
    try:
        return os.stat(target).st_mtime_ns >= os.stat(source).st_mtime_ns
    except FileNotFoundError:
        return False


def mirror(directory, options):
    """The directory of the objects of a directory's modules."""
    built = "".join(options).replace("/", "|") or "plain"
    target = os.path.join(OBJECTS, built, directory.lstrip("/"))
    copy(directory, target, options)
    return target


def copy(directory, target, options):
    os.makedirs(target, exist_ok=True)
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        place = os.path.join(target, entry.name)
        if entry.path == OBJECTS or entry.name.endswith(".a"):
            continue
        if entry.is_dir():
            copy(entry.path, place, options)
        elif entry.is_file() and not is_newer(place, entry.path):
            put(entry.path, place, options)


def put(source, place, options):
    """Builds a module, or links what is none; whole at once, for others do it too."""
    import shutil
    import subprocess
    import tempfile

    # The object has its name from that of its file.
    made = tempfile.mkdtemp(dir=OBJECTS)
    out = os.path.join(made, os.path.basename(place))
    if is_module(source):
        command = [HOST, "build", "-q", "--target", TARGET, *options, "-o", out, source]
        built = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if built.returncode != 0:
            # Nobody may need it; who does is told why there is none.
            with open(out, "w") as file:
                file.write(built.stderr)
    else:
        shutil.copy2(source, out)
    os.rename(out, place)
    os.rmdir(made)


def run(words):
    options, rest = [], []
    words = iter(words)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in BUILD_WORDS:
            options += [word, next(words)]
        elif word.startswith(BUILD_STARTS):
            options.append(word)
        else:
            rest.append(word)
    end = rest.index("--") if "--" in rest else len(rest)
    mirrors = {}

    def moved(path):
        """A path of the test's in the directory of objects."""
        directory = path if os.path.isdir(path) else os.path.dirname(path) or "."
        real = os.path.realpath(directory)
        if real not in mirrors:
            mirrors[real] = mirror(real, options)
        return os.path.join(mirrors[real], os.path.relpath(path, directory))

    def granted(word):
        """A granted directory with modules in it, by the name that it would have."""
        start, host = ("ro:", word[3:]) if word.startswith("ro:") else ("", word)
        host, colons, guest = host.partition("::")
        files = [entry.path for entry in os.scandir(host) if entry.is_file()]
        if not any(is_module(path) for path in files):
            return word
        return f"{start}{moved(host)}::{guest if colons else host}"

    def translated(word, before):
        if before == "-L":
            return moved(word)
        if before == "--dir":
            return granted(word)
        name, equals, path = word.rpartition("=")
        if os.path.isfile(path) and is_module(path):
            return name + equals + moved(path)
        return word

    befores = [""] + rest
    rest[:end] = [translated(word, before) for word, before in zip(rest[:end], befores)]
    os.execvp(RUN[0], [*RUN, "run", *rest])


def main():
    name, words = sys.argv[1], sys.argv[2:]
    if name == "run":
        run(words)
    elif name == "build":
        os.execv(HOST, [HOST, "build", "--target", TARGET, *words])
    os.execv(HOST, sys.argv)


main()
