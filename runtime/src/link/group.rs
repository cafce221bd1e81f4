//! Objects that are loaded together.

use std::sync::Arc;

use super::linker::View;
use super::state::Deferred;
use crate::object::Object;

/// An object about to be loaded.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub object: Arc<Object>,
    /// Name it was asked for by.
    pub name: String,
    /// Numbers of the instances it needs, in the order of their names.
    pub needs: Vec<usize>,
    /// Where the program wants it in its memory.
    pub memory: Option<u64>,
    /// It is main, or was preloaded.
    pub chosen: bool,
}

/// Why objects are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A program, whose objects make the global scope.
    Program,
    /// One module by the WebAssembly specification.
    Module,
    /// One module of a flat program.
    Flat,
    /// A library that the program opens.
    Opened {
        /// Its own definitions come before the global ones.
        deepbind: bool,
        /// It joins the global scope.
        global: bool,
        /// Its functions are bound before it runs, whatever the process does.
        now: bool,
    },
}

impl Purpose {
    /// Whether a group's own definitions come before the global ones.
    pub const fn is_deepbind(self) -> bool {
        matches!(self, Self::Opened { deepbind: true, .. })
    }

    /// Whether functions have to be bound before anything runs.
    pub const fn is_now(self) -> bool {
        matches!(self, Self::Opened { now: true, .. })
    }

    /// Whether the group is opened by a running program.
    pub const fn is_opened(self) -> bool {
        matches!(self, Self::Opened { .. })
    }
}

/// Objects that are loaded together.
#[derive(Debug)]
pub(crate) struct Group {
    pub members: Vec<Member>,
    /// The instance that the first member becomes; the others follow.
    pub first: usize,
    /// The first member and all that it needs, breadth first: instances,
    /// loaded ones among them.
    pub local: Vec<usize>,
    pub purpose: Purpose,
    /// Libraries that are left for later.
    pub deferred: Vec<Deferred>,
}

impl Group {
    /// One object that needs nothing but what is there.
    pub fn alone(view: View<'_>, name: String, object: Arc<Object>, purpose: Purpose) -> Self {
        let first = view.state.instances.next();
        Self {
            members: vec![Member {
                name,
                object,
                needs: Vec::new(),
                memory: None,
                chosen: false,
            }],
            first,
            local: vec![first],
            purpose,
            deferred: Vec::new(),
        }
    }

    /// The numbers of the members.
    pub fn numbers(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.members.len()
    }

    /// The object of a member or a loaded instance.
    pub fn object<'a>(&'a self, view: View<'a>, number: usize) -> &'a Object {
        match number.checked_sub(self.first) {
            Some(member) => &self.members[member].object,
            None => &view.state.instances[number].object,
        }
    }

    /// Where names are looked up, in order.
    pub fn scope(&self, view: View<'_>) -> Vec<usize> {
        let global = view.state.scope.iter().copied();
        let local = self.local.iter().copied();
        let beside = view.state.beside.iter().copied();
        match self.purpose {
            Purpose::Program => global.chain(self.numbers()).chain(beside).collect(),
            Purpose::Module => global.chain(beside).collect(),
            Purpose::Flat => global.collect(),
            Purpose::Opened { deepbind: true, .. } => local.chain(global).chain(beside).collect(),
            Purpose::Opened { .. } => global.chain(local).chain(beside).collect(),
        }
    }
}
