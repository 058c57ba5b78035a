//! All platforms: one line for each. Nothing else in the project names them, but their folders, fixtures, fakes and documents.

use super::adapter::Adapter;
use super::{eventbrite, humanitix};

pub(super) static ALL: &[&dyn Adapter] = &[&eventbrite::Eventbrite, &humanitix::Humanitix];
