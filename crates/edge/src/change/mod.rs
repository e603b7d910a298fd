//! What may change while the edge serves: settings, plans, addresses, and what of them is kept on disk.

pub(crate) mod archive;
pub(crate) mod certificates;
pub(crate) mod hold;
pub(crate) mod names;
pub(crate) mod plan;
pub(crate) mod scribe;
pub(crate) mod settings;
pub(crate) mod site;
pub(crate) mod store;
pub(crate) mod trial;
